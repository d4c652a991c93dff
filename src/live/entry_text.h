#pragma once

// One entry of the log as JSON, as `log` tells it.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "log/batch.h"

namespace fluxion {

// {"seq":...,"time":...,"actor":...,"type":...,...}. Code::Damaged for one that cannot be read;
// then what was appended is not to be used.
Status appendEntryText(std::string& out, uint64_t seq, const Entry& entry);

} // namespace fluxion
