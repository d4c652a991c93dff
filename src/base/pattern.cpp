#include "base/pattern.h"

#include <optional>

#include <re2/re2.h>
#include <re2/stringpiece.h>

namespace fluxion {

namespace {

struct RegexParts {
    std::string_view expression;
    std::string_view flags;
};

// The parts of /expression/flags, or nothing when the text is a literal.
std::optional<RegexParts> splitRegex(std::string_view text)
{
    if (!text.starts_with('/'))
        return std::nullopt;
    size_t end = 1;
    while (end < text.size() && text[end] != '/')
        end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size())
        return std::nullopt;
    const RegexParts parts{text.substr(1, end - 1), text.substr(end + 1)};
    if (parts.flags.find_first_not_of("ims") != std::string_view::npos)
        return std::nullopt;
    return parts;
}

// Flags go before the expression and not around it: a group of ours would let an unmatched
// parenthesis of the client's pass.
std::string withFlags(const RegexParts& parts)
{
    std::string out;
    if (!parts.flags.empty()) {
        out = "(?";
        for (const char flag : {'i', 'm', 's'}) {
            if (parts.flags.find(flag) != std::string_view::npos)
                out.push_back(flag);
        }
        out.push_back(')');
    }
    out.append(parts.expression);
    return out;
}

} // namespace

Pattern Pattern::fromLiteral(std::string_view text)
{
    Pattern pattern;
    pattern.m_literal = text;
    return pattern;
}

Result<Pattern> Pattern::parse(std::string_view text, const PatternLimits& limits)
{
    const auto parts = splitRegex(text);
    if (!parts)
        return fromLiteral(text);
    if (text.size() > limits.maxBytes)
        return {Code::BadRegex, "the pattern has " + std::to_string(text.size()) +
                                    " bytes, more than the limit of " +
                                    std::to_string(limits.maxBytes)};
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(static_cast<int64_t>(limits.maxMemoryBytes));
    options.set_never_capture(true);
    Pattern pattern;
    pattern.m_regex = std::make_shared<const RE2>(withFlags(*parts), options);
    if (!pattern.m_regex->ok())
        return {Code::BadRegex, "the pattern does not compile: " + pattern.m_regex->error()};
    if (pattern.steps() > limits.maxSteps)
        return {Code::BadRegex, "the pattern compiles to " + std::to_string(pattern.steps()) +
                                    " steps, more than the limit of " +
                                    std::to_string(limits.maxSteps)};
    return pattern;
}

std::string Pattern::text() const
{
    return m_regex ? "/" + m_regex->pattern() : "=" + m_literal;
}

size_t Pattern::steps() const
{
    return m_regex ? static_cast<size_t>(m_regex->ProgramSize()) : 0;
}

bool Pattern::found(std::string_view text) const
{
    // What PartialMatch comes down to.
    return m_regex->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                          RE2::UNANCHORED, nullptr, 0);
}

bool Pattern::matchesName(std::string_view name) const
{
    return m_regex ? found(name) : name == m_literal;
}

bool Pattern::matchesWithin(std::string_view text) const
{
    return m_regex ? found(text) : text.find(m_literal) != std::string_view::npos;
}

} // namespace fluxion
