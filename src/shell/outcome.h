#pragma once

// How a command ended, and what it prints on the way.

#include <string_view>

#include "base/result.h"

namespace fluxion::shell {

// Its number is the exit code.
enum class Outcome : unsigned char { Done = 0, Refused = 1, WrongUsage = 2, NoConnection = 3 };

// To standard output, at once. False when nobody takes it any more.
[[nodiscard]] bool print(std::string_view text);

// A line on standard error.
void complain(std::string_view line);
// "error: <code>: <text>", of an error reply.
Outcome refused(std::string_view code, std::string_view text);
// The same of our own errors: Usage is WrongUsage, all others are NoConnection.
Outcome failed(const Error& error);
// When print() says false: Done if the reader of a pipe has gone, which is its right, else Refused
// with the system's word.
Outcome outputFailed();

} // namespace fluxion::shell
