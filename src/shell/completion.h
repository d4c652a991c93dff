#pragma once

// What Tab offers, worked out from the text before the cursor.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shell/commands.h"

namespace fluxion::shell {

struct Completions {
    size_t replaced = 0;                 // bytes before the cursor that a candidate replaces
    std::vector<std::string> candidates; // sorted, each once
    // What all candidates begin with; with a space behind it when there is only one.
    std::string common() const;
};

// The names of keys or collections that there are.
using NameSource = std::function<std::vector<std::string>(Completion kind)>;

Completions completeLine(std::string_view before, const NameSource& names);

// How a name is typed: as it is, or as a JSON string if it would be taken for something else.
std::string typedName(std::string_view name);

} // namespace fluxion::shell
