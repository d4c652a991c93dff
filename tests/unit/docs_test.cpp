// What documents repeat of the tables in the code must be what those say. `make docs` writes it
// anew.

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "config/settings_table.h"
#include "protocol/describe.h"

using namespace fluxion;

namespace {

std::string readText(const std::string& path)
{
    std::ifstream in(path, std::ios::binary);
    std::ostringstream content;
    content << in.rdbuf();
    return content.str();
}

} // namespace

TEST_CASE("documents: the generated parts are up to date")
{
    const struct {
        const char* path;
        std::string_view begin;
        std::string_view end;
        std::string generated;
    } parts[] = {
        {"README.md", kSettingsBegin, kSettingsEnd, settingsMarkdown()},
        {"docs/protocol.md", kGeneratedBegin, kGeneratedEnd, describeMarkdown()},
    };
    for (const auto& part : parts) {
        CAPTURE(part.path);
        const std::string path = std::string(FLUXION_SOURCE_ROOT) + "/" + part.path;
        const std::string text = readText(path);
        const size_t begin = text.find(part.begin);
        REQUIRE(begin != std::string::npos);
        const size_t end = text.find(part.end, begin);
        REQUIRE(end != std::string::npos);
        const std::string written = text.substr(begin, end + part.end.size() - begin);
        if (std::getenv("FLUXION_WRITE_DOCS"))
            std::ofstream(path, std::ios::binary)
                << std::string(text).replace(begin, written.size(), part.generated);
        else
            CHECK_MESSAGE(written == part.generated, "run `make docs`");
    }
}
