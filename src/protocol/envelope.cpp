#include "protocol/envelope.h"

namespace fluxion {

namespace {

constexpr std::string_view kRetiredAuth = "the type `auth` is retired: give the key in the "
                                          "`api-key` parameter of the URL when connecting";

// The start of a text that came from outside, for an error message.
std::string excerpt(std::string_view text)
{
    constexpr size_t kMaxBytes = 40;
    if (text.size() <= kMaxBytes)
        return std::string(text);
    size_t size = kMaxBytes;
    // Not in the middle of a character: continuation bytes are 10xxxxxx.
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
        --size;
    return std::string(text.substr(0, size)) + "\xe2\x80\xa6";
}

struct Members {
    JsonValue id, type, data, minSeq;
    std::string_view twice; // the first name given twice
    bool idTwice = false;
};

Members collect(JsonValue object)
{
    Members found;
    const auto keep = [&found](JsonValue& place, const JsonMember& member) {
        if (place.exists() && found.twice.empty())
            found.twice = member.name;
        found.idTwice |= place.exists() && member.name == "id";
        place = member.value;
    };
    for (const JsonMember member : object.members()) {
        if (member.name == "id")
            keep(found.id, member);
        else if (member.name == "type")
            keep(found.type, member);
        else if (member.name == "data")
            keep(found.data, member);
        else if (member.name == "min_seq")
            keep(found.minSeq, member);
    }
    return found;
}

Status checkId(const Members& members)
{
    if (members.idTwice)
        return {Code::BadRequest, "id: is given twice"};
    if (members.id.isNothing())
        return {Code::BadRequest, "id: is missing"};
    if (!members.id.isString())
        return {Code::BadRequest, "id: must be a string"};
    if (members.id.text().empty())
        return {Code::BadRequest, "id: must not be empty"};
    return {};
}

Result<const CommandSpec*> readType(JsonValue type)
{
    if (type.isNothing())
        return {Code::BadRequest, "type: is missing"};
    if (!type.isString())
        return {Code::BadRequest, "type: must be a string"};
    if (const CommandSpec* command = findCommand(type.text()))
        return command;
    if (type.text() == "auth")
        return {Code::UnknownType, std::string(kRetiredAuth)};
    return {Code::UnknownType, "there is no type \"" + excerpt(type.text()) + "\""};
}

Result<std::optional<Position>> readMinSeq(JsonValue outside, JsonValue payload)
{
    JsonValue value = outside;
    if (payload.isObject()) {
        const auto inside = payload.findUnique("min_seq");
        if (!inside)
            return inside.error();
        if (!inside.value().isNothing()) {
            if (!outside.isNothing())
                return {Code::BadRequest, "min_seq: is given twice"};
            value = inside.value();
        }
    }
    if (value.isNothing())
        return std::optional<Position>();
    const auto position = parsePosition(value);
    if (!position)
        return {Code::BadRequest, "min_seq: must be a sequence number or \"<log>:<seq>\""};
    return position;
}

Status checkShape(PayloadShape shape, JsonValue value)
{
    switch (shape) {
    case PayloadShape::None:
        if (value.isNothing() || value.isObject())
            return {};
        return {Code::BadRequest, "data: must be {} or absent, this type has no payload"};
    case PayloadShape::Object:
        if (value.isObject())
            return {};
        break;
    case PayloadShape::List:
        if (value.isArray())
            return {};
        break;
    }
    if (value.isNothing())
        return {Code::BadRequest, "data: is missing"};
    return {Code::BadRequest, shape == PayloadShape::List ? "data: must be an array of objects"
                                                          : "data: must be an object"};
}

} // namespace

Envelope RequestReader::readEnvelope(std::string_view message)
{
    Envelope envelope;
    if (const InsertMessage* insert = m_insert.read(message)) {
        envelope.id = insert->id;
        envelope.insert = &insert->request;
        envelope.command = &commandSpec(CommandType::Ins);
        return envelope;
    }
    const auto parsed = m_outer.parse(message);
    if (!parsed) {
        envelope.status = parsed.error();
        return envelope;
    }
    if (!parsed.value().isObject()) {
        envelope.status = Error{Code::BadRequest, "the message must be a JSON object"};
        return envelope;
    }
    const Members members = collect(parsed.value());
    if (members.id.isString() && !members.idTwice)
        envelope.id = members.id.text();
    envelope.data = members.data;
    envelope.minSeq = members.minSeq;
    envelope.status = checkId(members);
    if (!envelope.status)
        return envelope;
    if (!members.twice.empty()) {
        envelope.status = Error{Code::BadRequest, std::string(members.twice) + ": is given twice"};
        return envelope;
    }
    const auto command = readType(members.type);
    if (command)
        envelope.command = command.value();
    else
        envelope.status = command.error();
    return envelope;
}

Result<Payload> RequestReader::readPayload(const Envelope& envelope)
{
    const PayloadShape shape = envelope.command->shape;
    Payload payload;
    if (envelope.insert) {
        payload.insert = envelope.insert;
        return payload;
    }
    payload.value = envelope.data;
    const bool nothing =
        shape == PayloadShape::None && envelope.data.isString() && envelope.data.text().empty();
    if (nothing) {
        payload.value = {};
    } else if (envelope.data.isString()) {
        const auto inner = m_inner.parse(envelope.data.text());
        if (!inner)
            return Error{inner.error().code, "data: " + inner.error().text};
        payload.value = inner.value();
    }
    if (const Status fits = checkShape(shape, payload.value); !fits)
        return fits.error();
    if (envelope.command->permission == Permission::Read) {
        auto minSeq = readMinSeq(envelope.minSeq, payload.value);
        if (!minSeq)
            return minSeq.error();
        payload.minSeq = std::move(minSeq.value());
    }
    return payload;
}

void RequestReader::trim()
{
    m_insert.trim();
    m_outer.trim();
    m_inner.trim();
}

} // namespace fluxion
