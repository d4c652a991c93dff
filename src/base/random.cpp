#include "base/random.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sys/random.h>

namespace fluxion {

void randomBytes(void* out, size_t size)
{
    auto p = static_cast<char*>(out);
    while (size > 0) {
        const ssize_t n = getrandom(p, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            std::fputs("fluxion: the system gives no random bytes\n", stderr);
            std::abort();
        }
        p += n;
        size -= static_cast<size_t>(n);
    }
}

uint64_t randomU64()
{
    uint64_t v;
    randomBytes(&v, sizeof v);
    return v;
}

std::string toHex(std::string_view bytes)
{
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto b = static_cast<unsigned char>(c);
        out.push_back(kDigits[b >> 4]);
        out.push_back(kDigits[b & 15]);
    }
    return out;
}

} // namespace fluxion
