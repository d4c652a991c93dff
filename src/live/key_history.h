#pragma once

// The versions of a key, read back from the log.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "live/change.h"
#include "live/live_source.h"

namespace fluxion {

struct KeyName {
    uint32_t tenant = 0;
    std::string_view collection;
    std::string_view key;
};

// What one entry made of a key.
struct KeyVersion {
    ChangeOp op{}; // Set, Removed, Expired, or Dropped with its collection
    uint64_t seq = 0;
    uint64_t version = 0; // 0 with Dropped: the entry does not say
    int64_t timeUs = 0;
    int64_t expiryUs = 0;     // of Set; 0: never
    uint64_t previousSeq = 0; // of the change before; 0: none, or not known
    std::string value;        // of Set
};

// Code::Compacted if the log no longer holds the entry, Code::Damaged if it says nothing of the
// key. Reads files.
Result<KeyVersion> readKeyVersion(LiveSource& source, const KeyName& name, uint64_t seq);

struct HistoryRange {
    size_t limit = 0;
    uint64_t before = 0; // only versions below; 0: all
};
struct KeyHistory {
    std::vector<KeyVersion> versions; // newest first
    bool more = false;                // older ones are still held
};

// Walks back from the change at `seq`, which made `version`; both 0 for a key that never was.
// Stops before kMaxHistoryBytes of values, after kMaxHistoryTime, as others wait for the same
// thread, and where the collection was dropped. Code::Timeout if by then there is no version to
// tell of.
constexpr size_t kMaxHistoryBytes = 4 * 1024 * 1024;
constexpr std::chrono::seconds kMaxHistoryTime{1};
Result<KeyHistory> readKeyHistory(LiveSource& source, const KeyName& name, uint64_t seq,
                                  uint64_t version, const HistoryRange& range);

} // namespace fluxion
