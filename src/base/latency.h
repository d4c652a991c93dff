#pragma once

// How long things took in the last minute, as counts in buckets.

#include <array>
#include <atomic>
#include <cstdint>

namespace fluxion {

// Any thread. A bucket is at most a quarter wider than it is high; a minute is six parts, of which
// the oldest goes when a new one begins.
class LatencyMinute {
  public:
    void add(int64_t tookUs, int64_t nowUs);

    struct Summary {
        uint64_t count = 0;
        int64_t p50Us = 0; // upper ends of buckets
        int64_t p95Us = 0;
        int64_t p99Us = 0;
    };
    Summary summary(int64_t nowUs) const;

  private:
    static constexpr int64_t kPartUs = 10 * int64_t{1000000};
    static constexpr size_t kParts = 7; // six, and the one that is being filled
    static constexpr size_t kBuckets = 160;
    struct Part {
        std::atomic<int64_t> number{-1}; // of the part of time it counts
        std::array<std::atomic<uint32_t>, kBuckets> counts{};
    };

    static size_t bucketOf(int64_t us);
    static int64_t upperEndOf(size_t bucket);

    std::array<Part, kParts> m_parts;
};

} // namespace fluxion
