#pragma once

// All views at one seq, readable while writes go on. Opened by the commit thread between two
// batches; then movable, read and dropped on any thread, without a lock. While it is held, the
// first write to a page or document that it shares copies that.

#include <cstdint>
#include <memory>
#include <vector>

#include "store/api_keys.h"
#include "store/collection.h"

namespace fluxion {

struct Cut {
    struct Part {
        std::shared_ptr<const Collection> collection; // for tenant and name only: it goes on
        Collection::SeriesPin series;
        Values::Pin values;
    };

    uint64_t seq = 0;              // of the last entry applied
    int64_t timeUs = 0;            // its time
    std::vector<Part> collections; // by tenant and name; also those with tombstones only
    ApiKeyList apiKeys;
};

// Of the logical content: records, keys with versions, expiries, seqs and tombstones, version
// floors, API keys. Not of layout, order, or the cut's seq and time.
uint64_t contentHash(const Cut& cut);

} // namespace fluxion
