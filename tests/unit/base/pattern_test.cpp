#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "base/pattern.h"

using namespace fluxion;

namespace {

constexpr PatternLimits kLimits{1000, 2000, 1024 * 1024};

Pattern pattern(std::string_view text)
{
    auto parsed = Pattern::parse(text, kLimits);
    CAPTURE(text);
    REQUIRE(parsed.ok());
    return parsed.value();
}

} // namespace

TEST_CASE("what is an expression and what is a literal")
{
    const struct {
        const char* text;
        bool regex;
    } cases[] = {
        {"", false},          {"device", false},     {"/", false},         {"//", true},
        {"/a", false},        {"/a/", true},         {"/a/i", true},       {"/a/ims", true},
        {"/a/ii", true},      {"/a/x", false},       {"/a/I", false},      {"/a/i ", false},
        {"a/b/", false},      {"/var/log/x", false}, {"/var/log/", false}, {"/a/im/", false},
        {R"(/a\/b)", false},  {R"(/a\/)", false},    {R"(/a\/b/)", true},  {R"(/a\\/)", true},
        {R"(/a\\/b)", false}, {R"(/\)", false},      {"/[a/b]/", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        const Pattern parsed = pattern(c.text);
        CHECK(parsed.isRegex() == c.regex);
        if (!c.regex)
            CHECK(parsed.literal() == c.text);
    }
}

TEST_CASE("what matches")
{
    const struct {
        const char* pattern;
        std::string_view text;
        bool asName;
        bool within;
    } cases[] = {
        {"abc", "abc", true, true},
        {"abc", "xabcx", false, true},
        {"abc", "ABC", false, false},
        {"", "abc", false, true},
        {"/var/log/x", "/var/log/x", true, true},
        {"//", "anything", true, true},
        {"/b/", "abc", true, true},
        {"/^b/", "abc", false, false},
        {"/B/", "abc", false, false},
        {"/B/i", "abc", true, true},
        {"/a|x|B/i", "b", true, true},
        {"/^b/", "a\nb", false, false},
        {"/^b$/m", "a\nb\nc", true, true},
        {"/a.b/", "a\nb", false, false},
        {"/a.b/s", "a\nb", true, true},
        {"/^B.C$/ims", "a\nb\nc\nd", true, true},
        {R"(/^a\/b$/)", "a/b", true, true},
        {R"(/\\$/)", "a\\", true, true},
        {"/^.$/", "\xc3\xa9", true, true},
        {"/\\pL/", "\xc3\xa9", true, true},
        {"/b$/", std::string_view("a\0b", 3), true, true},
        {"/a.b/", std::string_view("a\0b", 3), true, true},
        {"/\\x00/", std::string_view("a\0b", 3), true, true},
        {"b", std::string_view("a\0b", 3), false, true},
        {"/(a)(b)/", "ab", true, true},
    };
    for (const auto& c : cases) {
        CAPTURE(c.pattern);
        CAPTURE(c.text);
        CHECK(pattern(c.pattern).matchesName(c.text) == c.asName);
        CHECK(pattern(c.pattern).matchesWithin(c.text) == c.within);
    }
}

TEST_CASE("what does not compile or passes a limit is bad_regex, never a literal")
{
    const std::string cases[] = {
        "/(/",
        "/)/",
        "/a)(b/i",
        "/[/",
        "/*/",
        "/a**/",
        "/a{1001}/",
        "/(?=a)/",
        "/(?<!a)b/",
        "/(a)\\1/",
        "/\\8/",
        "/(?P<n>a/",
        "/[z-a]/",
        "/\\pX/",
        "/(?x)a/",
        "/((a{100}){100}){100}/",
        "/(\\pL{30}){33}/",
        "/\\pL{2}/i",
        "/" + std::string(999, 'a') + "/",
        "/(a{900}){3}/",
        "/\xff/",
    };
    for (const auto& text : cases) {
        CAPTURE(text);
        const auto parsed = Pattern::parse(text, kLimits);
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().code == Code::BadRegex);
        CHECK_FALSE(parsed.error().text.empty());
    }
    CHECK(Pattern::parse("/" + std::string(998, 'a') + "/", kLimits).ok());
    // A literal is no pattern: its length is for the field to limit.
    CHECK(Pattern::parse(std::string(5000, 'a'), kLimits).ok());
}

TEST_CASE("matching takes linear time")
{
    const std::string text = std::string(100 * 1000, 'a') + "!";
    const auto start = std::chrono::steady_clock::now();
    for (const char* hostile :
         {"/(a+)+$/", "/(a|a)*b/", "/(a*)*b/", "/(.*a){20}$/s", "/a*a*a*a*a*a*a*a*a*b/"}) {
        CAPTURE(hostile);
        CHECK_FALSE(pattern(hostile).matchesWithin(text));
    }
    // Backtracking would need longer than the universe has.
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("steps tell what a match may cost")
{
    CHECK(pattern("literal").steps() == 0);
    CHECK(pattern("/a/").steps() > 0);
    CHECK(pattern("/[ab]{900}/").steps() > 900);
}
