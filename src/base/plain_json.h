#pragma once

// The short way of JsonReader, for the short texts that most messages are: one pass without
// simdjson's two, which pay only in longer ones. It knows ASCII, one-letter escapes, integers, and
// gives up on everything else, errors included, which the long way then judges.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace fluxion {

// Longer texts are read faster by simdjson.
constexpr size_t kPlainJsonBytes = 1024;

// True: `nodes` hold the value, with views into `source`, which is overwritten: the text, its
// strings unescaped where they stand. What it accepts, it reads exactly as the long way. False:
// both hold rubbish. Any thread.
bool readPlainJson(std::string_view text, std::string& source, std::vector<JsonNode>& nodes);

} // namespace fluxion
