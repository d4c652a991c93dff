#pragma once

// CRC-32C (Castagnoli, RFC 3720 appendix B.4). SSE4.2 where the processor has it, else a table.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fluxion {

// Continues from `crc`, the result over the bytes before (0 to begin).
uint32_t crc32c(const void* data, size_t size, uint32_t crc = 0);

inline uint32_t crc32c(std::string_view bytes, uint32_t crc = 0)
{
    return crc32c(bytes.data(), bytes.size(), crc);
}

// The table version, whatever the processor: for tests.
uint32_t crc32cPortable(const void* data, size_t size, uint32_t crc = 0);

} // namespace fluxion
