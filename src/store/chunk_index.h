#pragma once

// The chunks of one document that do not overlap, in order of time. Kept in runs that versions of
// the document share: copying an index of n chunks copies n / 128 references, a change after it one
// run. A plain value; the document that holds it says who may touch it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/chunk.h"

namespace fluxion {

constexpr size_t kRunChunks = 128;

class ChunkIndex {
  public:
    // Of a chunk; valid until the next change. Beyond either end there is none.
    struct Position {
        size_t run = 0;
        size_t index = 0;
    };

    bool empty() const { return m_runs.empty(); }
    int64_t maxTs() const { return m_runs.back()->chunks.back()->maxTs(); } // only if !empty()
    size_t count() const;
    size_t rawCount() const;    // chunks with ChunkCodec::Raw: still to be merged
    size_t recordCount() const; // exact
    size_t memoryBytes() const;

    // The first chunk that ends at or after `ts`.
    Position endingFrom(int64_t ts) const;
    // The last chunk that begins at or before `ts`; no chunk if there is none.
    Position beginningUpTo(int64_t ts) const;
    // Null where there is no chunk.
    const Chunk* at(Position p) const;
    const ChunkRef& refAt(Position p) const { return m_runs[p.run]->chunks[p.index]; }
    Position next(Position p) const;
    Position previous(Position p) const;

    bool overlaps(int64_t from, int64_t to) const;
    // All chunks with a time in [from, to]; nothing if from > to.
    std::vector<ChunkRef> in(int64_t from, int64_t to) const;
    std::vector<ChunkRef> all() const;

    // Of a chunk that overlaps none here.
    void insert(ChunkRef chunk);
    // Puts `chunks` (ascending, not overlapping) where those overlapping [from, to] were. The hull
    // of both must not meet any other chunk.
    void splice(int64_t from, int64_t to, std::vector<ChunkRef> chunks);

  private:
    struct Run : RefCounted {
        std::vector<ChunkRef> chunks; // at least 1
        size_t memoryBytes = 0;
        size_t records = 0;
        size_t raw = 0;

        void add(ChunkRef chunk);
        int64_t minTs() const { return chunks.front()->minTs(); }
        int64_t maxTs() const { return chunks.back()->maxTs(); }
    };

    std::vector<Ref<Run>> m_runs;
};

} // namespace fluxion
