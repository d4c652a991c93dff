#pragma once

// The records of a document in a span of time, in order, each once, without decoding more of the
// document than is at hand: sealed chunks are opened when their time comes and closed after it.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/ref.h"
#include "store/document.h"

namespace fluxion {

// One thread. Works on one version of the document, without any lock, while that stays unchanged.
class RangeCursor {
  public:
    enum class Direction { Forward, Reverse };

    // Both ends are included; from > to is an empty span. Keeps the version alive, so that whoever
    // changes the document meanwhile works on a copy.
    RangeCursor(Ref<Document> document, int64_t from, int64_t to,
                Direction direction = Direction::Forward);
    // The caller keeps the document alive and unchanged.
    RangeCursor(const Document& document, int64_t from, int64_t to,
                Direction direction = Direction::Forward);
    RangeCursor(const RangeCursor&) = delete;
    RangeCursor& operator=(const RangeCursor&) = delete;

    // False at the end. The view lasts until the next call.
    bool next(RecordView& out);

  private:
    // Records of one chunk that are still to come, [at, end) or, in reverse, from at - 1 down to
    // end.
    struct Source {
        DecodedChunk decoded;
        size_t at = 0;
        size_t end = 0;
        uint64_t age = 0; // higher is newer
    };

    bool reverse() const { return m_direction == Direction::Reverse; }
    const RecordView& head(const Source& s) const
    {
        return s.decoded.records[reverse() ? s.at - 1 : s.at];
    }
    struct Later;
    // Whether a chunk has a time that comes before or with all of the open sources'.
    bool due(const Chunk& chunk) const;
    void openDue();
    void openChunk(const Chunk& chunk, uint64_t age);
    void openRecords(Source* source, uint64_t age);
    void push(Source* source);
    void advanceTop();
    Source* freeSource();

    Ref<Document> m_pin; // may be null
    const Document& m_document;
    const int64_t m_from;
    const int64_t m_to;
    const Direction m_direction;
    std::deque<Source> m_sources; // stable addresses
    std::vector<Source*> m_free;
    std::vector<Source*> m_heap;   // the next to come first
    std::vector<size_t> m_recent;  // indices of recent chunks to open, the next one last
    ChunkIndex::Position m_sorted; // the next sorted chunk to open
    bool m_emitted = false;        // the heap's first was given out, is to be passed
};

} // namespace fluxion
