#include "log/sealed_file.h"

#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace fluxion {

Result<std::optional<std::string>> readSealedFile(Directory& directory, const std::string& name)
{
    auto there = directory.exists(name);
    if (!there)
        return there.error();
    if (!there.value())
        return std::optional<std::string>();
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    auto bytes = readWhole(*file.value(), kMaxSealedBytes);
    if (!bytes && bytes.error().code == Code::TooLarge)
        return {Code::Damaged, file.value()->path() + ": damaged at offset " +
                                   std::to_string(kMaxSealedBytes) + ": too long"};
    if (!bytes)
        return bytes.error();
    std::string& content = bytes.value();
    uint32_t crc = 0;
    if (content.size() >= sizeof crc) {
        std::memcpy(&crc, content.data() + content.size() - sizeof crc, sizeof crc);
        content.resize(content.size() - sizeof crc);
        if (crc32c(content) == crc)
            return std::optional<std::string>(std::move(content));
    }
    return {Code::Damaged, file.value()->path() + ": damaged at offset 0: checksum does not match"};
}

Status writeSealedFile(Directory& directory, const std::string& name, std::string content)
{
    ByteWriter(content).u32(crc32c(content));
    return replaceFile(directory, name, content);
}

Status removeLastingly(Directory& directory, const std::string& name)
{
    auto there = directory.exists(name);
    if (!there)
        return there.error();
    if (!there.value())
        return {};
    if (Status status = directory.remove(name); !status)
        return status;
    return directory.sync();
}

} // namespace fluxion
