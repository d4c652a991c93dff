#pragma once

// Looks through a whole data folder, changing nothing, and tells what it found: every segment with
// every batch and entry, every checkpoint, and the small files.

#include <cstdint>
#include <functional>
#include <string_view>

#include "io/file.h"

namespace fluxion {

// Hands a line for each file to `print`, last "ok" or "<n> faults"; the number of faults. A fault
// is what a start would refuse, and damage in what is kept beyond that. Code::Io when something
// cannot be read at all, Code::Usage when the folder holds no data.
Result<uint64_t> verifyFolder(Directory& directory,
                              const std::function<void(std::string_view)>& print);

} // namespace fluxion
