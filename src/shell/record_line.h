#pragma once

// A record from a line of JSON.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace fluxion::shell {

// What a line may leave out; empty texts: it may not.
struct RecordDefaults {
    std::string col;
    std::string doc;
    int64_t ts = 0;
};

// The record of one line, {"ts","doc","data","col"}, as an element of an `ins` payload. `data` that
// is not a string becomes its JSON text; unknown members are ignored. Code::Usage says what is
// wrong with it.
Result<std::string> readRecord(JsonReader& reader, std::string_view line,
                               const RecordDefaults& defaults);

} // namespace fluxion::shell
