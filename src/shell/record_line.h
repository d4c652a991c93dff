#pragma once

// A record or a key from a line of JSON.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace fluxion::shell {

// What a line may leave out; where there is nothing here it may not.
struct RecordDefaults {
    std::string col;
    std::string doc;
    std::optional<int64_t> ts;
};

// The record of one line, {"ts","doc","data","col"}, as an element of an `ins` payload. `data` that
// is not a string becomes its JSON text; unknown members are ignored. Code::Usage says what is
// wrong with it.
Result<std::string> readRecord(JsonReader& reader, std::string_view line,
                               const RecordDefaults& defaults);

// A key from a line of an export. Code::Usage says what is wrong with it.
struct KeyLine {
    std::string key;
    std::string value;
    std::optional<int64_t> expiresMs; // since 1970
};
Result<KeyLine> readKey(JsonReader& reader, std::string_view line);

} // namespace fluxion::shell
