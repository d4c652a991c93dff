#pragma once

// What one committed batch changed, for all who listen.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "live/change.h"
#include "store/shared_value.h"

namespace fluxion {

// Made by the commit thread while it applies the batch, then immutable and shared.
struct EventBatch {
    uint64_t firstSeq = 0;
    uint64_t lastSeq = 0;
    std::string entries;              // what the changes point into
    std::deque<SharedValue> previous; // and their previous values
    std::vector<Change> changes;
    size_t bytes = 0; // of memory, about

    // Its own copy of the entries; changes come one entry at a time, in the order applied.
    explicit EventBatch(const BatchView& batch)
        : firstSeq(batch.firstSeq), lastSeq(batch.lastSeq()), entries(batch.entries)
    {
    }
    BatchView view(const BatchView& batch) const
    {
        BatchView own = batch;
        own.entries = entries;
        return own;
    }
};

using SharedBatch = std::shared_ptr<const EventBatch>;

} // namespace fluxion
