#include "protocol/insert_reader.h"

#include <cstring>

#include <simdjson.h>

#include "base/json.h"
#include "base/json_text.h"
#include "base/release.h"

namespace fluxion {

namespace {

constexpr size_t kNodesPerRecord = 9;
constexpr size_t kMaxIntegerDigits = 18; // fit 64 bits, whatever they are

// How a payload stands in the message.
enum class Form { Inline, Text };

// Walks over the message. The functions return false for whatever is not plain; nothing is read
// after that. There are kTextStep bytes behind the end that may be looked at.
class Walk {
  public:
    Walk(const char* begin, const char* end, char* strings)
        : m_at(begin), m_end(end), m_out(strings)
    {
    }

    bool message(InsertMessage& message, size_t maxNameBytes)
    {
        bool id = false;
        bool type = false;
        bool data = false;
        space();
        if (!take('{'))
            return false;
        do {
            space();
            std::string_view name;
            if (!take('"') || !string<Form::Inline>(name))
                return false;
            space();
            if (!take(':'))
                return false;
            space();
            if (name == "id" && !id)
                id = take('"') && string<Form::Inline>(message.id) && !message.id.empty();
            else if (name == "type" && !type)
                type = isInsert();
            else if (name == "data" && type && !data)
                data = payload(message.request, maxNameBytes);
            else
                return false;
            space();
        } while (take(','));
        if (!id || !type || !data || !take('}'))
            return false;
        space();
        return m_at == m_end;
    }

  private:
    bool take(char c)
    {
        if (*m_at != c || m_at == m_end)
            return false;
        ++m_at;
        return true;
    }

    void space()
    {
        while (m_at != m_end && (*m_at == ' ' || *m_at == '\n' || *m_at == '\r' || *m_at == '\t'))
            ++m_at;
    }

    bool isInsert()
    {
        constexpr std::string_view kInsert = "\"ins\"";
        if (static_cast<size_t>(m_end - m_at) < kInsert.size() ||
            std::string_view(m_at, kInsert.size()) != kInsert)
            return false;
        m_at += kInsert.size();
        return true;
    }

    bool payload(InsertRequest& request, size_t maxNameBytes)
    {
        if (!take('"'))
            return records<Form::Inline>(request, maxNameBytes);
        return records<Form::Text>(request, maxNameBytes) && take('"');
    }

    // In a text, white space other than a space would be an escape, and is not plain.
    template <Form form> void spaceWithin()
    {
        if constexpr (form == Form::Inline) {
            space();
        } else {
            while (*m_at == ' ' && m_at != m_end)
                ++m_at;
        }
    }

    // The mark at both ends of a string.
    template <Form form> bool quote()
    {
        if constexpr (form == Form::Inline)
            return take('"');
        if (m_end - m_at < 2 || m_at[0] != '\\' || m_at[1] != '"')
            return false;
        m_at += 2;
        return true;
    }

    template <Form form> bool records(InsertRequest& request, size_t maxNameBytes)
    {
        spaceWithin<form>();
        if (!take('['))
            return false;
        spaceWithin<form>();
        bool more = *m_at != ']';
        while (more) {
            spaceWithin<form>();
            InsertRecord& record = request.records.emplace_back();
            if (!this->record<form>(record) || record.doc.size() > maxNameBytes ||
                record.col.size() > maxNameBytes)
                return false;
            spaceWithin<form>();
            more = take(',');
        }
        // The general way bounds the values of a message.
        if (request.records.size() >= kMaxJsonNodes / kNodesPerRecord - 1 || !take(']'))
            return false;
        spaceWithin<form>();
        return true;
    }

    template <Form form> bool record(InsertRecord& record)
    {
        unsigned seen = 0;
        if (!take('{'))
            return false;
        do {
            spaceWithin<form>();
            std::string_view name;
            if (!quote<form>() || !string<form>(name))
                return false;
            spaceWithin<form>();
            if (!take(':'))
                return false;
            spaceWithin<form>();
            unsigned field = 0;
            bool good = false;
            if (name == "ts") {
                field = 1;
                good = integer(record.ts);
            } else if (name == "doc") {
                field = 2;
                good = filled<form>(record.doc);
            } else if (name == "col") {
                field = 4;
                good = filled<form>(record.col);
            } else if (name == "data") {
                field = 8;
                good = filled<form>(record.data);
            }
            if (!good || (seen & field) != 0)
                return false;
            seen |= field;
            spaceWithin<form>();
        } while (take(','));
        return seen == 15 && take('}');
    }

    template <Form form> bool filled(std::string_view& text)
    {
        return quote<form>() && string<form>(text) && !text.empty();
    }

    bool integer(int64_t& value)
    {
        const bool negative = take('-');
        const char* const begin = m_at;
        uint64_t magnitude = 0;
        while (*m_at >= '0' && *m_at <= '9' && m_at != m_end)
            magnitude = magnitude * 10 + static_cast<uint64_t>(*m_at++ - '0');
        const auto digits = static_cast<size_t>(m_at - begin);
        if (digits == 0 || digits > kMaxIntegerDigits || (*begin == '0' && digits > 1))
            return false;
        value = negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
        return *m_at == ',' || *m_at == '}' || *m_at == ' ';
    }

    // Behind the opening mark, to behind the closing one.
    template <Form form> bool string(std::string_view& text)
    {
        char* const begin = m_out;
        while (m_at < m_end) {
            const size_t plain = copyPlainBytes(m_out, m_at);
            m_at += plain;
            m_out += plain;
            if (plain == kTextStep)
                continue;
            if (m_at >= m_end)
                return false;
            if (closes<form>()) {
                text = {begin, static_cast<size_t>(m_out - begin)};
                return true;
            }
            const char c = escape<form>();
            if (c == 0)
                return false;
            *m_out++ = c;
        }
        return false;
    }

    template <Form form> bool closes()
    {
        if constexpr (form == Form::Inline)
            return take('"');
        return quote<form>();
    }

    // At a byte that is not plain: the character it stands for, 0 if it is nothing of the plain
    // forms. In a text, a backslash is written as two, and so is the mark that it may be before.
    template <Form form> char escape()
    {
        if (!take('\\'))
            return 0;
        if constexpr (form == Form::Text) {
            if (!take('\\'))
                return 0;
            if (*m_at == '"' || *m_at == '/' || (*m_at == '\\' && m_at[1] == '/'))
                return 0;
            if (*m_at == '\\')
                ++m_at;
            else if (oneLetterEscape(*m_at) == 0)
                return 0;
            else
                return letter();
            return *m_at == '"' || *m_at == '\\' ? letter() : '\0';
        }
        return letter();
    }

    char letter()
    {
        if (m_at >= m_end)
            return 0;
        return oneLetterEscape(*m_at++);
    }

    const char* m_at;
    const char* const m_end;
    char* m_out;
};

} // namespace

const InsertMessage* InsertReader::read(std::string_view message)
{
    // Most messages are something else, and are short or say so early. A short insert is read as
    // fast the general way.
    constexpr size_t kHeadBytes = 256;
    constexpr std::string_view kInsert = "\"ins\"";
    if (message.size() < kHeadBytes ||
        !::memmem(message.data(), kHeadBytes, kInsert.data(), kInsert.size()) ||
        !simdjson::validate_utf8(message.data(), message.size()))
        return nullptr;
    m_message.id = {};
    m_message.request.records.clear();
    // The message itself has no room behind it: the last bytes are walked in a copy. Copying all is
    // cheaper than telling the two apart at every byte.
    const size_t room = message.size() + 2 * kTextStep;
    if (m_strings.size() < 2 * room)
        m_strings.resize(2 * room);
    char* const copy = m_strings.data() + room;
    std::memcpy(copy, message.data(), message.size());
    std::memset(copy + message.size(), 0, kTextStep);
    Walk walk(copy, copy + message.size(), m_strings.data());
    return walk.message(m_message, m_maxNameBytes) ? &m_message : nullptr;
}

void InsertReader::trim()
{
    if (m_strings.size() <= 2 * kKeptJsonBytes)
        return;
    release(m_strings);
    release(m_message.request.records);
}

} // namespace fluxion
