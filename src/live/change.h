#pragma once

// What an entry of the log changed, one thing at a time, as a subscriber may hear of it.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "log/batch.h"
#include "store/facts.h"

namespace fluxion {

enum class ChangeOp : uint8_t {
    Set,      // a key has a value
    Removed,  // a key
    Expired,  // a key
    Inserted, // a record, perhaps in place of one of the same time
    Deleted,  // records of a document, between two times or all
    Dropped   // all records and keys of a collection
};

// What a key was before a change.
enum class Before : uint8_t {
    Unknown, // nobody has looked, or the log no longer holds it
    Absent,
    Present
};

// Views of the entry's payload, and of whatever keeps `previous`.
struct Change {
    ChangeOp op{};
    uint64_t seq = 0;
    uint32_t index = 0; // its place within the seq
    uint32_t tenant = 0;
    int64_t timeUs = 0; // of the entry, UTC
    std::string_view collection;
    std::string_view name; // key or document; empty when a collection is dropped

    std::string_view value; // of Set, or the data of Inserted

    // Of keys.
    uint64_t version = 0;
    int64_t expiryUs = 0;
    uint64_t previousSeq = 0; // of the key's change before; 0: none
    Before before = Before::Unknown;
    std::string_view previous; // with Before::Present

    // Of documents.
    int64_t from = 0; // of Inserted the time of the record
    int64_t to = 0;
    bool whole = false; // Deleted: the whole document

    bool isOfKey() const { return op <= ChangeOp::Expired; }
    bool isOfDocument() const { return op == ChangeOp::Inserted || op == ChangeOp::Deleted; }
};

// Appends the changes that the entry tells, in order; none for entries that are no client's
// business. Code::Damaged for an entry that cannot be read.
Status appendChanges(uint64_t seq, const Entry& entry, std::vector<Change>& changes);
// The same of an entry whose payload was decoded.
void appendChanges(uint64_t seq, const Entry& entry, const Fact& fact,
                   std::vector<Change>& changes);

// "set", "removed", "expired", "inserted", "deleted", "dropped".
std::string_view token(ChangeOp op);

} // namespace fluxion
