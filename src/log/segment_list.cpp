#include "log/segment_list.h"

namespace fluxion {

void SegmentList::add(const SegmentHeader& segment)
{
    std::lock_guard lock(m_mutex);
    SegmentHeader& entry = m_segments[segment.firstSeq];
    m_heldBytes += segment.segmentBytes - entry.segmentBytes;
    entry = segment;
    m_newest = segment.firstSeq;
    m_indexedAt = kSegmentHeaderBytes;
    m_end.store(kSegmentHeaderBytes);
}

void SegmentList::appended(uint64_t seq, uint64_t offset, uint64_t bytes)
{
    m_end.store(offset + bytes);
    if (offset - m_indexedAt < kIndexStepBytes)
        return;
    m_indexedAt = offset;
    std::lock_guard lock(m_mutex);
    m_index.add(m_newest, {seq, offset});
}

bool SegmentList::holds(const SegmentHeader& segment) const
{
    const auto it = m_segments.find(segment.firstSeq);
    return it != m_segments.end() && it->second.epoch == segment.epoch;
}

std::optional<SegmentList::Place> SegmentList::find(uint64_t seq)
{
    std::lock_guard lock(m_mutex);
    auto it = m_segments.upper_bound(seq);
    if (it == m_segments.begin())
        return std::nullopt;
    --it;
    const auto [at, next] = m_index.find(it->first, seq);
    Place place{it->second, it->first, kSegmentHeaderBytes, 0};
    if (at.offset != 0) {
        place.seq = at.seq;
        place.offset = at.offset;
    }
    if (next.offset != 0)
        place.bytes = next.offset - place.offset;
    return place;
}

void SegmentList::remember(const SegmentHeader& segment, uint64_t seq, uint64_t offset)
{
    std::lock_guard lock(m_mutex);
    if (holds(segment))
        m_index.add(segment.firstSeq, {seq, offset});
}

std::optional<uint64_t> SegmentList::endOf(const SegmentHeader& segment) const
{
    std::lock_guard lock(m_mutex);
    if (!holds(segment))
        return std::nullopt;
    return m_segments.rbegin()->first == segment.firstSeq ? m_end.load() : segment.segmentBytes;
}

std::optional<SegmentHeader> SegmentList::takeOldest(uint64_t seq, const Retention& retention)
{
    std::lock_guard lock(m_mutex);
    if (m_segments.size() < 2)
        return std::nullopt;
    const auto oldest = m_segments.begin();
    const auto next = std::next(oldest);
    if (next->first > seq + 1)
        return std::nullopt;
    // All of it was written before the next one was made.
    if (m_heldBytes <= retention.bytes && next->second.firstTimeUs >= retention.sinceUs)
        return std::nullopt;
    const SegmentHeader taken = oldest->second;
    m_heldBytes -= taken.segmentBytes;
    m_index.forget(oldest->first);
    m_segments.erase(oldest);
    return taken;
}

void SegmentList::putBack(const SegmentHeader& segment)
{
    std::lock_guard lock(m_mutex);
    if (m_segments.emplace(segment.firstSeq, segment).second)
        m_heldBytes += segment.segmentBytes;
}

std::vector<SegmentHeader> SegmentList::takeAll()
{
    std::vector<SegmentHeader> all;
    std::lock_guard lock(m_mutex);
    for (const auto& [firstSeq, segment] : m_segments) {
        all.push_back(segment);
        m_index.forget(firstSeq);
    }
    m_segments.clear();
    m_heldBytes = 0;
    return all;
}

std::optional<uint64_t> SegmentList::oldestSeq() const
{
    std::lock_guard lock(m_mutex);
    return m_segments.empty() ? std::nullopt : std::optional(m_segments.begin()->first);
}

uint64_t SegmentList::heldBytes() const
{
    std::lock_guard lock(m_mutex);
    return m_heldBytes;
}

} // namespace fluxion
