#include <doctest/doctest.h>

#include "shell/record_line.h"
#include "shell/request.h"

using namespace fluxion;
using namespace fluxion::shell;

namespace {

Invocation invoke(const std::vector<std::string>& words)
{
    const Command* command = findCommand(words[0], Place::CommandLine);
    REQUIRE(command);
    std::vector<Word> rest;
    for (size_t i = 1; i < words.size(); ++i)
        rest.push_back({words[i], false});
    auto parsed = parseWords(*command, rest, Place::CommandLine);
    REQUIRE(parsed);
    return std::move(parsed.value());
}

} // namespace

TEST_CASE("from an invocation to a message")
{
    const struct {
        std::vector<std::string> words;
        std::string_view type;
        const char* data;
    } cases[] = {
        {{"get", "k"}, "gval", R"({"col":"default","key":"k"})"},
        {{"get", "k\n\"", "--col", "c"}, "gval", R"({"col":"c","key":"k\n\""})"},
        {{"set", "k", "v"}, "sval", R"({"col":"default","key":"k","value":"v"})"},
        {{"set", "k"}, "sval", R"({"col":"default","key":"k","value":"from input"})"},
        {{"set", "k", "", "--ver", "0", "--ttl", "5"},
         "sval",
         R"({"col":"default","key":"k","value":"","ver":0,"ttl":5})"},
        {{"patch", "k", "{}", "--delete-nulls"},
         "pval",
         R"({"col":"default","key":"k","value":"{}","delete_nulls":true})"},
        {{"del", "k", "--ver", "3"}, "rval", R"({"col":"default","key":"k","ver":3})"},
        {{"history", "k", "--limit", "2", "--before", "9"},
         "hval",
         R"({"col":"default","key":"k","limit":2,"before":9})"},
        {{"keys"}, "gkeys", R"({"col":"default"})"},
        {{"keys", "/a/", "--col", "c"}, "gvalues", R"({"col":"c","key":"/a/"})"},
        {{"ins", "c", "d", "x"}, "ins", R"([{"col":"c","doc":"d","ts":77,"data":"x"}])"},
        {{"ins", "c", "d", "x", "--ts", "-1"},
         "ins",
         R"([{"col":"c","doc":"d","ts":-1,"data":"x"}])"},
        {{"qry", "c"}, "qry", R"({"col":"c","ts":9223372036854775807})"},
        {{"qry", "c", "d", "--ts", "5", "--from", "2", "--where", "w", "--filter", "f"},
         "qry",
         R"({"col":"c","ts":5,"from":2,"doc":"d","where":"w","filter":"f"})"},
        {{"qry", "c", "--doc", "/d/"},
         "qry",
         R"({"col":"c","ts":9223372036854775807,"doc":"/d/"})"},
        {{"qdoc", "c", "d"},
         "qdoc",
         R"({"col":"c","doc":"d","from":-9223372036854775808,"to":9223372036854775807})"},
        {{"qdoc", "c", "d", "--from", "1", "--to", "2", "--limit", "3", "--reverse"},
         "qdoc",
         R"({"col":"c","doc":"d","from":1,"to":2,"limit":3,"reverse":true})"},
        {{"cols"}, "cols", ""},
        {{"conn"}, "conn", ""},
        {{"stat"}, "stat", ""},
        {{"snap"}, "snap", ""},
        {{"request", "cols"}, "cols", ""},
        {{"request", "ddoc", R"({"doc":"d"})"}, "ddoc", R"("{\"doc\":\"d\"}")"},
        {{"request", "", "{"}, "", R"("{")"},
        {{"watch"}, "sub", R"({"kind":"keys","col":"default"})"},
        {{"watch", "/a/", "--col", "", "--kind", "docs", "--where", "w"},
         "sub",
         R"({"kind":"docs","match":"/a/","where":"w"})"},
        {{"watch", "--match", "a", "--from", "L:5", "--previous"},
         "sub",
         R"({"kind":"keys","col":"default","match":"a","from":"L:5",)"
         R"("fields":["value","previous","expires"]})"},
        {{"watch", "--snapshot"}, "sub", R"({"kind":"keys","col":"default","snapshot":true})"},
    };
    for (const auto& [words, type, data] : cases) {
        const Invocation invocation = invoke(words);
        const Request request = makeRequest(invocation, {"default", "from input", 77});
        CHECK(request.type == type);
        CHECK(request.data == data);
    }
    CHECK(makeWatchRequest(invoke({"watch", "--snapshot"}), {}, "L:9").data ==
          R"({"kind":"keys","col":"default","from":"L:9"})");
    CHECK(encodeMessage("1", {"cols", ""}) == R"({"id":"1","type":"cols"})");
    CHECK(encodeMessage("1", {"gval", "{}"}) == R"({"id":"1","type":"gval","data":{}})");
}

TEST_CASE("a record from a line of JSON")
{
    JsonReader reader;
    const struct {
        const char* line;
        RecordDefaults defaults;
        const char* wanted;
    } cases[] = {
        {R"({"ts":1,"col":"c","doc":"d","data":"x"})",
         {"", "", 9},
         R"({"ts":1,"col":"c","doc":"d","data":"x"})"},
        {R"({"data":"x"})", {"c", "d", 9}, R"({"ts":9,"col":"c","doc":"d","data":"x"})"},
        {R"({"doc":"mine","data":"x","ts":null})",
         {"c", "d", 9},
         R"({"ts":9,"col":"c","doc":"mine","data":"x"})"},
        {R"({"data":{"a": 1.50, "b":[null]},"ts":"-3"})",
         {"c", "d", 9},
         R"({"ts":-3,"col":"c","doc":"d","data":"{\"a\":1.50,\"b\":[null]}"})"},
        {R"({"data":9007199254740993})",
         {"c", "d", 9},
         R"({"ts":9,"col":"c","doc":"d","data":"9007199254740993"})"},
        {R"({"doc":"d","data":"x"})", {"", "", 9}, "! `col` must be a text"},
        {R"({"col":"c","data":"x"})", {"", "", 9}, "! `doc` must be a text"},
        {R"({"doc":5,"data":"x"})", {"c", "d", 9}, "! `doc` must be a text"},
        {R"({"ts":1})", {"c", "d", 9}, "! `data` is missing"},
        {R"({"ts":1.5,"data":"x"})", {"c", "d", 9}, "! `ts` must be a whole number of 64 bits"},
        {R"({"ts":[],"data":"x"})", {"c", "d", 9}, "! `ts` must be a whole number of 64 bits"},
        {R"([])", {"c", "d", 9}, "! a record is a JSON object"},
        {R"({"a")", {"c", "d", 9}, "! not valid JSON"},
    };
    for (const auto& [line, defaults, wanted] : cases) {
        CAPTURE(line);
        const auto record = readRecord(reader, line, defaults);
        const std::string got = record ? record.value() : "! " + record.error().text;
        if (std::string_view(wanted) == "! not valid JSON")
            CHECK(got.starts_with(wanted));
        else
            CHECK(got == wanted);
    }
    const auto twice = readRecord(reader, R"({"doc":"a","doc":"b","data":"x"})", {"c", "d", 9});
    CHECK(!twice);
}
