#pragma once

// One handler per message type, declared from the command table: a type without one does not link.

#include "api/call.h"
#include "protocol/commands.h"

namespace fluxion {

#define FLUXION_HANDLER(name, token, permission, shape, summary)                                   \
    void handle##name(const Call& call);
FLUXION_COMMANDS(FLUXION_HANDLER)
#undef FLUXION_HANDLER

// Runs the handler of the type.
void dispatch(CommandType type, const Call& call);

} // namespace fluxion
