#pragma once

// The `watch` command.

#include "shell/execute.h"

namespace fluxion::shell {

// Prints events until Ctrl-C, --limit, or the server's last word. After a lost connection it goes
// on where it was, and says so on standard error. The connection must have an Interrupt.
Outcome watch(Connection& connection, const Invocation& invocation, const RequestContext& context,
              const Style& style);

} // namespace fluxion::shell
