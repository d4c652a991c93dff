#include <doctest/doctest.h>

#include "shell/reply_text.h"

using namespace fluxion;
using namespace fluxion::shell;

namespace {

constexpr Style kHuman{Form::Human, false};
constexpr Style kPainted{Form::Human, true};
constexpr Style kPlain{Form::Plain, false};

std::string replyText(std::string_view name, std::string_view json, const Style& style)
{
    JsonReader reader;
    const auto parsed = reader.parse(json);
    REQUIRE(parsed);
    Invocation invocation;
    invocation.command = findCommand(name, Place::CommandLine);
    REQUIRE(invocation.command);
    std::string out;
    appendReply(out, invocation, parsed.value(), style);
    return out;
}

} // namespace

TEST_CASE("replies as text")
{
    const struct {
        const char* command;
        const char* reply;
        const char* human;
        const char* plain;
    } cases[] = {
        {"get", R"({"value":"\"hello\"","found":true,"ver":3})", "\"hello\"  (version 3)\n",
         "\"hello\"\n"},
        {"get", R"({"value":"","found":true,"ver":1})", "  (version 1)\n", "\n"},
        {"get", R"({"value":"","found":false,"ver":4})", "(none)\n", ""},
        {"get", R"({"value":"1","found":true,"ver":3,"expires":1700000000250})",
         "1  (version 3, expires 2023-11-14 22:13:20.250 UTC)\n", "1\n"},
        {"get", R"({"value":"a\n\tb\u001b[2J\u009b","found":true,"ver":3})",
         "a\n\tb\\x1b[2J\\x9b  (version 3)\n", "a\n\tb\x1b[2J\xc2\x9b\n"},
        {"set", R"({"id":"1","seq":9,"ver":2})", "OK  (version 2)\n", "2\n"},
        {"del", R"({"id":"1","seq":9,"ver":3})", "OK  (version 3)\n", "3\n"},
        {"del", R"({"id":"1","seq":9})", "(none)\n", ""}, // there was no such key
        {"ins", R"({"id":"1","seq":9})", "OK  (seq 9)\n", "9\n"},
        {"keys", R"({"keys":["a","b\u0007"]})", "a\nb\\x07\n", "a\nb\x07\n"},
        {"keys", R"({"values":{"a":"1"}})", "a\n", "a\n"},
        {"cols", R"({"collections":["c","d"]})", "c\nd\n", "c\nd\n"},
        {"cols", R"({"collections":[]})", "(none)\n", ""},
        {"keys", R"({"keys":[]})", "(none)\n", ""},
        {"keys", R"({"values":{}})", "(none)\n", ""},
        {"qry", R"({"records":{}})", "(none)\n", ""},
        {"qdoc", R"({"records":[]})", "(none)\n", ""},
        {"qry", R"({"records":{"dev":{"ts":1,"data":"x"},"d":{"ts":-20,"data":"y\nz"}}})",
         "dev  1    x\nd    -20  y\\x0az\n", "dev\t1\tx\nd\t-20\ty\nz\n"},
        {"qdoc", R"({"records":[{"ts":9223372036854775807,"data":"x"}]})",
         "9223372036854775807  x\n", "9223372036854775807\tx\n"},
        {"conn",
         R"({"connections":[{"ip":"::1","since":61000,"name":null,"self":false},)"
         R"({"ip":"127.0.0.1","since":5,"name":"n","self":true}]})",
         "::1        61 s     \n127.0.0.1  0 s   n  self\n",
         "::1\t61000\t\t\n127.0.0.1\t5\tn\tself\n"},
        {"stat", R"({"id":"1","seq":5,"memory":{"id":1,"series":2.50},"ok":true,"a":[1]})",
         "seq            5\nmemory.id      1\nmemory.series  2.50\nok             true\n"
         "a              [1]\n",
         "seq\t5\nmemory.id\t1\nmemory.series\t2.50\nok\ttrue\na\t[1]\n"},
        {"snap", R"({"id":"1","seq":5,"bytes":100,"ms":2})", "seq    5\nbytes  100\nms     2\n",
         "seq\t5\nbytes\t100\nms\t2\n"},
        {"history",
         R"({"versions":[{"ver":2,"op":"removed","seq":9,"time":1700000000000},)"
         R"({"ver":1,"op":"set","value":"v","seq":8,"time":0}],"more":true})",
         "2  removed  2023-11-14 22:13:20.000 UTC  \n1  set      1970-01-01 00:00:00.000 UTC  v\n"
         "(there are older ones: --before)\n",
         "2\tremoved\t1700000000000\t\n1\tset\t0\tv\n"},
        {"history", R"({"versions":[],"more":false})", "(none)\n", ""},
    };
    for (const auto& [command, reply, human, plain] : cases) {
        CAPTURE(reply);
        CHECK(replyText(command, reply, kHuman) == human);
        CHECK(replyText(command, reply, kPlain) == plain);
    }
    CHECK(replyText("get", R"({"value":"1","found":true,"ver":3})", kPainted) ==
          "\x1b[32m1\x1b[0m  \x1b[2m(version 3)\x1b[0m\n");
}

TEST_CASE("a reply that lacks fields, or has others, is still shown")
{
    for (const Command& command : allCommands()) {
        for (const char* reply :
             {"{}",
              R"({"records":1,"keys":{},"values":[1],"collections":null,"versions":{},)"
              R"("connections":5,"ver":{},"value":[],"found":1})",
              R"({"records":[1],"keys":[1],"collections":[{}],"versions":[2],"connections":[[]],)"
              R"("value":{},"found":true})"}) {
            if (command.place != Place::Shell)
                CHECK_NOTHROW((void)replyText(command.name, reply, kHuman));
        }
    }
}
