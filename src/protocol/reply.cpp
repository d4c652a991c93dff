#include "protocol/reply.h"

#include "base/json.h"

namespace fluxion {

ReplyWriter::ReplyWriter(std::string& out, std::optional<std::string_view> id) : m_out(out)
{
    m_out.append("{\"id\":");
    if (id)
        appendJsonString(m_out, *id);
    else
        m_out.append("null");
}

void ReplyWriter::name(std::string_view field)
{
    m_out.append(",\"").append(field).append("\":");
}

ReplyWriter& ReplyWriter::text(std::string_view field, std::string_view value)
{
    name(field);
    appendJsonString(m_out, value);
    return *this;
}

ReplyWriter& ReplyWriter::integer(std::string_view field, int64_t value)
{
    name(field);
    appendJsonInt(m_out, value);
    return *this;
}

ReplyWriter& ReplyWriter::unsignedInteger(std::string_view field, uint64_t value)
{
    name(field);
    appendJsonUint(m_out, value);
    return *this;
}

ReplyWriter& ReplyWriter::boolean(std::string_view field, bool value)
{
    name(field);
    m_out.append(value ? "true" : "false");
    return *this;
}

ReplyWriter& ReplyWriter::null(std::string_view field)
{
    name(field);
    m_out.append("null");
    return *this;
}

std::string& ReplyWriter::raw(std::string_view field)
{
    name(field);
    return m_out;
}

void ReplyWriter::end()
{
    m_out.push_back('}');
}

ReplyWriter beginErrorReply(std::string& out, std::optional<std::string_view> id,
                            const Error& error)
{
    ReplyWriter writer(out, id);
    writer.text("error", error.text).text("code", token(error.code));
    return writer;
}

std::string errorReply(std::optional<std::string_view> id, const Error& error)
{
    std::string out;
    beginErrorReply(out, id, error).end();
    return out;
}

} // namespace fluxion
