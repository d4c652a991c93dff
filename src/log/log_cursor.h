#pragma once

// Reading the log beside its writer.

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "log/batch.h"

namespace fluxion {

// Reads committed batches in order, beside the writer. One thread at a time; outlived by the log.
class LogCursor {
  public:
    virtual ~LogCursor() = default;

    // The next batch that holds a seq after the position given to Log::read() (the first may begin
    // before it), as far as `through`, a seq that the caller knows to be applied. Nothing: all up
    // to `through` was read. The view lives until the next call.
    //   Code::Compacted  what comes next is no longer held
    //   Code::Damaged    it fails its checks; names file and offset
    // After an error the cursor is of no more use.
    virtual Result<std::optional<BatchView>> next(uint64_t through) = 0;

    // Between two calls of next(): closes files, of which few can be open. The view that was handed
    // out lives on.
    virtual void rest() {}
};

} // namespace fluxion
