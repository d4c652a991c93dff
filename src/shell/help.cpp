// The table of commands in words.

#include <algorithm>

#include "shell/commands.h"

namespace fluxion::shell {

namespace {

constexpr size_t kColumns = 90;

std::string upper(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

// Words, broken into lines; all lines but the first begin with `indent` spaces.
void appendWrapped(std::string& out, std::string_view words, size_t indent)
{
    size_t column = indent;
    while (!words.empty()) {
        const size_t end = std::min(words.find(' '), words.size());
        if (column > indent && column + 1 + end > kColumns) {
            out.append("\n").append(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out.append(words.substr(0, end));
        column += end;
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    out += '\n';
}

// Two columns; the second one begins on a line of its own where the first is too wide.
void appendRow(std::string& out, std::string_view left, size_t width, std::string_view right)
{
    const size_t indent = 2 + width + 2;
    out.append("  ").append(left);
    if (left.size() > width)
        out.append("\n").append(indent, ' ');
    else
        out.append(indent - 2 - left.size(), ' ');
    appendWrapped(out, right, indent);
}

std::string optionUsage(const OptionSpec& option)
{
    std::string out = "--" + std::string(option.name);
    if (option.type != OptionType::Switch)
        out.append(" ").append(option.value);
    return out;
}

void appendOptions(std::string& out, std::span<const OptionSpec> options)
{
    size_t width = 0;
    for (const OptionSpec& option : options)
        width = std::max(width, optionUsage(option).size());
    for (const OptionSpec& option : options)
        appendRow(out, optionUsage(option), width, option.help);
}

} // namespace

std::string usage(const Command& command, Place place)
{
    const bool inShell = place == Place::Shell;
    std::string out = inShell ? upper(command.name) : std::string(command.name);
    for (const ArgumentSpec& argument : command.arguments) {
        if (inShell && argument.shellKnows)
            continue;
        const bool required = inShell ? argument.shellRequires : argument.required;
        const std::string name(argument.name);
        out.append(required ? " " + name : " [" + name + "]");
    }
    return out;
}

std::string commandsHelp()
{
    std::string out = "\nThe client of a running server; `fluxion COMMAND --help` says more:\n\n";
    for (const Command& command : allCommands()) {
        if (command.place != Place::Shell)
            appendRow(out, "fluxion " + usage(command, Place::CommandLine), 30, command.help);
    }
    return out;
}

std::string commandHelp(const Command& command, Place place)
{
    const bool inShell = place == Place::Shell;
    const bool takesOptions = !inShell || !command.options.empty();
    std::string out = (inShell ? "" : "fluxion ") + usage(command, place);
    if (takesOptions && inShell && takesRestOfLine(command))
        out.insert(command.name.size(), " [OPTION...]");
    else if (takesOptions)
        out += " [OPTION...]";
    out += "\n\n";
    appendWrapped(out, command.help, 0);
    if (!command.more.empty() && !inShell)
        appendWrapped(out, command.more, 0);
    if (takesOptions && !command.options.empty()) {
        out += "\nOptions:\n";
        appendOptions(out, command.options);
    }
    if (inShell)
        return out;
    out += "\nOptions of every command:\n";
    appendOptions(out, commonOptions());
    out += "\nExit codes: 0 done, 1 the server refused, 2 wrong usage, 3 no connection.\n";
    return out;
}

std::string shellHelp()
{
    std::string out;
    for (const Command& command : allCommands()) {
        if (command.place == Place::CommandLine)
            continue;
        std::string help(command.help);
        if (!command.otherName.empty())
            help.append(" Also ").append(upper(command.otherName)).append(".");
        appendRow(out, usage(command, Place::Shell), 18, help);
    }
    out += "\nUpper or lower case is the same. Names with spaces are written in quotes. Ctrl-C "
           "cancels.\nHELP COMMAND lists the options of a command.\n";
    return out;
}

} // namespace fluxion::shell
