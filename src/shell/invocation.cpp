#include "shell/invocation.h"

#include <algorithm>

#include "base/json.h"

namespace fluxion::shell {

namespace {

const OptionSpec* findOption(const Command& command, std::string_view name, Place place)
{
    const auto find = [&](std::span<const OptionSpec> specs) -> const OptionSpec* {
        const auto found = std::ranges::find(specs, name, &OptionSpec::name);
        return found == specs.end() ? nullptr : &*found;
    };
    if (const OptionSpec* own = find(command.options))
        return own;
    return place == Place::CommandLine ? find(commonOptions()) : nullptr;
}

bool isOneOf(std::string_view text, std::string_view choices)
{
    while (!choices.empty()) {
        const size_t end = std::min(choices.find('|'), choices.size());
        if (text == choices.substr(0, end))
            return true;
        choices.remove_prefix(std::min(end + 1, choices.size()));
    }
    return false;
}

Status checkValue(const OptionSpec& spec, const std::string& value)
{
    const std::string name = "--" + std::string(spec.name);
    if (spec.type == OptionType::Integer) {
        const auto number = parseDecimalInteger(value);
        if (!number)
            return {Code::Usage, name + " takes a whole number"};
        if (*number < spec.min)
            return {Code::Usage, name + " must be at least " + std::to_string(spec.min)};
    } else if (spec.value.find('|') != std::string_view::npos && !isOneOf(value, spec.value)) {
        return {Code::Usage, name + " must be one of " + std::string(spec.value)};
    }
    return {};
}

// Takes words apart one after the other.
class WordParser {
  public:
    WordParser(const Command& command, std::span<const Word> words, Place place)
        : m_words(words), m_place(place)
    {
        m_invocation.command = &command;
        for (const ArgumentSpec& argument : command.arguments) {
            if (place == Place::CommandLine || !argument.shellKnows)
                m_expected.push_back(&argument);
        }
    }

    Result<Invocation> parse()
    {
        bool optionsEnd = false;
        while (m_next < m_words.size()) {
            const Word& word = m_words[m_next++];
            const bool dashes = !word.literal && !optionsEnd;
            Status status;
            if (dashes && word.text == "--")
                optionsEnd = true;
            else if (dashes && (word.text.starts_with("--") || word.text == "-h"))
                status = takeOption(word.text == "-h" ? "help" : word.text.substr(2));
            else
                status = takeArgument(word.text);
            if (!status)
                return status.error();
            if (m_invocation.has("help"))
                return std::move(m_invocation);
        }
        for (const ArgumentSpec* argument : m_expected) {
            const bool required =
                m_place == Place::Shell ? argument->shellRequires : argument->required;
            if (required && !m_invocation.argument(argument->name))
                return {Code::Usage, std::string(argument->name) + " is missing"};
        }
        return std::move(m_invocation);
    }

  private:
    Status takeOption(std::string_view text)
    {
        const size_t equals = std::min(text.find('='), text.size());
        const std::string name(text.substr(0, equals));
        const OptionSpec* spec = findOption(*m_invocation.command, name, m_place);
        if (!spec)
            return {Code::Usage, "there is no option --" + name};
        if (m_invocation.has(name) && !spec->repeats)
            return {Code::Usage, "--" + name + " is given twice"};
        const bool valueHere = equals < text.size();
        std::string value;
        if (spec->type == OptionType::Switch) {
            if (valueHere)
                return {Code::Usage, "--" + name + " takes no value"};
        } else if (valueHere) {
            value = text.substr(equals + 1);
        } else if (m_next < m_words.size()) {
            value = m_words[m_next++].text;
        } else {
            return {Code::Usage, "--" + name + " needs a value"};
        }
        if (Status status = checkValue(*spec, value); !status)
            return status;
        if (m_invocation.has(name))
            m_invocation.more[name].push_back(std::move(m_invocation.options[name]));
        m_invocation.options[name] = std::move(value);
        return {};
    }

    Status takeArgument(const std::string& text)
    {
        if (m_taken == m_expected.size())
            return {Code::Usage, "unexpected argument \"" + text + "\""};
        m_invocation.arguments.emplace(m_expected[m_taken++]->name, text);
        return {};
    }

    std::span<const Word> m_words;
    Place m_place;
    size_t m_next = 0;
    std::vector<const ArgumentSpec*> m_expected;
    size_t m_taken = 0;
    Invocation m_invocation;
};

constexpr std::string_view kSpace = " \t\r\n";

std::string_view trimmed(std::string_view text)
{
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The length of a JSON string at the begin of the text, quotes included; 0 if it does not end.
size_t quotedLength(std::string_view text)
{
    for (size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            return i + 1;
    }
    return 0;
}

// Takes the next word off a text that begins with one.
Result<Word> takeWord(std::string_view& rest)
{
    if (!rest.starts_with('"')) {
        const size_t end = std::min(rest.find_first_of(kSpace), rest.size());
        Word word{std::string(rest.substr(0, end)), false};
        rest = trimmed(rest.substr(end));
        return word;
    }
    const size_t length = quotedLength(rest);
    JsonReader reader;
    const auto parsed = reader.parse(rest.substr(0, length));
    const bool ends = length == rest.size() ||
                      (length > 0 && kSpace.find(rest[length]) != std::string_view::npos);
    if (!ends || !parsed)
        return {Code::Usage, "a name in quotes is written like a JSON string"};
    Word word{std::string(parsed.value().text()), true};
    rest = trimmed(rest.substr(length));
    return word;
}

// Where the rest of the line is an argument, options stand before the first one. What only looks
// like an option is a name.
Status takeLeadingOptions(const Command& command, std::string_view& rest, std::vector<Word>& words)
{
    while (const OptionSpec* option =
               namedOption(command, rest.substr(0, rest.find_first_of(kSpace)))) {
        auto word = takeWord(rest);
        if (!word)
            return word.error();
        const bool valueFollows =
            option->type != OptionType::Switch && word.value().text.find('=') == std::string::npos;
        words.push_back(std::move(word.value()));
        if (!valueFollows || rest.empty())
            continue;
        auto value = takeWord(rest);
        if (!value)
            return value.error();
        words.push_back(std::move(value.value()));
    }
    return {};
}

} // namespace

const OptionSpec* namedOption(const Command& command, std::string_view word)
{
    return word.starts_with("--")
               ? findOption(command, word.substr(2, word.find('=') - 2), Place::Shell)
               : nullptr;
}

std::optional<std::string_view> Invocation::argument(std::string_view name) const
{
    const auto found = arguments.find(name);
    return found == arguments.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

std::optional<std::string_view> Invocation::option(std::string_view name) const
{
    const auto found = options.find(name);
    return found == options.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

std::vector<std::string> Invocation::all(std::string_view name) const
{
    std::vector<std::string> out;
    if (const auto before = more.find(name); before != more.end())
        out = before->second;
    if (const auto last = option(name))
        out.emplace_back(*last);
    return out;
}

std::optional<int64_t> Invocation::integer(std::string_view name) const
{
    const auto text = option(name);
    return text ? parseDecimalInteger(*text) : std::nullopt;
}

Result<Invocation> parseWords(const Command& command, std::span<const Word> words, Place place)
{
    return WordParser(command, words, place).parse();
}

Result<ShellLine> splitLine(std::string_view line)
{
    ShellLine out;
    std::string_view rest = trimmed(line);
    const size_t end = std::min(rest.find_first_of(kSpace), rest.size());
    out.name = rest.substr(0, end);
    rest = trimmed(rest.substr(end));
    if (out.name.empty())
        return out;
    out.command = findCommand(out.name, Place::Shell);
    if (!out.command)
        return {Code::Usage, "there is no command " + out.name + "; HELP lists them"};
    if (takesRestOfLine(*out.command)) {
        if (Status status = takeLeadingOptions(*out.command, rest, out.words); !status)
            return status.error();
    }
    for (const ArgumentSpec& argument : out.command->arguments) {
        if (argument.shellKnows || rest.empty())
            continue;
        if (argument.restOfLine) {
            out.words.push_back({std::string(rest), true});
            return out;
        }
        auto word = takeWord(rest);
        if (!word)
            return word.error();
        // Before the rest of the line an argument is never an option.
        word.value().literal |= takesRestOfLine(*out.command);
        out.words.push_back(std::move(word.value()));
    }
    while (!rest.empty()) {
        auto word = takeWord(rest);
        if (!word)
            return word.error();
        out.words.push_back(std::move(word.value()));
    }
    return out;
}

} // namespace fluxion::shell
