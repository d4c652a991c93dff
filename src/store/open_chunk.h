#pragma once

// The newest records of a document, still writable: few, sorted, their data in one arena. A plain
// value; the document that holds it says who may touch it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/chunk.h"

namespace fluxion {

constexpr size_t kOpenChunkRecords = 64;
constexpr size_t kOpenChunkDataBytes = 64 * 1024;

class OpenChunk {
  public:
    bool empty() const { return m_entries.empty(); }
    size_t count() const { return m_entries.size(); }
    size_t dataBytes() const { return m_arena.size() - m_unusedBytes; }
    bool full() const
    {
        return m_entries.size() >= kOpenChunkRecords || dataBytes() >= kOpenChunkDataBytes;
    }
    uint64_t lastSeq() const { return m_lastSeq; }
    // Rises with every change: equal stamps of one document's versions mean equal records.
    uint64_t stamp() const { return m_stamp; }
    size_t memoryBytes() const;

    // The i-th in order of time. The view lasts until the next change.
    RecordView at(size_t i) const
    {
        const Entry& e = m_entries[i];
        return {e.ts, std::string_view(m_arena).substr(e.offset, e.length)};
    }
    // Index of the first record at or after `ts`; count() if there is none.
    size_t lowerBound(int64_t ts) const;
    bool contains(int64_t ts) const;

    // Replaces a record of the same time. Cheapest in order of time.
    void put(int64_t ts, std::string_view data, uint64_t seq);
    // Removes from <= ts <= to; whether there was any.
    bool eraseRange(int64_t from, int64_t to);
    // Drops the first `count` and gives unused memory back.
    void dropFirst(size_t count);
    // Drops all, and has room for some: more is coming.
    void clear();

    // The first `count` (at least 1) as a raw chunk.
    ChunkRef seal(size_t count) const;

  private:
    struct Entry {
        int64_t ts;
        uint32_t offset; // in the arena
        uint32_t length;
    };

    void compact();

    std::vector<Entry> m_entries; // ascending, unique
    std::string m_arena;
    size_t m_unusedBytes = 0; // of the arena: left by replaced and removed records
    uint64_t m_lastSeq = 0;
    uint64_t m_stamp = 0;
};

} // namespace fluxion
