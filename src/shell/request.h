#pragma once

// From an invocation to a message of the protocol.

#include <string>
#include <string_view>

#include "shell/invocation.h"

namespace fluxion::shell {

// `type` may be a view of the invocation. `data` is JSON text, empty for types without a payload.
struct Request {
    std::string_view type;
    std::string data;
};

// `col` is the collection where the invocation does not name one; `input` stands for the value that
// is read from standard input when none is given; `nowMs` for a timestamp that is not given.
struct RequestContext {
    std::string col = "default";
    std::string input;
    int64_t nowMs = 0;
};

// Not of verbs that only the shell itself knows, nor of an `ins` without DATA.
Request makeRequest(const Invocation& invocation, const RequestContext& context);

// Goes on after a position, `<log>:<seq>`, rather than with what the invocation says; empty: as it
// says.
Request makeWatchRequest(const Invocation& invocation, const RequestContext& context,
                         std::string_view from);

// Whether the verb takes its value from standard input when it is not given.
bool readsInput(const Invocation& invocation);

// The whole message.
std::string encodeMessage(std::string_view id, const Request& request);

} // namespace fluxion::shell
