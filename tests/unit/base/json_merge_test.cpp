// The merge of two JSON texts, as a table.

#include <doctest/doctest.h>

#include <string>

#include "base/json_merge.h"

using namespace fluxion;

namespace {

constexpr const char* kAbsent = nullptr;

std::string merged(const char* target, std::string_view patch, NullMerge nulls)
{
    JsonReader targetReader;
    JsonReader patchReader;
    JsonValue old;
    if (target) {
        const auto parsed = targetReader.parse(target);
        REQUIRE_MESSAGE(parsed.ok(), target);
        old = parsed.value();
    }
    const auto change = patchReader.parse(patch);
    REQUIRE_MESSAGE(change.ok(), patch);
    std::string out = "before ";
    mergeJson(out, old, change.value(), nulls);
    REQUIRE(out.starts_with("before ")); // it appends
    out.erase(0, 7);
    JsonReader again;
    CHECK_MESSAGE(again.parse(out).ok(), out);
    return out;
}

struct Case {
    const char* name;
    const char* target;
    const char* patch;
    const char* stored;  // where a null is stored
    const char* deleted; // where it deletes
};

void check(const Case& c)
{
    CAPTURE(std::string(c.name));
    CHECK(merged(c.target, c.patch, NullMerge::Store) == c.stored);
    CHECK(merged(c.target, c.patch, NullMerge::Delete) == c.deleted);
}

// The same whatever a null means.
void check(const char* name, const char* target, const char* patch, const char* wanted)
{
    check({name, target, patch, wanted, wanted});
}

std::string nested(size_t depth, const std::string& inner)
{
    std::string text;
    for (size_t i = 0; i < depth; ++i)
        text += "{\"a\":";
    return text + inner + std::string(depth, '}');
}

} // namespace

TEST_CASE("merge: objects field by field, at every depth; the order stays, new fields follow")
{
    check("a field replaced", R"({"a":1,"b":2})", R"({"a":3})", R"({"a":3,"b":2})");
    check("a field added", R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})");
    check("the order of both", R"({"z":1,"m":2,"a":3})", R"({"q":4,"a":5,"b":6})",
          R"({"z":1,"m":2,"a":5,"q":4,"b":6})");
    check("nested", R"({"a":{"b":{"c":1,"d":2}},"e":3})", R"({"a":{"b":{"d":4},"f":5}})",
          R"({"a":{"b":{"c":1,"d":4},"f":5},"e":3})");
    check("an empty patch", R"({"a":{"b":1}})", "{}", R"({"a":{"b":1}})");
    check("an empty patch below", R"({"a":{"b":1}})", R"({"a":{}})", R"({"a":{"b":1}})");
    check("into an empty object", "{}", R"({"a":{}})", R"({"a":{}})");
    check("both empty", "{}", "{}", "{}");
    check("white space goes", " { \"a\" : [ 1 , 2 ] } ", "\n{ \"b\" : { } }\t",
          R"({"a":[1,2],"b":{}})");
}

TEST_CASE("merge: all else is replaced, either way")
{
    for (const char* other : {"1", "\"text\"", "true", "null", "[1,{\"a\":2}]", "[]"}) {
        CAPTURE(other);
        check("an object by it", R"({"a":1})", other, other);
        check("it by an object", other, R"({"a":1})", R"({"a":1})");
        check("it by an empty object", other, "{}", "{}");
        check("below: it by an object", (std::string(R"({"f":)") + other + "}").c_str(),
              R"({"f":{"a":1}})", R"({"f":{"a":1}})");
        if (other != std::string_view("null"))
            check("below: an object by it", R"({"f":{"a":1}})",
                  (std::string(R"({"f":)") + other + "}").c_str(),
                  (std::string(R"({"f":)") + other + "}").c_str());
        check("an absent one by it", kAbsent, other, other);
    }
    check("arrays do not merge", R"({"a":[1,2,3]})", R"({"a":[4]})", R"({"a":[4]})");
    check("an absent one becomes the patch", kAbsent, R"({"a":{"b":[1]}})", R"({"a":{"b":[1]}})");
    check("an absent one becomes the empty patch", kAbsent, "{}", "{}");
}

TEST_CASE("merge: a null is stored, or deletes the field")
{
    const Case cases[] = {
        {"a field", R"({"a":1,"b":2})", R"({"a":null})", R"({"a":null,"b":2})", R"({"b":2})"},
        {"the last field", R"({"a":1})", R"({"a":null})", R"({"a":null})", "{}"},
        {"one that is not there", R"({"a":1})", R"({"b":null})", R"({"a":1,"b":null})",
         R"({"a":1})"},
        {"nested", R"({"a":{"b":1,"c":2}})", R"({"a":{"c":null}})", R"({"a":{"b":1,"c":null}})",
         R"({"a":{"b":1}})"},
        {"an object that empties stays", R"({"a":{"b":1}})", R"({"a":{"b":null}})",
         R"({"a":{"b":null}})", R"({"a":{}})"},
        {"a stored null stays unless named", R"({"a":null,"b":1})", R"({"b":2})",
         R"({"a":null,"b":2})", R"({"a":null,"b":2})"},
        {"in a new object", R"({})", R"({"a":{"b":null,"c":1}})", R"({"a":{"b":null,"c":1}})",
         R"({"a":{"c":1}})"},
        {"in an absent value", kAbsent, R"({"a":null,"b":{"c":null}})",
         R"({"a":null,"b":{"c":null}})", R"({"b":{}})"},
        {"in a replaced value", R"({"a":[1]})", R"({"a":{"b":null}})", R"({"a":{"b":null}})",
         R"({"a":{}})"},
        {"in an array it stays", R"({"a":1})", R"({"a":[null,{"b":null}]})",
         R"({"a":[null,{"b":null}]})", R"({"a":[null,{"b":null}]})"},
        {"the whole patch", R"({"a":1})", "null", "null", "null"},
    };
    for (const Case& c : cases)
        check(c);
}

TEST_CASE("merge: every example of RFC 7386, appendix A")
{
    const struct {
        const char* original;
        const char* patch;
        const char* result;
    } examples[] = {
        {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
        {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
        {R"({"a":"b"})", R"({"a":null})", R"({})"},
        {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
        {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
        {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
        {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
        {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
        {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
        {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
        {R"({"a":"foo"})", "null", "null"},
        {R"({"a":"foo"})", R"("bar")", R"("bar")"},
        {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
        {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
        {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
    };
    for (const auto& e : examples) {
        CAPTURE(e.original);
        CAPTURE(e.patch);
        CHECK(merged(e.original, e.patch, NullMerge::Delete) == e.result);
    }
}

TEST_CASE("merge: numbers keep their text, touched or not")
{
    for (const std::string number :
         {"0", "-0", "1.50", "1E5", "1e+05", "-1.0e-10", "9007199254740993", "9223372036854775807",
          "-9223372036854775808", "18446744073709551615", "12345678901234567890123", "1e400",
          "0.1000000000000000055511151231257827"}) {
        CAPTURE(number);
        const std::string target = "{\"n\":" + number + ",\"l\":[" + number + "],\"x\":1}";
        const std::string untouched = "{\"n\":" + number + ",\"l\":[" + number + "],\"x\":2}";
        check("untouched", target.c_str(), R"({"x":2})", untouched.c_str());
        const std::string patch = "{\"x\":" + number + "}";
        const std::string patched =
            "{\"n\":" + number + ",\"l\":[" + number + "],\"x\":" + number + "}";
        check("of the patch", target.c_str(), patch.c_str(), patched.c_str());
    }
}

TEST_CASE("merge: names are compared by what they mean, and written once")
{
    check("an escaped name is the same", R"({"a":1})", R"({"\u0061":2})", R"({"a":2})");
    check("the other way round", R"({"\u0061":1})", R"({"a":2})", R"({"a":2})");
    check("both in one object", R"({"\u0061":1,"b":2,"a":3})", "{}", R"({"a":3,"b":2})");
    check("twice in the target: the last counts", R"({"a":1,"b":2,"a":3})", R"({"c":4})",
          R"({"a":3,"b":2,"c":4})");
    check("twice in the patch: the last counts", R"({"x":0})", R"({"a":1,"b":2,"a":3})",
          R"({"x":0,"a":3,"b":2})");
    check("twice in both", R"({"a":1,"a":{"b":1}})", R"({"a":7,"a":{"c":2}})",
          R"({"a":{"b":1,"c":2}})");
    check({"a null that counts, being the last", R"({"a":1})", R"({"a":2,"a":null})",
           R"({"a":null})", "{}"});
    check({"a null that does not, another being last", R"({"a":1})", R"({"a":null,"a":2})",
           R"({"a":2})", R"({"a":2})"});
    check("case counts", R"({"a":1})", R"({"A":2})", R"({"a":1,"A":2})");
    check("an empty name", R"({"":1})", R"({"":2})", R"({"":2})");
    check("a name with NUL", R"({"a\u0000b":1,"a":2})", R"({"a\u0000b":3})",
          R"({"a\u0000b":3,"a":2})");
    check("a name with quotes and backslash", R"({"\"\\":1})", R"({"\u0022\u005c":2})",
          R"({"\"\\":2})");
}

TEST_CASE("merge: text of any kind")
{
    check("unicode, as escape or not", "{\"\xc3\xa9\":\"\\u20ac\"}",
          "{\"\\u00e9\":\"\xf0\x9f\x98\x80\",\"\xe6\x97\xa5\":\"\\ud83d\\ude00\"}",
          "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\",\"\xe6\x97\xa5\":\"\xf0\x9f\x98\x80\"}");
    check("not made one: composed and decomposed", "{\"\xc3\xa9\":1}", "{\"e\xcc\x81\":2}",
          "{\"\xc3\xa9\":1,\"e\xcc\x81\":2}");
    check("control characters stay escaped", R"({"a":"\u0000\u001f"})", R"({"b":"\n"})",
          R"({"a":"\u0000\u001f","b":"\n"})");
}

TEST_CASE("merge: as deep as a text may be, and many fields")
{
    const std::string target = nested(kMaxJsonDepth, R"(1)");
    const std::string patch = nested(kMaxJsonDepth - 1, R"({"b":2})");
    CHECK(merged(target.c_str(), patch, NullMerge::Delete) ==
          nested(kMaxJsonDepth - 1, R"({"a":1,"b":2})"));
    CHECK(merged("{}", target, NullMerge::Store) == target);
    CHECK(merged(kAbsent, target, NullMerge::Delete) == target);

    std::string many = "{";
    std::string changes = "{";
    std::string wanted = "{";
    for (int i = 0; i < 20'000; ++i) {
        const std::string name = (i ? ",\"" : "\"") + std::to_string(i) + "\":";
        many += name + "1";
        changes += name + (i % 2 ? "null" : "2");
        if (i % 2 == 0)
            wanted += name + "2";
    }
    CHECK((merged((many + "}").c_str(), changes + "}", NullMerge::Delete) == wanted + "}"));
}

TEST_CASE("merge: names given twice among many, in both texts")
{
    for (int count = 1; count < 40; ++count) {
        CAPTURE(count);
        std::string target;
        std::string patch;
        std::string wanted;
        for (int round = 0; round < 2; ++round) {
            for (int i = 0; i < count; ++i) {
                const std::string name = "\"n" + std::to_string(i) + "\":";
                target += (target.empty() ? "" : ",") + name + std::to_string(round);
                if (i % 3 == 0)
                    patch += (patch.empty() ? "" : ",") + name + std::to_string(5 + round);
                if (round == 1)
                    wanted += (wanted.empty() ? "" : ",") + name + (i % 3 == 0 ? "6" : "1");
            }
        }
        const auto object = [](const std::string& fields) { return "{" + fields + "}"; };
        CHECK(merged(object(target).c_str(), object(patch), NullMerge::Store) == object(wanted));
        CHECK(merged(object(target).c_str(), object(target), NullMerge::Store) ==
              merged("{}", object(target), NullMerge::Store));
    }
}
