#pragma once

// Little-endian numbers in and out of byte strings: the one encoding of log, checkpoints, chunks.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace fluxion {

static_assert(std::endian::native == std::endian::little, "formats are written as they lie");

// Appends to a string that it does not own.
class ByteWriter {
  public:
    explicit ByteWriter(std::string& out) : m_out(out) {}

    void u8(uint8_t v) { m_out.push_back(static_cast<char>(v)); }
    void u16(uint16_t v) { raw(&v, sizeof v); }
    void u32(uint32_t v) { raw(&v, sizeof v); }
    void u64(uint64_t v) { raw(&v, sizeof v); }
    void i64(int64_t v) { raw(&v, sizeof v); }
    // LEB128, 1 to 10 bytes.
    void varint(uint64_t v)
    {
        while (v >= 0x80) {
            u8(static_cast<uint8_t>(v | 0x80));
            v >>= 7;
        }
        u8(static_cast<uint8_t>(v));
    }
    // Zigzag, then varint.
    void svarint(int64_t v)
    {
        varint((static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63));
    }
    void raw(const void* data, size_t size) { m_out.append(static_cast<const char*>(data), size); }
    void raw(std::string_view s) { m_out.append(s); }
    // varint length, then the bytes.
    void text(std::string_view s)
    {
        varint(s.size());
        m_out.append(s);
    }

  private:
    std::string& m_out;
};

// Reads a byte string without ever passing its end: after a short or malformed read ok() is false
// and every further read yields zero or an empty view. Views live as long as the source.
class ByteReader {
  public:
    explicit ByteReader(std::string_view in) : m_in(in) {}

    uint8_t u8() { return number<uint8_t>(); }
    uint16_t u16() { return number<uint16_t>(); }
    uint32_t u32() { return number<uint32_t>(); }
    uint64_t u64() { return number<uint64_t>(); }
    int64_t i64() { return number<int64_t>(); }
    uint64_t varint()
    {
        uint64_t v = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const uint8_t b = u8();
            if (shift == 63 && b > 1)
                break;
            v |= static_cast<uint64_t>(b & 0x7f) << shift;
            if (b < 0x80)
                return m_ok ? v : 0;
        }
        m_ok = false;
        return 0;
    }
    int64_t svarint()
    {
        const uint64_t v = varint();
        return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
    }
    std::string_view raw(size_t size)
    {
        if (!m_ok || size > m_in.size() - m_at) {
            m_ok = false;
            return {};
        }
        const std::string_view s = m_in.substr(m_at, size);
        m_at += size;
        return s;
    }
    std::string_view text() { return raw(varint()); }

    bool ok() const { return m_ok; }
    bool atEnd() const { return m_at == m_in.size(); }
    size_t position() const { return m_at; }
    size_t remaining() const { return m_in.size() - m_at; }

  private:
    template <class T> T number()
    {
        const std::string_view s = raw(sizeof(T));
        T v{};
        if (m_ok)
            std::memcpy(&v, s.data(), sizeof v);
        return v;
    }

    std::string_view m_in;
    size_t m_at = 0;
    bool m_ok = true;
};

} // namespace fluxion
