// Patterns of clients: a literal, an expression, or bad_regex, as the rule says; matching agrees
// with the rule; and neither compiling nor matching takes more memory than a bound.
//
// Input: the pattern, a NUL, the text to match.

#include <atomic>

#include <sanitizer/allocator_interface.h>

#include "base/pattern.h"
#include "fuzz/check.h"

using namespace fluxion;

namespace {

// While an expression is compiled its syntax tree and two programs stand beside each other.
constexpr int64_t kMaxPeakBytes = 16 * 1024 * 1024;
// PatternLimits::maxMemoryBytes, and what is beside the automata.
constexpr int64_t kMaxKeptBytes = 4 * 1024 * 1024;

std::atomic<int64_t> g_bytes{0};
std::atomic<int64_t> g_peak{0};

void allocated(const volatile void* at, size_t)
{
    if (!at)
        return;
    g_bytes += static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<void*>(at)));
    g_peak = std::max(g_peak.load(), g_bytes.load());
}

void freed(const volatile void* at)
{
    if (at)
        g_bytes -= static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<void*>(at)));
}

bool watchMemory()
{
    return __sanitizer_install_malloc_and_free_hooks(allocated, freed) != 0;
}

// The rule in words: it starts with a slash, has a later one without a backslash before it, and
// nothing but the flags i, m, s follows the first such.
bool isExpression(std::string_view text)
{
    if (text.empty() || text[0] != '/')
        return false;
    bool escaped = false;
    for (size_t i = 1; i < text.size(); ++i) {
        if (!escaped && text[i] == '/')
            return text.substr(i + 1).find_first_not_of("ims") == std::string_view::npos;
        escaped = !escaped && text[i] == '\\';
    }
    return false;
}

void check(std::string_view text, std::string_view subject)
{
    const PatternLimits limits;
    const auto parsed = Pattern::parse(text, limits);
    if (!isExpression(text)) {
        FUZZ_CHECK(parsed.ok() && !parsed.value().isRegex() && parsed.value().literal() == text,
                   std::string(text));
        FUZZ_CHECK(parsed.value().matchesName(subject) == (subject == text), std::string(subject));
        FUZZ_CHECK(parsed.value().matchesWithin(subject) ==
                       (subject.find(text) != std::string_view::npos),
                   std::string(subject));
        FUZZ_CHECK(parsed.value().matchesName(text) && parsed.value().steps() == 0,
                   std::string(text));
        return;
    }
    if (!parsed) {
        FUZZ_CHECK(parsed.error().code == Code::BadRegex && !parsed.error().text.empty(),
                   parsed.error().text);
        return;
    }
    const Pattern& pattern = parsed.value();
    FUZZ_CHECK(pattern.isRegex() && text.size() <= limits.maxBytes, std::string(text));
    FUZZ_CHECK(pattern.steps() <= limits.maxSteps, std::to_string(pattern.steps()));
    const bool found = pattern.matchesName(subject);
    FUZZ_CHECK(pattern.matchesWithin(subject) == found, std::string(subject));
    const Pattern copy = pattern;
    FUZZ_CHECK(copy.matchesName(subject) == found, std::string(subject));
    // A long text makes the automaton's cache full.
    std::string longer;
    while (!subject.empty() && longer.size() < 4096)
        longer.append(subject);
    (void)pattern.matchesWithin(longer);
    const int64_t kept = g_bytes;
    FUZZ_CHECK(kept <= kMaxKeptBytes, std::to_string(kept) + " bytes kept");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    static const bool watching = watchMemory();
    FUZZ_CHECK(watching, "no hooks");
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const size_t end = std::min(all.find('\0'), all.size());
    g_bytes = 0;
    g_peak = 0;
    check(all.substr(0, end), all.substr(std::min(end + 1, all.size())));
    const int64_t peak = g_peak;
    FUZZ_CHECK(peak <= kMaxPeakBytes, std::to_string(peak) + " bytes at once");
    return 0;
}
