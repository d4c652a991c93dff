#pragma once

// What subscriptions need of the engine: the log behind, the views at one seq, the news.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "live/broadcast.h"
#include "log/log_cursor.h"
#include "store/cut.h"

namespace fluxion {

// Any thread; outlives those who ask. cut() may wait for the commit thread.
class LiveSource {
  public:
    virtual ~LiveSource() = default;
    virtual const std::string& history() const = 0;
    virtual uint64_t appliedSeq() const = 0;
    virtual uint64_t oldestSeq() const = 0;
    virtual int64_t nowUs() const = 0;
    virtual std::unique_ptr<LogCursor> readLog(uint64_t after) = 0;
    // Nothing once the engine is stopping.
    virtual std::optional<Cut> cut() = 0;
    virtual Broadcast& broadcast() = 0;
};

} // namespace fluxion
