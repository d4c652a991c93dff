#include "base/plain_json.h"

#include <cstdint>
#include <cstring>

#include "base/json_text.h"

namespace fluxion {

namespace {

constexpr size_t kMaxPlainDepth = 8;

// A NUL stands at the end: no reading past it, for it is part of nothing.
class PlainWalk {
  public:
    PlainWalk(char* begin, char* end, std::vector<JsonNode>& nodes)
        : m_at(begin), m_end(end), m_nodes(nodes)
    {
    }

    bool text()
    {
        space();
        if (!value(1))
            return false;
        space();
        return m_at == m_end;
    }

  private:
    void space()
    {
        while (*m_at == ' ' || *m_at == '\n' || *m_at == '\r' || *m_at == '\t')
            ++m_at;
    }

    bool take(char c)
    {
        if (*m_at != c)
            return false;
        ++m_at;
        return true;
    }

    JsonNode& add(JsonKind kind, const char* text, size_t size)
    {
        JsonNode& node = m_nodes.emplace_back();
        node.kind = kind;
        node.text = text;
        node.size = static_cast<uint32_t>(size);
        return node;
    }

    bool value(size_t depth)
    {
        switch (*m_at) {
        case '"':
            return string();
        case '{':
            return depth <= kMaxPlainDepth && object(depth);
        case '[':
            return depth <= kMaxPlainDepth && array(depth);
        case 't':
            return word("true", JsonKind::Bool, 1);
        case 'f':
            return word("false", JsonKind::Bool, 0);
        case 'n':
            return word("null", JsonKind::Null, 0);
        default:
            return integer();
        }
    }

    bool word(std::string_view text, JsonKind kind, uint32_t size)
    {
        if (std::string_view(m_at, static_cast<size_t>(m_end - m_at)).substr(0, text.size()) !=
            text)
            return false;
        m_at += text.size();
        add(kind, nullptr, size);
        return true;
    }

    // What comes behind it tells whether the number had ended.
    bool integer()
    {
        const char* const begin = m_at;
        if (*m_at == '-')
            ++m_at;
        const char* const digits = m_at;
        while (*m_at >= '0' && *m_at <= '9')
            ++m_at;
        if (m_at == digits || (*digits == '0' && m_at - digits > 1))
            return false;
        add(JsonKind::Number, begin, static_cast<size_t>(m_at - begin));
        return true;
    }

    bool string()
    {
        ++m_at;
        char* const begin = m_at;
        for (size_t plain = kTextStep; plain == kTextStep; m_at += plain)
            plain = plainAsciiBytes(m_at);
        char* out = m_at;
        while (*m_at != '"') {
            // Unescaped where it stands: it never gets longer.
            if (*m_at == '\\') {
                *out = oneLetterEscape(m_at[1]);
                if (*out++ == 0)
                    return false;
                m_at += 2;
            } else if (static_cast<signed char>(*m_at) >= 0x20) {
                *out++ = *m_at++;
            } else {
                return false;
            }
        }
        ++m_at;
        add(JsonKind::String, begin, static_cast<size_t>(out - begin));
        return true;
    }

    bool object(size_t depth)
    {
        const size_t index = open(JsonKind::Object);
        size_t count = 0;
        if (take('}'))
            return close(index, count);
        do {
            space();
            if (*m_at != '"' || !string())
                return false;
            space();
            if (!take(':'))
                return false;
            space();
            if (!value(depth + 1))
                return false;
            ++count;
            space();
        } while (take(','));
        return take('}') && close(index, count);
    }

    bool array(size_t depth)
    {
        const size_t index = open(JsonKind::Array);
        size_t count = 0;
        if (take(']'))
            return close(index, count);
        do {
            space();
            if (!value(depth + 1))
                return false;
            ++count;
            space();
        } while (take(','));
        return take(']') && close(index, count);
    }

    size_t open(JsonKind kind)
    {
        ++m_at;
        space();
        add(kind, nullptr, 0);
        return m_nodes.size() - 1;
    }

    bool close(size_t index, size_t count)
    {
        m_nodes[index].extent = m_nodes.size() - index;
        m_nodes[index].size = static_cast<uint32_t>(count);
        return true;
    }

    char* m_at;
    char* const m_end;
    std::vector<JsonNode>& m_nodes;
};

} // namespace

bool readPlainJson(std::string_view text, std::string& source, std::vector<JsonNode>& nodes)
{
    source.resize(text.size() + kTextStep);
    text.copy(source.data(), text.size()); // also of nothing at all
    std::memset(source.data() + text.size(), 0, kTextStep);
    nodes.clear();
    return PlainWalk(source.data(), source.data() + text.size(), nodes).text();
}

} // namespace fluxion
