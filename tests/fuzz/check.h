#pragma once

// What a fuzz target says when something does not hold: libFuzzer keeps the input that led there.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fluxion::fuzz {

[[noreturn]] inline void broken(const char* what, const char* file, int line,
                                const std::string& more)
{
    std::fprintf(stderr, "%s:%d: does not hold: %s\n%s\n", file, line, what, more.c_str());
    std::abort();
}

} // namespace fluxion::fuzz

// `more` says, in text, what was found instead.
#define FUZZ_CHECK(condition, more)                                                                \
    ((condition) ? void()                                                                          \
                 : ::fluxion::fuzz::broken(#condition, __FILE__, __LINE__, std::string(more)))

namespace fluxion::fuzz {

// Takes an input apart from its front; zeros and empty pieces when it is used up.
class Input {
  public:
    Input(const uint8_t* data, size_t size) : m_rest(reinterpret_cast<const char*>(data), size) {}

    bool empty() const { return m_rest.empty(); }
    std::string_view rest() const { return m_rest; }
    uint8_t byte()
    {
        const std::string_view one = bytes(1);
        return one.empty() ? 0 : static_cast<uint8_t>(one[0]);
    }
    uint64_t number(size_t size)
    {
        uint64_t value = 0;
        for (size_t i = 0; i < size; ++i)
            value |= uint64_t{byte()} << (8 * i);
        return value;
    }
    // At most so many.
    std::string_view bytes(size_t size)
    {
        const std::string_view taken = m_rest.substr(0, size);
        m_rest.remove_prefix(taken.size());
        return taken;
    }

  private:
    std::string_view m_rest;
};

} // namespace fluxion::fuzz
