#include <cstdio>

#include "engine/verify.h"
#include "io/directory_lock.h"
#include "io/posix.h"
#include "server/server.h"

namespace fluxion {

Result<uint64_t> verifyData(const std::string& folder)
{
    auto directory = openDirectory(folder, false);
    if (!directory)
        return directory.error();
    const auto lock = lockDirectoryShared(folder);
    if (!lock)
        return lock.error();
    return verifyFolder(*directory.value(), [](std::string_view line) {
        std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    });
}

} // namespace fluxion
