#pragma once

// The recursive merge of two JSON values: objects field by field, everything else replaced.

#include <cstdint>
#include <string>

#include "base/json.h"

namespace fluxion {

// What a null in the patch means.
enum class NullMerge : uint8_t {
    Store, // a null like any value
    Delete // the field goes (RFC 7386)
};

// Appends the merged value, without white space. Fields keep the order of `target`, new ones follow
// in that of `patch`; of fields given twice the last counts. Numbers keep their text. `target` may
// be absent or no object: then it counts as an empty one under a patch that is an object.
void mergeJson(std::string& out, JsonValue target, JsonValue patch, NullMerge nulls);

} // namespace fluxion
