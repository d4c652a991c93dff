#pragma once

// Where the server's own log lines go. Lines never hold an API key or a payload.

#include <functional>
#include <string>
#include <string_view>

namespace fluxion {

enum class LogLevel { Info, Warning, Error };

// Called from any thread; must not block for long.
using LogSink = std::function<void(LogLevel, std::string_view line)>;

// One line to standard error: time, level, text.
LogSink standardErrorSink();

// Drops everything: for tests that expect no lines to matter.
LogSink nullSink();

} // namespace fluxion
