#include "log/segment_index.h"

#include <algorithm>

namespace fluxion {

void SegmentIndex::add(uint64_t segment, Place place)
{
    Part& part = m_parts[segment];
    part.usedAt = ++m_uses;
    const auto next =
        std::upper_bound(part.places.begin(), part.places.end(), place,
                         [](const Place& a, const Place& b) { return a.offset < b.offset; });
    if (next != part.places.begin() && place.offset - std::prev(next)->offset < kIndexStepBytes)
        return;
    part.places.insert(next, place);
    ++m_places;
    while (m_places > m_maxPlaces && m_parts.size() > 1)
        dropUnused(segment);
}

SegmentIndex::Found SegmentIndex::find(uint64_t segment, uint64_t seq)
{
    const auto part = m_parts.find(segment);
    if (part == m_parts.end())
        return {};
    part->second.usedAt = ++m_uses;
    const std::vector<Place>& places = part->second.places;
    const auto next = std::upper_bound(places.begin(), places.end(), seq,
                                       [](uint64_t s, const Place& p) { return s < p.seq; });
    return {next == places.begin() ? Place() : *std::prev(next),
            next == places.end() ? Place() : *next};
}

void SegmentIndex::forget(uint64_t segment)
{
    const auto part = m_parts.find(segment);
    if (part == m_parts.end())
        return;
    m_places -= part->second.places.size();
    m_parts.erase(part);
}

void SegmentIndex::dropUnused(uint64_t except)
{
    auto oldest = m_parts.end();
    for (auto part = m_parts.begin(); part != m_parts.end(); ++part) {
        if (part->first != except &&
            (oldest == m_parts.end() || part->second.usedAt < oldest->second.usedAt))
            oldest = part;
    }
    forget(oldest->first);
}

} // namespace fluxion
