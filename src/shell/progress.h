#pragma once

// How far an export or import is: one line on a terminal, written again and again.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace fluxion::shell {

class Progress {
  public:
    // `verb`: "exported". Shows nothing unless `shown` and standard error is a terminal.
    Progress(std::string_view verb, bool shown);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // What is done by now; the rate is of what was done since the first call.
    void update(uint64_t records, uint64_t keys, uint64_t bytes);
    // Before anything else is written.
    void clear();

  private:
    using Clock = std::chrono::steady_clock;

    const std::string m_verb;
    const bool m_shown;
    Clock::time_point m_begun;
    Clock::time_point m_next;
    uint64_t m_before = 0; // records and keys at the first call
    bool m_any = false;
    bool m_onScreen = false;
};

// "1,234,567", "12.5 MiB".
std::string groupedText(uint64_t number);
std::string bytesText(uint64_t bytes);

} // namespace fluxion::shell
