#include "fuzz/strict_json.h"

#include <cstdint>

namespace fluxion::fuzz {

namespace {

void appendUtf8(std::string& out, uint32_t c)
{
    const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12);
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    } else {
        put(0xf0 | c >> 18);
        put(0x80 | (c >> 12 & 0x3f));
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    }
}

std::string quoted(std::string_view text)
{
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += std::string("\\") + c;
        else if (c == '\n')
            out += "\\n";
        else if (c == '\r')
            out += "\\r";
        else if (c == '\t')
            out += "\\t";
        else if (byte < 0x20)
            out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
        else
            out += c;
    }
    return out + '"';
}

class Reader {
  public:
    Reader(std::string_view in, size_t maxDepth) : m_in(in), m_maxDepth(maxDepth) {}

    std::optional<StrictJson> read()
    {
        StrictJson out;
        m_out = &out;
        blanks();
        if (!value(0))
            return std::nullopt;
        blanks();
        if (m_at != m_in.size())
            return std::nullopt;
        return out;
    }

  private:
    bool have() const { return m_at < m_in.size(); }
    bool at(char c) const { return have() && m_in[m_at] == c; }
    bool take(char c)
    {
        if (!at(c))
            return false;
        ++m_at;
        return true;
    }
    void blanks()
    {
        while (at(' ') || at('\t') || at('\n') || at('\r'))
            ++m_at;
    }
    bool word(std::string_view w)
    {
        if (m_in.substr(m_at, w.size()) != w)
            return false;
        m_at += w.size();
        m_out->text += w;
        return true;
    }
    bool digits()
    {
        const size_t start = m_at;
        while (have() && m_in[m_at] >= '0' && m_in[m_at] <= '9')
            ++m_at;
        return m_at > start;
    }
    bool number()
    {
        const size_t start = m_at;
        take('-');
        if (!take('0') && !digits())
            return false;
        if (take('.') && !digits())
            return false;
        if (take('e') || take('E')) {
            if (!take('+'))
                take('-');
            if (!digits())
                return false;
        }
        m_out->text += m_in.substr(start, m_at - start);
        return true;
    }
    bool hex4(uint32_t& unit)
    {
        unit = 0;
        for (int i = 0; i < 4; ++i, ++m_at) {
            if (!have())
                return false;
            const char c = m_in[m_at];
            if (c >= '0' && c <= '9')
                unit = unit << 4 | static_cast<uint32_t>(c - '0');
            else if (c >= 'a' && c <= 'f')
                unit = unit << 4 | static_cast<uint32_t>(c - 'a' + 10);
            else if (c >= 'A' && c <= 'F')
                unit = unit << 4 | static_cast<uint32_t>(c - 'A' + 10);
            else
                return false;
        }
        return true;
    }
    bool escape(std::string& text)
    {
        constexpr std::string_view kNames = "\"\\/bfnrt";
        constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
        if (!have())
            return false;
        const char c = m_in[m_at++];
        if (const size_t i = kNames.find(c); i != std::string_view::npos) {
            text += kMeant[i];
            return true;
        }
        uint32_t unit = 0;
        if (c != 'u' || !hex4(unit) || (unit >= 0xdc00 && unit < 0xe000))
            return false;
        if (unit >= 0xd800 && unit < 0xdc00) {
            uint32_t low = 0;
            if (!take('\\') || !take('u') || !hex4(low) || low < 0xdc00 || low >= 0xe000)
                return false;
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
        appendUtf8(text, unit);
        return true;
    }
    bool string()
    {
        if (!take('"'))
            return false;
        std::string text;
        while (have()) {
            const char c = m_in[m_at++];
            if (c == '"') {
                m_out->text += quoted(text);
                return true;
            }
            if (static_cast<unsigned char>(c) < 0x20)
                return false;
            if (c != '\\')
                text += c;
            else if (!escape(text))
                return false;
        }
        return false;
    }
    bool member(size_t depth)
    {
        if (!string())
            return false;
        blanks();
        if (!take(':'))
            return false;
        m_out->text += ':';
        blanks();
        return value(depth);
    }
    bool list(char open, char close, size_t depth)
    {
        if (depth > m_maxDepth)
            return false;
        m_out->depth = std::max(m_out->depth, depth);
        m_out->text += open;
        ++m_at;
        blanks();
        for (bool first = true; !take(close); first = false) {
            if (!first) {
                if (!take(','))
                    return false;
                m_out->text += ',';
                blanks();
            }
            if (!(open == '{' ? member(depth) : value(depth)))
                return false;
            blanks();
        }
        m_out->text += close;
        return true;
    }
    bool value(size_t depth)
    {
        if (at('{'))
            return list('{', '}', depth + 1);
        if (at('['))
            return list('[', ']', depth + 1);
        if (at('"'))
            return string();
        return word("true") || word("false") || word("null") || number();
    }

    std::string_view m_in;
    const size_t m_maxDepth;
    size_t m_at = 0;
    StrictJson* m_out = nullptr;
};

} // namespace

bool isStrictUtf8(std::string_view bytes)
{
    for (size_t i = 0; i < bytes.size();) {
        const auto lead = static_cast<unsigned char>(bytes[i]);
        const size_t size = lead < 0x80   ? 1
                            : lead < 0xc2 ? 0
                            : lead < 0xe0 ? 2
                            : lead < 0xf0 ? 3
                                          : 4;
        if (size == 0 || lead > 0xf4 || size > bytes.size() - i)
            return false;
        uint32_t c = size == 1 ? lead : lead & (0xffu >> (size + 1));
        for (size_t k = 1; k < size; ++k) {
            const auto next = static_cast<unsigned char>(bytes[i + k]);
            if ((next & 0xc0) != 0x80)
                return false;
            c = c << 6 | (next & 0x3f);
        }
        const bool overlong = (size == 3 && c < 0x800) || (size == 4 && c < 0x10000);
        if (overlong || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            return false;
        i += size;
    }
    return true;
}

std::optional<StrictJson> readStrictJson(std::string_view text, size_t maxDepth)
{
    if (!isStrictUtf8(text))
        return std::nullopt;
    return Reader(text, maxDepth).read();
}

} // namespace fluxion::fuzz
