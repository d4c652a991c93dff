#pragma once

// Requests as the targets handle them: messages in both forms of `data`, and what they are decoded
// to, as text that can be compared.

#include <string>
#include <string_view>

#include "protocol/command_table.h"
#include "protocol/envelope.h"
#include "protocol/requests.h"

namespace fluxion::fuzz {

// {"id":"1","type":<type>,"data":<data>}; `data` is JSON.
std::string message(CommandType type, std::string_view data);
// The payload as JSON text in a JSON string; it must be UTF-8.
std::string textForm(CommandType type, std::string_view payload);

// What the message asks, in full, or "<code> <text>" of the first thing wrong with it. Checks
// what the decoders promise of names and ranges.
std::string decoded(RequestReader& reader, std::string_view message);
// The same of an `ins` that somebody else has read.
std::string decoded(const InsertRequest& request);

} // namespace fluxion::fuzz
