#pragma once

// Loading what a folder holds, without an engine.

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "io/file.h"
#include "log/batch.h"
#include "store/store.h"

namespace fluxion {

// Applies the entries after the store's last seq. Code::Damaged: what one says cannot be; the store
// is of no use then.
Status applyBatch(Store& store, const BatchView& batch);

// The newest checkpoint of this history that holds, in a store of its own; an empty store if there
// is none.
Result<std::unique_ptr<Store>> loadNewestCheckpoint(Directory& directory, const HistoryId& history);

} // namespace fluxion
