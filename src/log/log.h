#pragma once

// The log as the engine sees it: proposals of batches go in, committed batches come out in order.
// Nothing outside log/ may assume that an appended batch is the next one to come out, or that every
// batch that comes out is this node's: own ones are known by origin and proposal number. One thread
// (commit) calls append() and nextCommitted(); what others may call says so.

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "log/batch.h"
#include "log/log_cursor.h"
#include "log/log_format.h"

namespace fluxion {

class Log {
  public:
    virtual ~Log() = default;

    // Names this history.
    virtual const HistoryId& history() const = 0;
    // This node, as it stands in its batches.
    virtual uint32_t origin() const = 0;
    // The largest payload that fits an entry, in bytes: an entry fits a batch, a batch a segment.
    virtual uint64_t maxPayloadBytes() const = 0;
    // The most that one batch may hold, in bytes.
    virtual uint64_t maxBatchBytes() const = 0;

    // Offers the batch as the one after `expectedLastSeq`. Ok: it is committed (and durable, if the
    // log is) and will come out of nextCommitted(). The batch stays as it is until then.
    //   Code::Conflict     others came first: decide again
    //   Code::StorageFull  nothing was written; may be offered again later
    //   Code::ReadOnly     a write failed: the outcome of this batch is unknown, nothing more is
    //   taken
    virtual Status append(BatchBuilder& batch, uint64_t expectedLastSeq, uint64_t proposal) = 0;

    // The next committed batch, once each; the view lives until the builder is cleared and no
    // longer than until the next append().
    virtual std::optional<BatchView> nextCommitted() = 0;

    // Everything appended is on the medium when it returns ok. Any thread.
    virtual Status sync() = 0;

    // Entries up to `seq` are no longer needed for recovery: what retention does not want either
    // goes. Any thread.
    virtual Status release(uint64_t seq) = 0;

    // Work ahead, off the commit thread: the next segment. Any thread; cheap when nothing is due.
    virtual Status prepare() = 0;

    // The last call: remembers where a log that was closed in order ends.
    virtual Status close() = 0;

    // Reads what was committed after the seq `after`. Any thread.
    virtual std::unique_ptr<LogCursor> read(uint64_t after) = 0;

    // The first seq still held, the one after the last when nothing is. Any thread.
    virtual uint64_t oldestSeq() const = 0;

    // The size of what is held, in bytes. Any thread.
    virtual uint64_t heldBytes() const = 0;

    // Bytes appended since the start, for deciding about checkpoints. Any thread.
    virtual uint64_t appendedBytes() const = 0;
};

} // namespace fluxion
