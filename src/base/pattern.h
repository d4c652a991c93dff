#pragma once

// Names and texts as clients give them: a literal, or a regular expression written /regex/flags.
// Syntax and meaning are RE2's; matching time is linear in the text, whatever the pattern.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace fluxion {

struct PatternLimits {
    size_t maxBytes = 1000; // of a regular expression, as written
    // Instructions of the compiled program: the worst case looks at each of them for every byte of
    // the text, measured 10 ns each. `\pL` has 1200, `.{100}` 800, plain patterns some 20.
    size_t maxSteps = 500;
    size_t maxMemoryBytes = 1024 * 1024; // of one compiled, its automaton's cache included
};

// Immutable; a copy shares the compiled expression. Any thread.
class Pattern {
  public:
    // A regular expression if `text` starts with a slash, has a later slash that no backslash
    // escapes, and nothing but the flags i, m, s follows the first such; else a literal
    // (/var/log/x is a name). Code::BadRegex when an expression does not compile or passes a limit;
    // never a silent literal.
    static Result<Pattern> parse(std::string_view text, const PatternLimits& limits);
    static Pattern fromLiteral(std::string_view text);

    bool isRegex() const { return m_regex != nullptr; }
    // Only of a literal; lives as long as the pattern.
    const std::string& literal() const { return m_literal; }

    // Equal ones match the same: a literal as it is, behind a mark that tells it from an
    // expression.
    std::string text() const;

    // Instructions of the compiled program, 0 of a literal: times the text's bytes, the worst case
    // of one match.
    size_t steps() const;

    // A literal equals the name; an expression is found anywhere in it.
    bool matchesName(std::string_view name) const;
    // A literal or an expression is found anywhere in the text.
    bool matchesWithin(std::string_view text) const;

  private:
    bool found(std::string_view text) const;

    std::string m_literal;
    std::shared_ptr<const re2::RE2> m_regex;
};

} // namespace fluxion
