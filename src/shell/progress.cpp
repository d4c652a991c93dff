#include "shell/progress.h"

#include <array>
#include <cstdio>
#include <unistd.h>

namespace fluxion::shell {

namespace {

constexpr std::chrono::milliseconds kEvery{200};
constexpr std::string_view kEraseLine = "\r\x1b[K"; // ECMA-48, section 8.3.41

} // namespace

Progress::Progress(std::string_view verb, bool shown)
    : m_verb(verb), m_shown(shown && ::isatty(STDERR_FILENO) == 1)
{
}

void Progress::update(uint64_t records, uint64_t keys, uint64_t bytes)
{
    const auto now = Clock::now();
    if (!m_shown || (m_any && now < m_next))
        return;
    if (!m_any) {
        m_any = true;
        m_begun = now;
        m_before = records + keys;
    }
    m_next = now + kEvery;
    const double seconds = std::chrono::duration<double>(now - m_begun).count();
    std::string line(kEraseLine);
    line += m_verb + " " + groupedText(records) + " records, " + groupedText(keys) + " keys, " +
            bytesText(bytes);
    if (seconds > 0)
        line += ", " +
                groupedText(static_cast<uint64_t>(static_cast<double>(records + keys - m_before) /
                                                  seconds)) +
                "/s";
    std::fwrite(line.data(), 1, line.size(), stderr);
    m_onScreen = true;
}

void Progress::clear()
{
    if (m_onScreen)
        std::fwrite(kEraseLine.data(), 1, kEraseLine.size(), stderr);
    m_onScreen = false;
}

std::string groupedText(uint64_t number)
{
    std::string out = std::to_string(number);
    for (size_t at = out.size(); at > 3; at -= 3)
        out.insert(at - 3, 1, ',');
    return out;
}

std::string bytesText(uint64_t bytes)
{
    constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
    constexpr double kStep = 1024;
    if (bytes < 1024)
        return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
    double value = static_cast<double>(bytes) / kStep;
    size_t unit = 0;
    for (; value >= kStep && unit + 1 < kUnits.size(); ++unit)
        value /= kStep;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
    return text.data();
}

} // namespace fluxion::shell
