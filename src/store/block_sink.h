#pragma once

// How a view leaves itself in a checkpoint: as self-describing blocks, framed and checked by the
// caller. What one version writes the next must read, or the view's version must rise.

#include <functional>
#include <string_view>

#include "base/result.h"

namespace fluxion {

constexpr size_t kCheckpointBlockBytes = 256 * 1024; // aim; one large item may exceed it

// Takes one block; an error ends the writing.
using BlockSink = std::function<Status(std::string_view block)>;

} // namespace fluxion
