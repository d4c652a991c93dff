#pragma once

// The interactive shell, and the same for lines from a pipe.

#include "shell/connection.h"
#include "shell/outcome.h"
#include "shell/style.h"

namespace fluxion::shell {

// Reads lines until EXIT or the end of input. On a terminal with a prompt, history and completion,
// and always Done; else WrongUsage or the like never ends it, and Refused says that a line failed.
// NoConnection if there was none at the start.
Outcome runShell(Connection& connection, Interrupt& interrupt, const Style& style);

} // namespace fluxion::shell
