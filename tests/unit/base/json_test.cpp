#include <doctest/doctest.h>

#include <string>

#include "base/json.h"
#include "base/plain_json.h"

using namespace fluxion;

namespace {

std::string roundTrip(std::string_view text)
{
    JsonReader reader;
    const auto value = reader.parse(text);
    if (!value)
        return value.error().text;
    std::string out;
    appendJson(out, value.value());
    return out;
}

std::string nested(size_t depth)
{
    std::string text;
    for (size_t i = 0; i < depth; ++i)
        text += i % 2 ? "{\"a\":" : "[";
    text += "1";
    for (size_t i = depth; i-- > 0;)
        text += i % 2 ? "}" : "]";
    return text;
}

} // namespace

TEST_CASE("valid JSON is read and written again, numbers as they came")
{
    const struct {
        const char* text;
        const char* written;
    } cases[] = {
        {"null", "null"},
        {" true ", "true"},
        {"false", "false"},
        {"0", "0"},
        {"-0", "-0"},
        {" 12.50e+3\n", "12.50e+3"},
        {"1e400", "1e400"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"\"\"", "\"\""},
        {"\"a\\u0000b\"", "\"a\\u0000b\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"", "\"/\\u0008\\u000c\\n\\r\\t\\\"\\\\\""},
        {"[]", "[]"},
        {"{}", "{}"},
        {" [ 1 , [ ] , { } , \"x\" ] ", "[1,[],{},\"x\"]"},
        {"{\"a\":{\"b\":[1,2]},\"c\":null}", "{\"a\":{\"b\":[1,2]},\"c\":null}"},
        {"{\"\":1,\"\\u0061\":2,\"a\":3}", "{\"\":1,\"a\":2,\"a\":3}"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(roundTrip(c.text) == c.written);
        // Longer texts are read by simdjson: see base/plain_json.h.
        CHECK(roundTrip(std::string(c.text) + std::string(kPlainJsonBytes, ' ')) == c.written);
    }
}

namespace {

constexpr std::string_view kNotJson[] = {
    "",
    " ",
    "\xef\xbb\xbf{}",
    "nul",
    "nulll",
    "True",
    "tru",
    "truex",
    "falsey",
    "undefined",
    "'a'",
    "01",
    "-01",
    "1.",
    ".5",
    "-",
    "+1",
    "1e",
    "1e+",
    "0x10",
    "1_0",
    "NaN",
    "Infinity",
    "--1",
    "1-",
    "1.2.3",
    "1 2",
    "1,2",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1",
    "1]",
    "[1]]",
    "]",
    "[",
    "],[",
    "1],[2",
    "[1}",
    "{\"a\":1]",
    "{",
    "}",
    "{}}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{a:1}",
    "{1:1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\"::1}",
    "{\"a\",1}",
    "\"abc",
    "\"a\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"a\"b",
    "\"a\" \"b\"",
    "\"tab\there\"",
    "\"line\nbreak\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"",
    "\"\\ud83dx\"",
    "{\"\\ud800\":1}",
    "[1,[2,{\"x\":01}]]",
    "[{\"a\":[tru]}]",
    "[\"\\ud800\",1]",
    "\"\xff\"",
    "\"\xc0\xaf\"",
    "\"\xed\xa0\x80\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xe2\x82\"",
    "[1]\xff",
    "{} x",
    "[] []",
    "{}{}",
    "// c\n1",
    "[1/**/]",
    "[1,\v2]",
    std::string_view("1\0", 2),
    std::string_view("\"a\0\"", 4),
    std::string_view("{}\0", 3),
};

} // namespace

TEST_CASE("what is not JSON is bad_json, wherever it stands")
{
    JsonReader reader;
    for (const auto text : kNotJson) {
        CAPTURE(text);
        const auto value = reader.parse(text);
        REQUIRE_FALSE(value.ok());
        CHECK(value.error().code == Code::BadJson);
        CHECK(value.error().text.starts_with("not valid JSON: "));
    }
}

TEST_CASE("every prefix and every damaged byte of a message is refused or read, never worse")
{
    const std::string text = R"({"id":"1","type":"ins","data":[{"ts":-17,"doc":"d\u00e9",)"
                             R"("data":"{\"t\":22.5}","col":"c"},null,true,[],{}]})";
    JsonReader reader;
    REQUIRE(reader.parse(text).ok());
    for (size_t size = 0; size < text.size(); ++size)
        CHECK_FALSE(reader.parse(text.substr(0, size)).ok());
    size_t refused = 0;
    for (size_t at = 0; at < text.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string damaged = text;
            damaged[at] = static_cast<char>(byte);
            const auto value = reader.parse(damaged);
            if (!value) {
                ++refused;
                continue;
            }
            std::string written;
            appendJson(written, value.value());
            CHECK(roundTrip(written) == written);
        }
    }
    CHECK(refused > text.size() * 128);
}

TEST_CASE("nesting is limited to 64 levels")
{
    JsonReader reader;
    CHECK(reader.parse(nested(kMaxJsonDepth)).ok());
    for (const size_t depth : {kMaxJsonDepth + 1, size_t{1022}, size_t{1024}, size_t{100000}}) {
        CAPTURE(depth);
        const auto value = reader.parse(nested(depth));
        REQUIRE_FALSE(value.ok());
        CHECK(value.error().code == Code::BadJson);
        CHECK(value.error().text.find("64 levels") != std::string::npos);
    }
}

TEST_CASE("the number of values is limited")
{
    std::string text = "[0";
    for (size_t i = 2; i < kMaxJsonNodes; ++i)
        text += ",0";
    JsonReader reader;
    CHECK(reader.parse(text + "]").ok());
    const auto value = reader.parse(text + ",0]");
    REQUIRE_FALSE(value.ok());
    CHECK(value.error().code == Code::TooMany);
}

TEST_CASE("integers are exact or refused")
{
    const struct {
        const char* text;
        std::optional<int64_t> value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"0e999999999999999999999", 0},
        {"0.000", 0},
        {"7", 7},
        {"-7", -7},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775808", std::nullopt},
        {"-9223372036854775809", std::nullopt},
        {"18446744073709551616", std::nullopt},
        {"123456789012345678901234567890", std::nullopt},
        {"1.7e9", 1700000000},
        {"1.7E+9", 1700000000},
        {"100e-2", 1},
        {"1.0", 1},
        {"-25.000e1", -250},
        {"9223372036854775807.0", INT64_MAX},
        {"9223372036854775807e0", INT64_MAX},
        {"0.9223372036854775807e19", INT64_MAX},
        {"-9.223372036854775808e18", INT64_MIN},
        {"9.223372036854775808e18", std::nullopt},
        {"1e18", 1000000000000000000},
        {"1e19", std::nullopt},
        {"1e400", std::nullopt},
        {"1e-400", std::nullopt},
        {"1.5", std::nullopt},
        {"0.1", std::nullopt},
        {"105e-1", std::nullopt},
        {"1e99999999999999999999999999", std::nullopt},
        {"1e-99999999999999999999999999", std::nullopt},
        {"\"12\"", 12},
        {"\"-12\"", -12},
        {"\"9223372036854775807\"", INT64_MAX},
        {"\"9223372036854775808\"", std::nullopt},
        {"\"\"", std::nullopt},
        {"\"-\"", std::nullopt},
        {"\"+1\"", std::nullopt},
        {"\" 1\"", std::nullopt},
        {"\"1 \"", std::nullopt},
        {"\"1.0\"", std::nullopt},
        {"\"0x1\"", std::nullopt},
        {"null", std::nullopt},
        {"true", std::nullopt},
        {"[1]", std::nullopt},
        {"{}", std::nullopt},
    };
    JsonReader reader;
    for (const auto& c : cases) {
        CAPTURE(c.text);
        const auto value = reader.parse(c.text);
        REQUIRE(value.ok());
        CHECK(value.value().asInt64() == c.value);
    }
    CHECK(parseJsonInteger("1" + std::string(100000, '0') + "e-100000") == 1);
}

TEST_CASE("members are found by name, and one that is given twice is told")
{
    JsonReader reader;
    const auto object = reader.parse(R"({"a":{"x":1,"y":[2,3]},"b":2,"c":3,"\u0063":4})");
    REQUIRE(object.ok());
    CHECK(object.value().size() == 4);
    CHECK(object.value().findUnique("b").value().asInt64() == 2);
    CHECK(object.value().findUnique("a").value().findUnique("y").value().size() == 2);
    CHECK_FALSE(object.value().findUnique("x").value().exists());
    const auto twice = object.value().findUnique("c");
    REQUIRE_FALSE(twice.ok());
    CHECK(twice.error().code == Code::BadRequest);
    CHECK(twice.error().text == "c: is given twice");
}

TEST_CASE("an absent value answers every question with no")
{
    const JsonValue nothing;
    CHECK_FALSE(nothing.exists());
    CHECK(nothing.isNothing());
    CHECK_FALSE(nothing.isNull());
    CHECK_FALSE(nothing.isObject());
    CHECK_FALSE(nothing.asInt64().has_value());
}

TEST_CASE("a reader is used again after errors, large texts and trimming")
{
    JsonReader reader;
    const std::string large = "\"" + std::string(3 * kKeptJsonBytes, 'x') + "\"";
    for (int round = 0; round < 3; ++round) {
        CHECK_FALSE(reader.parse("{").ok());
        const auto value = reader.parse(large);
        REQUIRE(value.ok());
        CHECK(value.value().text().size() == 3 * kKeptJsonBytes);
        reader.trim();
        const auto small = reader.parse("[1,2]");
        REQUIRE(small.ok());
        CHECK(small.value().size() == 2);
        reader.trim();
    }
}

TEST_CASE("strings are written with the escapes JSON demands, at every place in a word")
{
    for (const char c : {'\0', '\x01', '\x1f', '"', '\\', '\n'}) {
        for (size_t before = 0; before < 20; ++before) {
            for (size_t behind = 0; behind < 10; ++behind) {
                std::string out;
                appendJsonString(out, std::string(before, 'a') + c + std::string(behind, 'z'));
                JsonReader reader;
                const auto value = reader.parse(out);
                REQUIRE(value.ok());
                CHECK(value.value().text() ==
                      std::string(before, 'a') + c + std::string(behind, 'z'));
            }
        }
    }
    std::string out;
    appendJsonString(out, "h\xc3\xa9llo \x7f \xf0\x9f\x98\x80 / \x1b");
    CHECK(out == "\"h\xc3\xa9llo \x7f \xf0\x9f\x98\x80 / \\u001b\"");
}

TEST_CASE("integers are written whole")
{
    std::string out;
    appendJsonInt(out, INT64_MIN);
    out += ' ';
    appendJsonInt(out, INT64_MAX);
    out += ' ';
    appendJsonUint(out, UINT64_MAX);
    CHECK(out == "-9223372036854775808 9223372036854775807 18446744073709551615");
}
