// The settings table in words: --help and the README.

#include "config/settings_table.h"

#include <algorithm>

namespace fluxion {

namespace {

constexpr size_t kHelpColumns = 90;
constexpr std::string_view kIndent = "        ";

// Appends words, broken into lines.
void appendWrapped(std::string& out, std::string_view words)
{
    size_t column = 0;
    while (!words.empty()) {
        const size_t end = std::min(words.find(' '), words.size());
        if (column == 0 || column + 1 + end > kHelpColumns) {
            out.append(column == 0 ? "" : "\n").append(kIndent);
            column = kIndent.size();
        } else {
            out += ' ';
            ++column;
        }
        out.append(words.substr(0, end));
        column += end;
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    out += '\n';
}

std::string defaultText(const SettingSpec& spec)
{
    return spec.defaultValue.empty() ? "none" : std::string(spec.defaultValue);
}

} // namespace

std::string helpText()
{
    std::string out =
        "fluxion [serve] [flags]   starts the server\n"
        "fluxion health [flags]    exit code 0 when the server with these settings is ready\n"
        "fluxion verify DIR        reads a data folder that no server uses, changes nothing: exit\n"
        "                          code 0 when it is whole, 1 when not, 2 when it cannot be "
        "read\n"
        "fluxion get, set, ...     the client of a running server; its commands are at the end\n"
        "fluxion help COMMAND      explains one; so does fluxion COMMAND --help\n\n"
        "Every setting can be given as a flag (--name value or --name=value), as an environment\n"
        "variable (FLUXION_NAME) or in the file named by --config (name = value); a flag wins "
        "over\n"
        "the environment, and that over the file. A variable FLUXION_... of no setting is an "
        "error,\n"
        "but for FLUXION_URL and FLUXION_KEY, which are the client's. Sizes take B, KiB, MiB, GiB "
        "or\n"
        "TiB, durations ms, s, min or h; without, they are bytes and milliseconds.\n\n"
        "  --help      this text\n"
        "  --version   the version\n"
        "  --describe  the protocol as JSON\n";
    for (const SettingSpec& spec : allSettings()) {
        out.append("\n  --").append(spec.name);
        if (spec.type != SettingType::Switch)
            out.append(" <").append(describeUnit(spec)).append(">");
        out.append("  ").append(environmentName(spec)).append("\n");
        std::string words(spec.help);
        const std::string range = describeRange(spec);
        if (!range.empty())
            words.append(" [").append(range).append("]");
        words.append(" Default: ").append(defaultText(spec)).append(".");
        appendWrapped(out, words);
    }
    return out;
}

std::string settingsMarkdown()
{
    std::string out(kSettingsBegin);
    out += "\n| flag, and key in the file | environment | unit | range | default | meaning |\n"
           "|---|---|---|---|---|---|\n";
    for (const SettingSpec& spec : allSettings()) {
        out.append("| `--").append(spec.name).append("` | `").append(environmentName(spec));
        out.append("` | ").append(describeUnit(spec)).append(" | ").append(describeRange(spec));
        out.append(" | ").append(defaultText(spec)).append(" | ").append(spec.help).append(" |\n");
    }
    out += '\n';
    out += kSettingsEnd;
    return out;
}

} // namespace fluxion
