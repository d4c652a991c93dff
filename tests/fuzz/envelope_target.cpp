// Any bytes as a message: read or refused with a code, and what is read means what it says.

#include "base/json.h"
#include "fuzz/check.h"
#include "fuzz/strict_json.h"
#include "protocol/envelope.h"
#include "protocol/reply.h"

using namespace fluxion;

namespace {

std::string jsonOf(JsonValue value)
{
    std::string out;
    if (value.exists())
        appendJson(out, value);
    return out;
}

// All that an envelope says, as text.
std::string told(const Envelope& envelope)
{
    std::string out = envelope.id ? "id " + std::string(*envelope.id) : "no id";
    out += envelope.command ? " type " + std::string(envelope.command->token) : " no type";
    out += " data " + jsonOf(envelope.data) + " min_seq " + jsonOf(envelope.minSeq);
    if (!envelope.status)
        out += " refused " + std::string(token(envelope.status.error().code)) + " " +
               envelope.status.error().text;
    return out;
}

// The JSON reader against the plain one.
void checkJson(std::string_view text)
{
    static JsonReader reader;
    const auto parsed = reader.parse(text);
    const auto strict = fuzz::readStrictJson(text, kMaxJsonDepth);
    FUZZ_CHECK(parsed.ok() == strict.has_value(), parsed ? "taken" : parsed.error().text);
    if (parsed)
        FUZZ_CHECK(jsonOf(parsed.value()) == strict->text, jsonOf(parsed.value()));
    else
        FUZZ_CHECK(parsed.error().code == Code::BadJson, parsed.error().text);
}

// A reply to it: JSON, with this id and nothing in place of none.
void checkEcho(const Envelope& envelope)
{
    const Error error = envelope.status ? Error{Code::Internal, "none"} : envelope.status.error();
    FUZZ_CHECK(!error.text.empty(), "an error without words");
    const std::string reply = errorReply(envelope.id, error);
    JsonReader reader;
    const auto parsed = reader.parse(reply);
    FUZZ_CHECK(parsed.ok() && parsed.value().isObject(), reply);
    const JsonValue id = parsed.value().findUnique("id").value();
    FUZZ_CHECK(envelope.id ? id.isString() && id.text() == *envelope.id : id.isNull(), reply);
    const JsonValue code = parsed.value().findUnique("code").value();
    FUZZ_CHECK(code.isString() && code.text() == token(error.code), reply);
}

// Written anew from what was read, it says the same.
void checkAgain(const Envelope& envelope)
{
    std::string message = "{\"min_seq\":";
    message += envelope.minSeq.exists() ? jsonOf(envelope.minSeq) : "null";
    message += ",\"data\":";
    message += envelope.data.exists() ? jsonOf(envelope.data) : "null";
    message += ",\"type\":";
    appendJsonString(message, envelope.command->token);
    message += ",\"id\":";
    appendJsonString(message, *envelope.id);
    message += "}";
    static RequestReader reader;
    const Envelope again = reader.readEnvelope(message);
    FUZZ_CHECK(again.status.ok(), message);
    FUZZ_CHECK(again.id == envelope.id && again.command == envelope.command, told(again));
    const auto same = [](JsonValue a, JsonValue b) {
        return a.isNothing() ? b.isNothing() : jsonOf(a) == jsonOf(b);
    };
    FUZZ_CHECK(same(again.data, envelope.data) && same(again.minSeq, envelope.minSeq), told(again));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    checkJson(message);

    static RequestReader reader; // one for all, as in the server: nothing of one message may stay
    const Envelope envelope = reader.readEnvelope(message);
    if (envelope.status) {
        FUZZ_CHECK(envelope.command && envelope.id && !envelope.id->empty(), told(envelope));
    } else {
        const Code code = envelope.status.error().code;
        FUZZ_CHECK(code == Code::BadJson || code == Code::BadRequest || code == Code::UnknownType,
                   told(envelope));
    }
    FUZZ_CHECK(!envelope.id || fuzz::isStrictUtf8(*envelope.id), told(envelope));
    checkEcho(envelope);

    RequestReader fresh;
    FUZZ_CHECK(told(fresh.readEnvelope(message)) == told(envelope), told(envelope));
    if (envelope.status) {
        checkAgain(envelope);
        const auto payload = reader.readPayload(envelope);
        FUZZ_CHECK(payload.ok() || !payload.error().text.empty(), "an error without words");
    }
    reader.trim();
    return 0;
}
