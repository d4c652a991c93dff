#pragma once

// Every command of the client, once: name, arguments, options, help. Derived from this table: the
// parsing of command lines and of lines typed into the shell, both helps, completion, dispatch.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fluxion::shell {

enum class Verb : unsigned char {
    Get,
    Set,
    Patch,
    Del,
    Keys,
    History,
    Watch,
    Cols,
    Ins,
    Qry,
    Qdoc,
    Conn,
    Stat,
    Snap,
    Export,
    Import,
    Request,
    Shell,
    Use,
    Help,
    Exit
};

// Where a command can be given: as `fluxion NAME ...`, as a line of the shell, or both.
enum class Place : unsigned char { Both, CommandLine, Shell };

// What completes an argument.
enum class Completion : unsigned char { None, Key, Collection, Command };

struct ArgumentSpec {
    std::string_view name; // as the help shows it
    bool required = true;
    Completion completion = Completion::None;
    // The collection: `--col` or an argument on a command line; the shell's own in the shell.
    bool shellKnows = false;
    bool shellRequires = true;
    // In the shell: all that follows, as it is typed. Options stand before the first argument
    // there.
    bool restOfLine = false;
};

enum class OptionType : unsigned char { Switch, Text, Integer };

struct OptionSpec {
    std::string_view name; // without the dashes
    OptionType type = OptionType::Text;
    std::string_view value; // what the help calls it; with `|`: the words it can be
    std::string_view help;
    int64_t min = INT64_MIN; // of an Integer
    bool repeats = false;    // may be given several times
};

struct Command {
    Verb verb;
    std::string_view name;
    std::string_view otherName; // in the shell, too; may be empty
    Place place;
    std::span<const ArgumentSpec> arguments;
    std::span<const OptionSpec> options;
    std::string_view help; // a sentence
    std::string_view more; // for the help of this command alone; may be empty
};

std::span<const Command> allCommands();
// What any command takes on a command line: where the server is, and the like.
std::span<const OptionSpec> commonOptions();

// Null when there is none of that name. On a command line names are as the table writes them; in
// the shell case does not matter.
const Command* findCommand(std::string_view name, Place place);

// Whether in the shell its last argument is the rest of the line: then options come first there.
bool takesRestOfLine(const Command& command);

// "set KEY [VALUE]"; in the shell upper-case and without what the shell knows.
std::string usage(const Command& command, Place place);

// Texts of --help, each ending with a line feed: the commands, as a part of `fluxion --help`; one
// command; the shell's HELP.
std::string commandsHelp();
std::string commandHelp(const Command& command, Place place);
std::string shellHelp();

} // namespace fluxion::shell
