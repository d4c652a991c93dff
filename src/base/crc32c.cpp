#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace fluxion {

namespace {

constexpr uint32_t kPolynomial = 0x82f63b78; // reflected

constexpr std::array<uint32_t, 256> makeTable()
{
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t c = i;
        for (int k = 0; k < 8; ++k)
            c = (c & 1) ? (c >> 1) ^ kPolynomial : c >> 1;
        table[i] = c;
    }
    return table;
}

constexpr auto kTable = makeTable();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc32cSse(const void* data, size_t size, uint32_t crc)
{
    auto p = static_cast<const unsigned char*>(data);
    uint64_t c = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word;
        std::memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    auto c32 = static_cast<uint32_t>(c);
    for (; size > 0; --size, ++p)
        c32 = _mm_crc32_u8(c32, *p);
    return ~c32;
}
#endif

} // namespace

uint32_t crc32cPortable(const void* data, size_t size, uint32_t crc)
{
    auto p = static_cast<const unsigned char*>(data);
    crc = ~crc;
    for (; size > 0; --size, ++p)
        crc = kTable[(crc ^ *p) & 0xff] ^ (crc >> 8);
    return ~crc;
}

uint32_t crc32c(const void* data, size_t size, uint32_t crc)
{
#if defined(__x86_64__)
    static const bool hasSse42 = __builtin_cpu_supports("sse4.2") != 0;
    if (hasSse42)
        return crc32cSse(data, size, crc);
#endif
    return crc32cPortable(data, size, crc);
}

} // namespace fluxion
