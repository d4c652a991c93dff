#include "shell/completion.h"

#include <algorithm>

#include "base/json.h"
#include "shell/invocation.h"

namespace fluxion::shell {

namespace {

bool isLower(char c)
{
    return c >= 'a' && c <= 'z';
}

bool isUpper(char c)
{
    return c >= 'A' && c <= 'Z';
}

// In the case that was typed; all upper-case when nothing was.
std::string inCaseOf(std::string_view typed, std::string_view name)
{
    std::string out(name);
    if (!typed.empty() && isLower(typed[0]))
        return out;
    for (char& c : out)
        c = isLower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

bool startsWithAnyCase(std::string_view name, std::string_view typed)
{
    return typed.size() <= name.size() &&
           std::equal(typed.begin(), typed.end(), name.begin(), [](char letter, char known) {
               return (isUpper(letter) ? static_cast<char>(letter - 'A' + 'a') : letter) == known;
           });
}

std::vector<std::string> commandNames(std::string_view typed)
{
    std::vector<std::string> out;
    for (const Command& command : allCommands()) {
        if (command.place == Place::CommandLine)
            continue;
        for (const std::string_view name : {command.name, command.otherName}) {
            if (!name.empty() && startsWithAnyCase(name, typed))
                out.push_back(inCaseOf(typed, name));
        }
    }
    return out;
}

// The words before the one at the end, a quoted one counting as one, and where that begins.
struct Words {
    std::vector<std::string_view> before;
    size_t last = 0;
};

Words splitWords(std::string_view text)
{
    Words out;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"' && (quoted || i == out.last)) {
            quoted = !quoted;
        } else if (!quoted && (text[i] == ' ' || text[i] == '\t')) {
            if (i > out.last)
                out.before.push_back(text.substr(out.last, i - out.last));
            out.last = i + 1;
        }
    }
    return out;
}

// The argument that stands after these words, the command's name among them; null if there is none.
const ArgumentSpec* argumentAt(const Command& command, size_t place)
{
    for (const ArgumentSpec& argument : command.arguments) {
        if (!argument.shellKnows && place-- == 0)
            return &argument;
    }
    return nullptr;
}

// What the word at the end can be: an argument after so many others, an option, or an option's
// value, which is neither.
struct Position {
    size_t arguments = 0;
    bool option = true;
    bool argument = true;
};

Position positionIn(const Command& command, const Words& words)
{
    Position out;
    for (size_t i = 1; i < words.before.size(); ++i) {
        const OptionSpec* option = out.option ? namedOption(command, words.before[i]) : nullptr;
        if (!option) {
            ++out.arguments;
            out.option = !takesRestOfLine(command);
        } else if (option->type != OptionType::Switch &&
                   words.before[i].find('=') == std::string_view::npos &&
                   ++i == words.before.size()) {
            out.option = out.argument = false;
        }
    }
    return out;
}

} // namespace

std::string typedName(std::string_view name)
{
    const bool plain = !name.empty() && !name.starts_with('"') && !name.starts_with("--") &&
                       std::ranges::none_of(name, [](char c) {
                           return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
                       });
    if (plain)
        return std::string(name);
    std::string out;
    appendJsonString(out, name);
    return out;
}

std::string Completions::common() const
{
    if (candidates.empty())
        return {};
    std::string out = candidates.front();
    for (const std::string& candidate : candidates) {
        const auto [end, unused] = std::ranges::mismatch(out, candidate);
        out.erase(end, out.end());
    }
    // Not in the midst of a character (UTF-8).
    while (out.size() < candidates.front().size() && !out.empty() &&
           (static_cast<unsigned char>(candidates.front()[out.size()]) & 0xc0U) == 0x80U)
        out.pop_back();
    return candidates.size() == 1 ? out + " " : out;
}

Completions completeLine(std::string_view before, const NameSource& names)
{
    const Words words = splitWords(before);
    const std::string_view typed = before.substr(words.last);
    Completions out;
    out.replaced = typed.size();
    if (words.before.empty()) {
        out.candidates = commandNames(typed);
    } else if (const Command* command = findCommand(words.before[0], Place::Shell)) {
        const Position place = positionIn(*command, words);
        const ArgumentSpec* argument =
            place.argument ? argumentAt(*command, place.arguments) : nullptr;
        if (place.option && typed.starts_with("--")) {
            for (const OptionSpec& option : command->options) {
                if (("--" + std::string(option.name)).starts_with(typed))
                    out.candidates.push_back("--" + std::string(option.name));
            }
        } else if (argument && argument->completion == Completion::Command) {
            out.candidates = commandNames(typed);
        } else if (argument && argument->completion != Completion::None) {
            for (const std::string& name : names(argument->completion)) {
                const std::string candidate = typedName(name);
                if (name.starts_with(typed) || candidate.starts_with(typed))
                    out.candidates.push_back(candidate);
            }
        }
    }
    std::ranges::sort(out.candidates);
    const auto [first, last] = std::ranges::unique(out.candidates);
    out.candidates.erase(first, last);
    return out;
}

} // namespace fluxion::shell
