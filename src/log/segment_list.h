#pragma once

// The segments that hold the history, oldest first, each beginning where the one before ends; the
// writer appends to the newest while others look seqs up. Any thread, if nothing else is said.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "log/segment.h"
#include "log/segment_index.h"

namespace fluxion {

class SegmentList {
  public:
    // The newest from now on; takes the place of an empty one with the same first seq. Its batches
    // begin behind its header. Commit thread.
    void add(const SegmentHeader& segment);

    // A batch that begins with `seq` was written to the newest one: readers may go as far as its
    // end. Takes no lock but every 64 KiB. Commit thread.
    void appended(uint64_t seq, uint64_t offset, uint64_t bytes);

    // Where to begin reading for `seq`: in the segment that holds it, if any does.
    struct Place {
        SegmentHeader segment;
        uint64_t seq = 0; // of the batch at `offset`; not above the one asked for
        uint64_t offset = 0;
        uint64_t bytes = 0; // the batch that holds the seq asked for ends within; 0: not known
    };
    // Nothing when the log begins after `seq`.
    std::optional<Place> find(uint64_t seq);
    // A reader met a batch there.
    void remember(const SegmentHeader& segment, uint64_t seq, uint64_t offset);
    // How far batches reach, at most. Nothing when the segment is no longer in the list: its bytes
    // may change.
    std::optional<uint64_t> endOf(const SegmentHeader& segment) const;

    // What is kept although recovery does not need it.
    struct Retention {
        uint64_t bytes = 0;  // of all segments
        int64_t sinceUs = 0; // what was written since
    };
    // Takes the oldest segment out, if neither entries after `seq` nor retention need it. The
    // newest one stays.
    std::optional<SegmentHeader> takeOldest(uint64_t seq, const Retention& retention);
    // It is still there after all.
    void putBack(const SegmentHeader& segment);
    // Empties the list: all that was in it.
    std::vector<SegmentHeader> takeAll();

    // The first seq held; nothing when there is no segment.
    std::optional<uint64_t> oldestSeq() const;
    // Sizes of the files.
    uint64_t heldBytes() const;

  private:
    bool holds(const SegmentHeader& segment) const; // under the lock

    std::atomic<uint64_t> m_end{0}; // of the newest; with the lock held it belongs to it
    uint64_t m_newest = 0;          // commit thread: its first seq,
    uint64_t m_indexedAt = 0;       // and where in it the index was told of last

    mutable std::mutex m_mutex;                   // guards what follows; held for moments
    std::map<uint64_t, SegmentHeader> m_segments; // by first seq
    SegmentIndex m_index;
    uint64_t m_heldBytes = 0;
};

} // namespace fluxion
