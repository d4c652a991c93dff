#pragma once

// Replies and events as text, in the Human and the Plain form. (In the Json form they are printed
// as they came.)

#include <string>

#include "base/json.h"
#include "shell/invocation.h"
#include "shell/style.h"

namespace fluxion::shell {

// Appends lines, each with its line feed; or nothing, where there is nothing to say. `reply` is an
// object without `error`; fields it lacks are left out.
void appendReply(std::string& out, const Invocation& invocation, JsonValue reply,
                 const Style& style);

// Appends one line for an event of a subscription. Plain: seq, op, collection; then key, version,
// value or document, timestamp, data or document, from, to. `op` is `entered` and `left` for a set
// that the server marks so.
void appendEvent(std::string& out, JsonValue event, const Style& style);

// A member, absent when there is none or it is given twice; its text, "" unless it is a number or a
// string.
JsonValue member(JsonValue object, std::string_view name);
std::string_view memberText(JsonValue object, std::string_view name);
bool memberIsTrue(JsonValue object, std::string_view name);

} // namespace fluxion::shell
