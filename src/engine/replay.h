#pragma once

// Applying what the log holds.

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "log/batch.h"
#include "store/store.h"

namespace fluxion {

// Applies the entries after the store's last seq; `before` hears of each ahead of that. Views of
// the batch. Code::Damaged: what one says cannot be; the store is of no use then.
using BeforeEntry = std::function<void(uint64_t seq, const Entry& entry, const Fact& fact)>;
Status applyBatch(Store& store, const BatchView& batch, const BeforeEntry& before = {});

// The fact of an entry; Code::Damaged names the seq.
Result<Fact> factOf(uint64_t seq, const Entry& entry);

} // namespace fluxion
