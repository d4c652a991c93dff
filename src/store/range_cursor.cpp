#include "store/range_cursor.h"

#include <algorithm>
#include <utility>

namespace fluxion {

namespace {

constexpr uint64_t kAgeOfOpen = UINT64_MAX;
constexpr uint64_t kAgeOfSorted = 0; // recent chunk i has age i + 1

} // namespace

RangeCursor::RangeCursor(Ref<Document> document, int64_t from, int64_t to, Direction direction)
    : RangeCursor(*document, from, to, direction)
{
    m_pin = std::move(document);
}

RangeCursor::RangeCursor(const Document& document, int64_t from, int64_t to, Direction direction)
    : m_document(document), m_from(from), m_to(to), m_direction(direction)
{
    if (from > to) {
        m_sorted = {SIZE_MAX, 0};
        return;
    }
    m_sorted = reverse() ? document.m_sorted.beginningUpTo(to) : document.m_sorted.endingFrom(from);

    const std::vector<ChunkRef>& recent = document.m_recent;
    for (size_t i = 0; i < recent.size(); ++i) {
        if (recent[i]->overlaps(from, to))
            m_recent.push_back(i);
    }
    std::sort(m_recent.begin(), m_recent.end(), [&](size_t a, size_t b) {
        return reverse() ? recent[a]->maxTs() < recent[b]->maxTs()
                         : recent[a]->minTs() > recent[b]->minTs();
    });

    if (!document.m_open.empty()) {
        Source* source = freeSource();
        for (size_t i = 0; i < document.m_open.count(); ++i)
            source->decoded.records.push_back(document.m_open.at(i));
        openRecords(source, kAgeOfOpen);
    }
}

bool RangeCursor::next(RecordView& out)
{
    if (m_emitted) {
        // Whatever stands at the same time in older places is hidden.
        const int64_t ts = head(*m_heap.front()).ts;
        do
            advanceTop();
        while (!m_heap.empty() && head(*m_heap.front()).ts == ts);
    }
    openDue();
    m_emitted = !m_heap.empty();
    if (m_emitted)
        out = head(*m_heap.front());
    return m_emitted;
}

// The order of the heap, whose first is the next to come.
struct RangeCursor::Later {
    const RangeCursor& cursor;

    bool operator()(const Source* a, const Source* b) const
    {
        const int64_t tsA = cursor.head(*a).ts;
        const int64_t tsB = cursor.head(*b).ts;
        if (tsA != tsB)
            return cursor.reverse() ? tsA < tsB : tsA > tsB;
        return a->age < b->age;
    }
};

bool RangeCursor::due(const Chunk& chunk) const
{
    if (m_heap.empty())
        return true;
    const int64_t ts = head(*m_heap.front()).ts;
    return reverse() ? chunk.maxTs() >= ts : chunk.minTs() <= ts;
}

void RangeCursor::openDue()
{
    while (!m_recent.empty() && due(*m_document.m_recent[m_recent.back()])) {
        const size_t i = m_recent.back();
        m_recent.pop_back();
        openChunk(*m_document.m_recent[i], i + 1);
    }
    for (;;) {
        const Chunk* chunk = m_document.m_sorted.at(m_sorted);
        if (!chunk || !chunk->overlaps(m_from, m_to) || !due(*chunk))
            break;
        m_sorted =
            reverse() ? m_document.m_sorted.previous(m_sorted) : m_document.m_sorted.next(m_sorted);
        openChunk(*chunk, kAgeOfSorted);
    }
}

void RangeCursor::openChunk(const Chunk& chunk, uint64_t age)
{
    Source* source = freeSource();
    chunk.decode(source->decoded);
    openRecords(source, age);
}

void RangeCursor::openRecords(Source* source, uint64_t age)
{
    const std::vector<RecordView>& records = source->decoded.records;
    const auto begin = lowerBound(records, m_from);
    auto end = records.end();
    if (!records.empty() && records.back().ts > m_to)
        end = lowerBound(records, m_to + 1);
    if (begin >= end) {
        m_free.push_back(source);
        return;
    }
    const auto first = static_cast<size_t>(begin - records.begin());
    const auto last = static_cast<size_t>(end - records.begin());
    source->at = reverse() ? last : first;
    source->end = reverse() ? first : last;
    source->age = age;
    push(source);
}

void RangeCursor::push(Source* source)
{
    m_heap.push_back(source);
    std::push_heap(m_heap.begin(), m_heap.end(), Later{*this});
}

void RangeCursor::advanceTop()
{
    Source* top = m_heap.front();
    const size_t after = reverse() ? top->at - 1 : top->at + 1;
    if (m_heap.size() == 1 && after != top->end) {
        top->at = after;
        return;
    }
    std::pop_heap(m_heap.begin(), m_heap.end(), Later{*this});
    m_heap.pop_back();
    top->at = after;
    if (after != top->end)
        push(top);
    else
        m_free.push_back(top);
}

RangeCursor::Source* RangeCursor::freeSource()
{
    if (m_free.empty()) {
        m_sources.emplace_back();
        return &m_sources.back();
    }
    Source* source = m_free.back();
    m_free.pop_back();
    return source;
}

} // namespace fluxion
