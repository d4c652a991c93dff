#pragma once

// A command line, or a line of the shell, taken apart and checked against the table of commands.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shell/commands.h"

namespace fluxion::shell {

// One word of a command line. `literal`: never an option, whatever it begins with.
struct Word {
    std::string text;
    bool literal = false;
};

struct Invocation {
    const Command* command = nullptr;
    std::map<std::string, std::string, std::less<>> arguments; // by the table's names
    std::map<std::string, std::string, std::less<>> options;   // without dashes; of a switch: ""
    std::map<std::string, std::vector<std::string>, std::less<>> more; // what repeats, but the last

    std::optional<std::string_view> argument(std::string_view name) const;
    std::optional<std::string_view> option(std::string_view name) const;
    bool has(std::string_view name) const { return options.contains(name); }
    // Of an option that repeats, all that were given.
    std::vector<std::string> all(std::string_view name) const;
    // Of an Integer option; it was checked.
    std::optional<int64_t> integer(std::string_view name) const;
};

// `words`: what follows the command's name. A command line may have options anywhere before `--`;
// in the shell those of every command do not count. Code::Usage, one line. With --help nothing else
// is checked.
Result<Invocation> parseWords(const Command& command, std::span<const Word> words, Place place);

// The option of the command that this word of the shell names, "--ttl" or "--ttl=5"; null if none.
const OptionSpec* namedOption(const Command& command, std::string_view word);

// A line of the shell, without the command's name checked yet: the words, of which the last is the
// rest of the line as it stands where the command says so; options stand before the first argument
// there. A word in double quotes is a JSON string. Code::Usage; no command and no words for an
// empty line.
struct ShellLine {
    std::string name; // as typed
    const Command* command = nullptr;
    std::vector<Word> words;
};
Result<ShellLine> splitLine(std::string_view line);

} // namespace fluxion::shell
