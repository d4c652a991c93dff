#include <doctest/doctest.h>

#include "shell/completion.h"

using namespace fluxion::shell;

namespace {

std::vector<std::string> names(Completion kind)
{
    if (kind == Completion::Collection)
        return {"default", "sensors"};
    return {"user", "user name", "\xc3\xbcser", "\xc3\xb6", "--x", "user"};
}

// "replaced: candidate candidate | common"
std::string completed(std::string_view before)
{
    const Completions found = completeLine(before, names);
    std::string out = std::to_string(found.replaced) + ":";
    for (const std::string& candidate : found.candidates)
        out.append(" ").append(candidate);
    return out + " | " + found.common();
}

} // namespace

TEST_CASE("completion of a line")
{
    const struct {
        const char* before;
        const char* wanted;
    } cases[] = {
        {"GE", "2: GET | GET "},
        {"ge", "2: get | get "},
        {"De", "2: DEL DELETE | DEL"},
        {"q", "1: qdoc qry quit | q"},
        {"CHECK", "5: CHECKPOINT | CHECKPOINT "},
        {"she", "3: | "},
        {"xyz", "3: | "},
        {"GET u", "1: \"user name\" user | "},
        {"GET use", "3: \"user name\" user | "},
        {"GET \"u", "2: \"user name\" | \"user name\" "},
        {"GET \"user n", "7: \"user name\" | \"user name\" "},
        {"GET \xc3", "1: \xc3\xb6 \xc3\xbcser | "},
        {"GET \xc3\xbc", "2: \xc3\xbcser | \xc3\xbcser "},
        {"GET \"--", "3: \"--x\" | \"--x\" "},
        {"GET nobody", "6: | "},
        {"GET user ", "0: | "},
        {"set user {", "1: | "},
        {"USE s", "1: sensors | sensors "},
        {"USE ", "0: default sensors | "},
        {"HELP wat", "3: watch | watch "},
        {"COLS ", "0: | "},
        {"NOPE u", "1: | "},
        {"QDOC d --l", "3: --limit | --limit "},
        {"QDOC --limit 2 d --l", "3: --limit | --limit "},
        {"GET --col c us", "2: \"user name\" user | "},
        {"GET --col us", "2: | "},
        {"SET --", "2: --col --ttl --ver | --"},
        {"SET --ttl 5 --v", "3: --ver | --ver "},
        {"SET --ttl --v", "3: | "},
        {"SET --ttl 5 us", "2: \"user name\" user | "},
        {"SET --ttl=5 us", "2: \"user name\" user | "},
        {"SET user 1 --", "2: | "}, // that is the value by now
        {"INS --t", "3: --ts | --ts "},
        {"INS doc --t", "3: | "},
        {"WATCH --", "2: --col --filter --from --kind --limit --match --previous --snapshot --where"
                     " | --"},
    };
    for (const auto& [before, wanted] : cases) {
        CAPTURE(before);
        CHECK(completed(before) == wanted);
    }
    CHECK(completeLine("", names).candidates.size() > 15);
    CHECK(completeLine("", names).candidates.front() == "CHECKPOINT");
}

TEST_CASE("names as they are typed")
{
    CHECK(typedName("a/b") == "a/b");
    CHECK(typedName("") == "\"\"");
    CHECK(typedName("a b") == "\"a b\"");
    CHECK(typedName("\"q") == "\"\\\"q\"");
    CHECK(typedName("a\"q") == "a\"q");
    CHECK(typedName("--x") == "\"--x\"");
    CHECK(typedName("-x") == "-x");
}
