#pragma once

// All records of one document: an open chunk (at most 64 records) for what arrives, and sealed
// chunks. A record is named by its timestamp; inserting one that exists replaces it; records arrive
// in any order. No insert costs more than sealing 64 records.
//
// The rule that makes reads exact at any moment: newer places hide older ones at equal timestamps.
//   open chunk  >  recent chunks (sealed, may overlap, by age)  >  sorted chunks (never overlap)
// A full open chunk goes straight to the sorted chunks where it overlaps nothing, which is the rule
// for records in order of time; else it is recent until merging folds it in. Deleting looks at all
// places, so that nothing hidden comes back.
//
// Threads: changes only by a thread that owns the object alone (through Ref::writable(), or under
// the collection's lock). Const functions from any thread on a version that nobody changes. Copying
// is cheap: chunks are shared, the open chunk is copied.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ref.h"
#include "base/result.h"
#include "store/chunk.h"
#include "store/chunk_index.h"
#include "store/open_chunk.h"
#include "store/record.h"

namespace fluxion {

struct MergePlan;
struct MergeResult;

class Document : public RefCounted {
  public:
    // `seq` is the insert's place in the log. Data: at most 512 MiB; the callers'
    // limits are far less.
    void insert(int64_t ts, std::string_view data, uint64_t seq);
    // Whether there was anything to remove. Both ends are included; from > to removes nothing.
    bool erase(int64_t ts) { return eraseRange(ts, ts); }
    bool eraseRange(int64_t from, int64_t to);

    bool empty() const { return m_open.empty() && m_sorted.empty() && m_recent.empty(); }
    bool contains(int64_t ts) const { return hasAnyIn(ts, ts); }
    bool hasAnyIn(int64_t from, int64_t to) const;
    // The newest record with time <= ts. Decodes nothing when that is in the open chunk, where the
    // newest record of all stays unless records come out of order.
    bool latestAtOrBefore(int64_t ts, Record& out) const;
    // At least the number of records: one that hides others counts as often as it is stored.
    size_t recordCountUpperBound() const;
    // Heap use in bytes, approximately, this object included.
    size_t memoryBytes() const;
    // Over the records alone, not their layout or order.
    uint64_t contentHash(uint64_t seed) const;

    // Merging, in three steps. planMerge() on a pinned version, cheap; nothing if there is nothing
    // worth doing. runMerge() anywhere, long: decodes, merges, compresses. swapIn() as a change:
    // takes the result only if all that it was made from still stands; false means plan again.
    // `idle`: the document rests, so that small chunks and the open one (8 records and more) are
    // merged too. Repeating until there is no plan ends.
    std::optional<MergePlan> planMerge(bool idle) const;
    static MergeResult runMerge(const MergePlan& plan);
    bool swapIn(MergeResult&& result);

    // Writes the document from part `position` on (0 to begin, advanced here) until the part is at
    // least `maxBytes` long; false after the last part. load() takes the parts in their order.
    bool savePart(ByteWriter& out, size_t& position, size_t maxBytes) const;
    void save(ByteWriter& out) const;
    // Reads one part into this document, empty before the first. Code::Damaged for bytes that no
    // save wrote; the document is then to be thrown away.
    Status load(ByteReader& in);

  private:
    friend class RangeCursor;

    void sealOpen();
    void place(ChunkRef chunk);

    OpenChunk m_open;
    ChunkIndex m_sorted;
    std::vector<ChunkRef> m_recent; // oldest first
};

// What to merge, pinned: no lock is needed to use it.
struct MergePlan {
    ChunkIndex sorted;
    std::vector<ChunkRef> recent; // the oldest of the document's, oldest first
    ChunkRef open;                // the open chunk's records but the newest; may be null
    uint64_t openStamp = 0;
    bool rewriteRaw = false; // also the raw ones among the sorted
};

// What replaces what. Opaque to all but Document.
struct MergeResult {
    struct Replacement {
        int64_t from = 0; // the hull of both, both ends included
        int64_t to = 0;
        std::vector<ChunkRef> expected;
        std::vector<ChunkRef> chunks;
    };
    std::vector<Replacement> replacements;
    std::vector<ChunkRef> recent;
    uint64_t openStamp = 0;
    size_t openRecords = 0; // taken from the open chunk, its first ones
};

} // namespace fluxion
