#pragma once

// One command against the server.

#include "shell/connection.h"
#include "shell/invocation.h"
#include "shell/outcome.h"
#include "shell/request.h"
#include "shell/style.h"

namespace fluxion::shell {

// Sends the request of any command that has one reply, and prints that reply or complains of it.
// Opens the connection if it is not open.
Outcome execute(Connection& connection, const Invocation& invocation, const RequestContext& context,
                const Style& style);

// Prints a reply, or complains of an error reply; in the Json form both are printed as they came.
Outcome showReply(const Invocation& invocation, const Message& reply, const Style& style);

int64_t nowMs();

} // namespace fluxion::shell
