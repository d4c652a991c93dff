#include "base/log_sink.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

namespace fluxion {

LogSink standardErrorSink()
{
    return [](LogLevel level, std::string_view line) {
        const char* name = level == LogLevel::Info      ? "info"
                           : level == LogLevel::Warning ? "warning"
                                                        : "error";
        const auto now = std::chrono::system_clock::now();
        const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
        std::tm utc{};
        gmtime_r(&seconds, &utc);
        char stamp[32];
        std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
        // One call, so that lines of several threads do not mix.
        std::fprintf(stderr, "%s %s %.*s\n", stamp, name, static_cast<int>(line.size()),
                     line.data());
    };
}

LogSink nullSink()
{
    return [](LogLevel, std::string_view) {};
}

} // namespace fluxion
