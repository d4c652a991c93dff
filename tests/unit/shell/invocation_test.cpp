#include <doctest/doctest.h>

#include <set>

#include "shell/invocation.h"

using namespace fluxion;
using namespace fluxion::shell;

namespace {

// "col=c KEY=k": what a command line became, or the error.
std::string shown(const Result<Invocation>& result)
{
    if (!result)
        return "! " + result.error().text;
    std::string out;
    for (const auto& [name, value] : result.value().options)
        out.append(name).append("=").append(value).append(" ");
    for (const auto& [name, value] : result.value().arguments)
        out.append(name).append("=").append(value).append(" ");
    return out.empty() ? out : out.substr(0, out.size() - 1);
}

std::string parseCommandLine(const std::vector<std::string>& words)
{
    const Command* command = findCommand(words[0], Place::CommandLine);
    REQUIRE(command);
    std::vector<Word> rest;
    for (size_t i = 1; i < words.size(); ++i)
        rest.push_back({words[i], false});
    return shown(parseWords(*command, rest, Place::CommandLine));
}

std::string parseShellLine(std::string_view line)
{
    const auto split = splitLine(line);
    if (!split)
        return "! " + split.error().text;
    if (!split.value().command)
        return "nothing";
    const auto parsed = parseWords(*split.value().command, split.value().words, Place::Shell);
    return std::string(split.value().command->name) + " " + shown(parsed);
}

} // namespace

TEST_CASE("the table of commands: names, arguments, helps")
{
    std::set<std::string_view> names;
    for (const Command& command : allCommands()) {
        CAPTURE(command.name);
        CHECK(names.insert(command.name).second);
        CHECK((command.otherName.empty() || names.insert(command.otherName).second));
        CHECK(command.help.ends_with("."));
        bool optional = false;
        for (const ArgumentSpec& argument : command.arguments) {
            CHECK((argument.required ? !optional : true));
            optional |= !argument.required;
            CHECK((!argument.restOfLine || &argument == &command.arguments.back()));
        }
        std::set<std::string_view> options;
        for (const auto specs : {command.options, commonOptions()}) {
            for (const OptionSpec& option : specs) {
                CHECK(options.insert(option.name).second);
                CHECK(option.help.ends_with("."));
                CHECK((option.type == OptionType::Switch) == option.value.empty());
            }
        }
        if (command.place == Place::Shell) {
            CHECK(shellHelp().find(usage(command, Place::Shell)) != std::string::npos);
            continue;
        }
        const std::string help = commandHelp(command, Place::CommandLine);
        CHECK(help.starts_with("fluxion " + std::string(command.name)));
        for (const OptionSpec& option : command.options)
            CHECK(help.find("\n  --" + std::string(option.name)) != std::string::npos);
        CHECK(commandsHelp().find("  fluxion " + usage(command, Place::CommandLine)) !=
              std::string::npos);
    }
}

TEST_CASE("commands are found: exactly on a command line, in any case in the shell")
{
    const auto verb = [](std::string_view name, Place place) {
        const Command* found = findCommand(name, place);
        return found ? std::string(found->name) : "none";
    };
    CHECK(verb("get", Place::CommandLine) == "get");
    CHECK(verb("GET", Place::CommandLine) == "none");
    CHECK(verb("delete", Place::CommandLine) == "none");
    CHECK(verb("use", Place::CommandLine) == "none");
    CHECK(verb("", Place::CommandLine) == "none");
    CHECK(verb("ge", Place::Shell) == "none");
    CHECK(verb("GeT", Place::Shell) == "get");
    CHECK(verb("DELETE", Place::Shell) == "del");
    CHECK(verb("Del", Place::Shell) == "del");
    CHECK(verb("CHECKPOINT", Place::Shell) == "snap");
    CHECK(verb("quit", Place::Shell) == "exit");
    CHECK(verb("", Place::Shell) == "none");
}

TEST_CASE("command lines")
{
    const struct {
        std::vector<std::string> words;
        const char* wanted;
    } cases[] = {
        {{"get", "k"}, "KEY=k"},
        {{"get", "--col", "c", "k"}, "col=c KEY=k"},
        {{"get", "k", "--col=c"}, "col=c KEY=k"},
        {{"get", "k", "--col="}, "col= KEY=k"},
        {{"get", "k", "--col=a=b"}, "col=a=b KEY=k"},
        {{"get", "--", "--col"}, "KEY=--col"},
        {{"get", ""}, "KEY="},
        {{"set", "k", "-5", "--ver", "0", "--ttl", "100"}, "ttl=100 ver=0 KEY=k VALUE=-5"},
        {{"set", "k", "--", "--x"}, "KEY=k VALUE=--x"},
        {{"set", "k", "--ver", "-1", "v"}, "! --ver must be at least 0"},
        {{"set", "k", "v", "--ver", "1.5"}, "! --ver takes a whole number"},
        {{"set", "k", "v", "--ver", ""}, "! --ver takes a whole number"},
        {{"set", "k", "v", "--ttl", "9223372036854775808"}, "! --ttl takes a whole number"},
        {{"set", "k", "v", "--ver"}, "! --ver needs a value"},
        {{"set", "k", "v", "w"}, "! unexpected argument \"w\""},
        {{"get", "k", "--col", "a", "--col", "b"}, "! --col is given twice"},
        {{"get", "k", "--ver", "1"}, "! there is no option --ver"},
        {{"get", "k", "--json=1"}, "! --json takes no value"},
        {{"get", "k", "--json", "--timeout", "0"}, "! --timeout must be at least 1"},
        {{"get"}, "! KEY is missing"},
        {{"get", "--nope", "--help"}, "! there is no option --nope"},
        {{"get", "--help", "--nope"}, "help="},
        {{"get", "-h"}, "help="},
        {{"qdoc", "c", "d", "--from", "-9223372036854775808", "--reverse", "--limit", "1"},
         "from=-9223372036854775808 limit=1 reverse= COL=c DOC=d"},
        {{"qdoc", "c"}, "! DOC is missing"},
        {{"qry"}, "! COL is missing"},
        {{"ins"}, ""},
        {{"cols", "x"}, "! unexpected argument \"x\""},
    };
    for (const auto& [words, wanted] : cases)
        CHECK(parseCommandLine(words) == wanted);
}

TEST_CASE("lines of the shell")
{
    const struct {
        const char* line;
        const char* wanted;
    } cases[] = {
        {"", "nothing"},
        {"  \t ", "nothing"},
        {"SET a \"hello\"", "set KEY=a VALUE=\"hello\""},
        {"  set  a   {\"b\": [1,  2]}  ", "set KEY=a VALUE={\"b\": [1,  2]}"},
        {"SET a --ver", "set KEY=a VALUE=--ver"},
        {"SET --ver 1", "set ! KEY is missing"},
        {"SET \"--ver\" 1", "set KEY=--ver VALUE=1"},
        {"SET --x 1", "set KEY=--x VALUE=1"},
        {"SET --ttl 5000 a {\"b\": 1}", "set ttl=5000 KEY=a VALUE={\"b\": 1}"},
        {"SET --ttl=5000 --ver 0 --col \"c d\" a 1", "set col=c d ttl=5000 ver=0 KEY=a VALUE=1"},
        {"SET --ttl x a 1", "set ! --ttl takes a whole number"},
        {"SET --ttl", "set ! --ttl needs a value"},
        {"SET a 1 --ttl 5000", "set KEY=a VALUE=1 --ttl 5000"},
        {"SET --ttl 5 --x 1", "set ttl=5 KEY=--x VALUE=1"},
        {"PATCH --delete-nulls a {}", "patch delete-nulls= JSON={} KEY=a"},
        {"REQUEST cols", "request TYPE=cols"},
        {"request ddoc {\"doc\": \"a b\"}", "request DATA={\"doc\": \"a b\"} TYPE=ddoc"},
        {"REQUEST", "request ! TYPE is missing"},
        {"INS --ts -5 doc 1", "ins ts=-5 DATA=1 DOC=doc"},
        {"SET \"a key\" 1", "set KEY=a key VALUE=1"},
        {R"(SET "q\"\u00e9" 1)", "set KEY=q\"\xc3\xa9 VALUE=1"},
        {"SET a", "set ! VALUE is missing"},
        {"SET", "set ! KEY is missing"},
        {"SET \"a 1", "! a name in quotes is written like a JSON string"},
        {"SET \"a\"b 1", "! a name in quotes is written like a JSON string"},
        {"get user", "get KEY=user"},
        {"GET a b", "get ! unexpected argument \"b\""},
        {"GET a --col other", "get col=other KEY=a"},
        {"GET \"--col\"", "get KEY=--col"},
        {"GET a --json", "get ! there is no option --json"},
        {"Delete user", "del KEY=user"},
        {"PATCH profile {\"age\":21}", "patch JSON={\"age\":21} KEY=profile"},
        {"PATCH profile", "patch ! JSON is missing"},
        {"KEYS", "keys "},
        {"KEYS /a/i", "keys PATTERN=/a/i"},
        {"INS doc {\"a\":1}", "ins DATA={\"a\":1} DOC=doc"},
        {"INS doc", "ins ! DATA is missing"},
        {"QRY", "qry "},
        {"QRY doc --ts 5", "qry ts=5 DOC=doc"},
        {"QRY --ts 5 doc", "qry ts=5 DOC=doc"},
        {"QDOC doc --where \"a b\" --limit 2", "qdoc limit=2 where=a b DOC=doc"},
        {"checkpoint", "snap "},
        {"CHECKPOINT now", "snap ! unexpected argument \"now\""},
        {"GETS a", "! there is no command GETS; HELP lists them"},
        {"{}", "! there is no command {}; HELP lists them"},
    };
    for (const auto& [line, wanted] : cases) {
        CAPTURE(line);
        CHECK(parseShellLine(line) == wanted);
    }
}

TEST_CASE("an option that repeats")
{
    const Command* command = findCommand("export", Place::CommandLine);
    REQUIRE(command);
    const std::vector<Word> words = {
        {"--col", false}, {"b", false}, {"dir", false}, {"--col=a", false}, {"--col=b", false}};
    const auto parsed = parseWords(*command, words, Place::CommandLine);
    REQUIRE(parsed.ok());
    CHECK(parsed.value().all("col") == std::vector<std::string>{"b", "a", "b"});
    CHECK(parsed.value().argument("DIR") == "dir");
    CHECK(parsed.value().all("json").empty());
    CHECK(parseCommandLine({"get", "--col=a", "--col=b", "k"}) == "! --col is given twice");
}
