#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>

#include "base/plain_json.h"
#include "support/changed_text.h"

using namespace fluxion;

namespace {

std::string again(JsonValue value)
{
    std::string out;
    appendJson(out, value);
    return out;
}

// White space makes it too long for the short way.
std::string longWay(const std::string& text)
{
    JsonReader reader;
    const auto value = reader.parse(text + std::string(kPlainJsonBytes, ' '));
    return value ? again(value.value()) : "refused";
}

struct Plain {
    std::string source;
    std::vector<JsonNode> nodes;

    bool read(std::string_view text) { return readPlainJson(text, source, nodes); }
    std::string text() const { return again(JsonValue(nodes.data())); }
};

} // namespace

TEST_CASE("plain JSON: read, and as the long way reads it")
{
    const std::string cases[] = {
        R"({"id":"1","type":"gval","data":{"col":"c","key":"k"}})",
        R"( { "a" : [ 1 , -2 , 0 , -0 , 18446744073709551616 ] , "b" : { } , "c" : [ ] } )",
        "[true,false,null]",
        "\t[\n1\r]\n",
        "7",
        "\"\"",
        "\"exactly sixteen.\"",
        R"("\"\\\/\b\f\n\r\t")",
        R"({"data":"[{\"ts\":1,\"data\":\"{\\\"a\\\":1}\"}]"})",
        R"({"twice":1,"twice":2})",
        "[[[[[[[[]]]]]]]]",
        "\"" + std::string(900, 'x') + "\\n" + std::string(50, 'y') + "\"",
    };
    Plain plain;
    for (const std::string& text : cases) {
        CAPTURE(text);
        REQUIRE(plain.read(text));
        CHECK(plain.text() == longWay(text));
    }
}

TEST_CASE("plain JSON: everything else is left to the long way")
{
    const std::string cases[] = {
        "",
        " ",
        "{",
        "[1",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "1 2",
        "[1]x",
        "tru",
        "nullx",
        "01",
        "-",
        "+1",
        "1.5",
        "1e3",
        "\"",
        "\"a",
        "\"\\u0041\"",
        "\"\\x\"",
        "\"a\nb\"",
        "\"\\",
        "'a'",
        "\"\xc3\xa9\"",
        "\xef\xbb\xbf"
        "1",
        "[[[[[[[[[]]]]]]]]]",
        "\"\\\"",
        std::string("1\0", 2),
        std::string("\"\0\"", 3),
    };
    Plain plain;
    for (const std::string& text : cases) {
        CAPTURE(text);
        CHECK_FALSE(plain.read(text));
    }
}

TEST_CASE("plain JSON: texts changed at random")
{
    const std::string start =
        R"({"id":"12","type":"ins","n":[-10,0,{"x":"a\"\\b\n"},true,false,null],)"
        R"("s":"0123456789abcdef"})";
    std::mt19937_64 random(20261122);
    Plain plain;
    int accepted = 0;
    for (int round = 0; round < 60000; ++round) {
        const std::string text = changedAtRandom(start, random);
        if (!plain.read(text))
            continue;
        ++accepted;
        CAPTURE(text);
        REQUIRE(plain.text() == longWay(text));
    }
    CHECK(accepted > 15000);
}
