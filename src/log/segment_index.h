#pragma once

// Where batches begin in the segments, about every 64 KiB, so that a lookup by seq reads no more
// than that. A cache: what it does not know is found by reading. Not for several threads.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace fluxion {

// Between two places of a segment, at least.
inline constexpr uint64_t kIndexStepBytes = 64 * 1024;
// All places together: 4 MiB of memory, enough for 16 GiB of log.
inline constexpr size_t kMaxIndexPlaces = 256 * 1024;

class SegmentIndex {
  public:
    struct Place {
        uint64_t seq = 0;    // the first of the batch
        uint64_t offset = 0; // in the file
    };

    explicit SegmentIndex(size_t maxPlaces = kMaxIndexPlaces) : m_maxPlaces(maxPlaces) {}

    // A batch of this segment (named by its first seq) begins there. Not kept if there is a place
    // shortly before. Above the bound the places of the segment unused for longest are dropped.
    void add(uint64_t segment, Place place);

    // The last place known whose seq is not above `seq`, and the next one; each with offset 0 if
    // there is none.
    struct Found {
        Place at;
        Place next;
    };
    Found find(uint64_t segment, uint64_t seq);

    void forget(uint64_t segment);

    size_t places() const { return m_places; }

  private:
    struct Part {
        std::vector<Place> places; // by seq and offset, both rising
        uint64_t usedAt = 0;
    };

    void dropUnused(uint64_t except);

    const size_t m_maxPlaces;
    std::map<uint64_t, Part> m_parts; // none without a place
    size_t m_places = 0;
    uint64_t m_uses = 0;
};

} // namespace fluxion
