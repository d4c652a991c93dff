#include "base/latency.h"

#include <algorithm>
#include <bit>

namespace fluxion {

// Four buckets for each power of two, from 1 us on.
size_t LatencyMinute::bucketOf(int64_t us)
{
    const auto value = static_cast<uint64_t>(std::max<int64_t>(us, 1));
    const auto power = static_cast<size_t>(std::bit_width(value)) - 1;
    const uint64_t quarter = power < 2 ? (value << (2 - power)) & 3 : (value >> (power - 2)) & 3;
    return std::min(power * 4 + static_cast<size_t>(quarter), kBuckets - 1);
}

int64_t LatencyMinute::upperEndOf(size_t bucket)
{
    const size_t power = bucket / 4;
    const int64_t quarters = static_cast<int64_t>(bucket % 4) + 5;
    return std::max<int64_t>((quarters << power) / 4, 1);
}

void LatencyMinute::add(int64_t tookUs, int64_t nowUs)
{
    const int64_t number = nowUs / kPartUs;
    Part& part = m_parts[static_cast<size_t>(number) % kParts];
    int64_t was = part.number.load(std::memory_order_relaxed);
    // Whoever begins a part empties it; a count that comes meanwhile may be lost.
    if (was != number && part.number.compare_exchange_strong(was, number)) {
        for (auto& count : part.counts)
            count.store(0, std::memory_order_relaxed);
    }
    part.counts[bucketOf(tookUs)].fetch_add(1, std::memory_order_relaxed);
}

LatencyMinute::Summary LatencyMinute::summary(int64_t nowUs) const
{
    const int64_t number = nowUs / kPartUs;
    std::array<uint64_t, kBuckets> sums{};
    Summary summary;
    for (const Part& part : m_parts) {
        const int64_t of = part.number.load(std::memory_order_relaxed);
        if (of < 0 || of <= number - static_cast<int64_t>(kParts) || of > number)
            continue;
        for (size_t i = 0; i < kBuckets; ++i)
            sums[i] += part.counts[i].load(std::memory_order_relaxed);
    }
    for (const uint64_t count : sums)
        summary.count += count;
    const auto percentile = [&](uint64_t percent) {
        const uint64_t wanted = (summary.count * percent + 99) / 100;
        uint64_t seen = 0;
        for (size_t i = 0; i < kBuckets; ++i) {
            seen += sums[i];
            if (seen >= wanted)
                return upperEndOf(i);
        }
        return int64_t{0};
    };
    if (summary.count == 0)
        return summary;
    summary.p50Us = percentile(50);
    summary.p95Us = percentile(95);
    summary.p99Us = percentile(99);
    return summary;
}

} // namespace fluxion
