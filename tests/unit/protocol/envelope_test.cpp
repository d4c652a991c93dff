#include <doctest/doctest.h>

#include <string>

#include "protocol/envelope.h"
#include "protocol/reply.h"

using namespace fluxion;

namespace {

constexpr const char* kNone = "(none)";

struct Outcome {
    std::string id;   // kNone: null
    std::string code; // "" when ok
    std::string text;
};

Outcome outcome(const Envelope& envelope)
{
    Outcome result;
    result.id = envelope.id ? std::string(*envelope.id) : kNone;
    if (!envelope.status) {
        result.code = token(envelope.status.error().code);
        result.text = envelope.status.error().text;
    }
    return result;
}

} // namespace

TEST_CASE("the envelope: what is refused, and whether the id is echoed")
{
    const struct {
        const char* message;
        std::string_view id;
        const char* code;
        const char* text; // contained
    } cases[] = {
        {R"({"id":"1","type":"cols"})", "1", "", ""},
        {R"({"type":"cols","more":[1],"id":"1","data":"{}"})", "1", "", ""},
        {R"({"id":"1","type":"cols","x":1,"x":2})", "1", "", ""},
        {R"({"id":"\u0000\"","type":"cols"})", std::string_view("\0\"", 2), "", ""},
        {R"({"\u0069d":"1","type":"c\u006fls"})", "1", "", ""},
        // Not JSON: nothing can be read.
        {"", kNone, "bad_json", "not valid JSON"},
        {"garbage", kNone, "bad_json", "not valid JSON"},
        {R"({"id":"1","type":"cols")", kNone, "bad_json", "not valid JSON"},
        {R"({"id":"1","type":"cols"} x)", kNone, "bad_json", "not valid JSON"},
        {R"({"id":"1","type":"cols","x":"\ud800"})", kNone, "bad_json", "surrogate"},
        // JSON, but no request.
        {"[]", kNone, "bad_request", "must be a JSON object"},
        {"null", kNone, "bad_request", "must be a JSON object"},
        {"\"id\"", kNone, "bad_request", "must be a JSON object"},
        {"{}", kNone, "bad_request", "id: is missing"},
        {R"({"type":"cols"})", kNone, "bad_request", "id: is missing"},
        {R"({"id":null,"type":"cols"})", kNone, "bad_request", "id: is missing"},
        {R"({"id":7,"type":"cols"})", kNone, "bad_request", "id: must be a string"},
        {R"({"id":["1"],"type":"cols"})", kNone, "bad_request", "id: must be a string"},
        {R"({"id":"","type":"cols"})", "", "bad_request", "id: must not be empty"},
        {R"({"id":"1","id":"2","type":"cols"})", kNone, "bad_request", "id: is given twice"},
        {R"({"id":"1","id":1,"type":"cols"})", kNone, "bad_request", "id: is given twice"},
        {R"({"id":"1"})", "1", "bad_request", "type: is missing"},
        {R"({"id":"1","type":null})", "1", "bad_request", "type: is missing"},
        {R"({"id":"1","type":5})", "1", "bad_request", "type: must be a string"},
        {R"({"id":"1","type":"cols","type":"cols"})", "1", "bad_request", "type: is given twice"},
        {R"({"id":"1","type":"ins","data":"[]","data":null})", "1", "bad_request",
         "data: is given twice"},
        {R"({"id":"1","type":"cols","min_seq":1,"min_seq":1})", "1", "bad_request",
         "min_seq: is given twice"},
        {R"({"id":"1","type":"nope"})", "1", "unknown_type", "\"nope\""},
        {R"({"id":"1","type":""})", "1", "unknown_type", "\"\""},
        {R"({"id":"1","type":"COLS"})", "1", "unknown_type", "\"COLS\""},
        {R"({"id":"1","type":"cols\u0000"})", "1", "unknown_type", ""},
        {R"({"id":"1","type":"auth","data":"{}"})", "1", "unknown_type", "`api-key`"},
        // A number beyond every machine type is no reason to lose the id.
        {R"({"id":"1","type":"nope","data":1e999,"x":123456789012345678901234567890})", "1",
         "unknown_type", "\"nope\""},
    };
    RequestReader reader;
    for (const auto& c : cases) {
        CAPTURE(c.message);
        const Outcome got = outcome(reader.readEnvelope(c.message));
        CHECK(got.id == c.id);
        CHECK(got.code == c.code);
        CHECK(got.text.find(c.text) != std::string::npos);
    }
}

TEST_CASE("an unknown type is quoted in short, never in the middle of a character")
{
    RequestReader reader;
    for (size_t ascii = 0; ascii < 4; ++ascii) {
        std::string type(ascii, 'a');
        for (int i = 0; i < 100; ++i)
            type += "\xe2\x82\xac";
        const Envelope envelope = reader.readEnvelope("{\"id\":\"1\",\"type\":\"" + type + "\"}");
        REQUIRE_FALSE(envelope.status.ok());
        CHECK(envelope.status.error().text.size() < 80);
        JsonReader check;
        CHECK(check.parse(errorReply(envelope.id, envelope.status.error())).ok());
    }
}

TEST_CASE("the payload: string or inline, one level, of the right shape")
{
    const struct {
        const char* type;
        const char* rest; // of the envelope
        const char* code;
        const char* text;
    } cases[] = {
        {"cols", "", "", ""},
        {"cols", R"(,"data":null)", "", ""},
        {"cols", R"(,"data":{})", "", ""},
        {"cols", R"(,"data":"{}")", "", ""},
        {"cols", R"(,"data":"")", "", ""},
        {"cols", R"(,"data":"null")", "", ""},
        {"cols", R"(,"data":{"unknown":1})", "", ""},
        {"cols", R"(,"data":[])", "bad_request", "data: must be {}"},
        {"cols", R"(,"data":5)", "bad_request", "data: must be {}"},
        {"cols", R"(,"data":"x")", "bad_json", "data: not valid JSON"},
        {"gval", R"(,"data":{"col":"c"})", "", ""},
        {"gval", R"(,"data":"{\"col\":\"c\"}")", "", ""},
        {"gval", "", "bad_request", "data: is missing"},
        {"gval", R"(,"data":null)", "bad_request", "data: is missing"},
        {"gval", R"(,"data":"null")", "bad_request", "data: is missing"},
        {"gval", R"(,"data":"")", "bad_json", "data: not valid JSON"},
        {"gval", R"(,"data":"{")", "bad_json", "data: not valid JSON"},
        {"gval", R"(,"data":"{} {}")", "bad_json", "data: not valid JSON"},
        {"gval", R"(,"data":"\"{}\"")", "bad_request", "data: must be an object"},
        {"gval", R"(,"data":"{\"a\":\"\\ud800\"}")", "bad_json", "surrogate"},
        {"gval", R"(,"data":[])", "bad_request", "data: must be an object"},
        {"gval", R"(,"data":true)", "bad_request", "data: must be an object"},
        {"gval", R"(,"data":123456789012345678901234567890)", "bad_request",
         "data: must be an object"},
        {"ins", R"(,"data":[])", "", ""},
        {"ins", R"(,"data":"[]")", "", ""},
        {"ins", R"(,"data":{})", "bad_request", "data: must be an array of objects"},
        {"ins", R"(,"data":"{}")", "bad_request", "data: must be an array of objects"},
        {"dmrec", R"(,"data":"7")", "bad_request", "data: must be an array of objects"},
    };
    RequestReader reader;
    for (const auto& c : cases) {
        CAPTURE(c.type);
        CAPTURE(c.rest);
        const Envelope envelope = reader.readEnvelope(std::string("{\"id\":\"1\",\"type\":\"") +
                                                      c.type + "\"" + c.rest + "}");
        REQUIRE(envelope.status.ok());
        const auto payload = reader.readPayload(envelope);
        CHECK((payload.ok() ? "" : token(payload.error().code)) == std::string_view(c.code));
        if (!payload)
            CHECK(payload.error().text.find(c.text) != std::string::npos);
        CHECK(envelope.id == "1");
    }
}

TEST_CASE("min_seq of a read stands in the envelope or in the payload")
{
    const struct {
        const char* type;
        const char* rest;
        const char* code;
        std::optional<Position> position;
    } cases[] = {
        {"cols", "", "", std::nullopt},
        {"cols", R"(,"min_seq":null)", "", std::nullopt},
        {"cols", R"(,"min_seq":5)", "", Position{"", 5}},
        {"cols", R"(,"min_seq":"5")", "", Position{"", 5}},
        {"cols", R"(,"min_seq":5e2)", "", Position{"", 500}},
        {"cols", R"(,"min_seq":"a-B_9:12")", "", Position{"a-B_9", 12}},
        {"cols", R"(,"data":{"min_seq":5})", "", Position{"", 5}},
        {"cols", R"(,"data":"{\"min_seq\":\"l:7\"}")", "", Position{"l", 7}},
        {"gval", R"(,"data":{"min_seq":9})", "", Position{"", 9}},
        {"gval", R"(,"data":{"min_seq":null},"min_seq":3)", "", Position{"", 3}},
        {"gval", R"(,"data":{"min_seq":9},"min_seq":9)", "bad_request", std::nullopt},
        {"gval", R"(,"data":{"min_seq":9,"min_seq":9})", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":-1)", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":1.5)", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":18446744073709551616)", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":"")", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":":5")", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":"l:")", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":"l:-5")", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":"l m:5")", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":"l:m:5")", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":true)", "bad_request", std::nullopt},
        {"cols", R"(,"min_seq":[5])", "bad_request", std::nullopt},
        // A write has no such field; unknown ones are ignored.
        {"sval", R"(,"data":{},"min_seq":"nonsense")", "", std::nullopt},
    };
    RequestReader reader;
    for (const auto& c : cases) {
        CAPTURE(c.rest);
        const Envelope envelope = reader.readEnvelope(std::string("{\"id\":\"1\",\"type\":\"") +
                                                      c.type + "\"" + c.rest + "}");
        REQUIRE(envelope.status.ok());
        const auto payload = reader.readPayload(envelope);
        CHECK((payload.ok() ? "" : token(payload.error().code)) == std::string_view(c.code));
        if (payload)
            CHECK(payload.value().minSeq == c.position);
    }
    CHECK(parsePosition(formatPosition("abc", 17)) == Position{"abc", 17});
}

TEST_CASE("replies")
{
    std::string out;
    ReplyWriter reply(out, "a\"b");
    reply.text("value", std::string_view("x\0y", 3))
        .integer("ts", -9007199254740993)
        .unsignedInteger("ver", 9007199254740993)
        .boolean("found", true)
        .null("name");
    reply.raw("records") += "{}";
    reply.end();
    CHECK(out == R"({"id":"a\"b","value":"x\u0000y","ts":-9007199254740993,)"
                 R"("ver":9007199254740993,"found":true,"name":null,"records":{}})");

    CHECK(errorReply(std::nullopt, {Code::BadJson, "no \"JSON\""}) ==
          R"({"id":null,"error":"no \"JSON\"","code":"bad_json"})");
}
