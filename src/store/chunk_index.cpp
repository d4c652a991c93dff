#include "store/chunk_index.h"

#include <algorithm>
#include <utility>

namespace fluxion {

namespace {

constexpr size_t kSmallRunChunks = 32; // a run below this joins its neighbour when it is rebuilt
constexpr size_t kNone = SIZE_MAX;
constexpr size_t kBlockOverhead = 16; // what malloc adds to a block, rounded up

} // namespace

void ChunkIndex::Run::add(ChunkRef chunk)
{
    memoryBytes += chunk->memoryBytes();
    records += chunk->count();
    raw += chunk->codec() == ChunkCodec::Raw ? 1 : 0;
    chunks.push_back(std::move(chunk));
}

size_t ChunkIndex::count() const
{
    size_t sum = 0;
    for (const Ref<Run>& run : m_runs)
        sum += run->chunks.size();
    return sum;
}

size_t ChunkIndex::rawCount() const
{
    size_t sum = 0;
    for (const Ref<Run>& run : m_runs)
        sum += run->raw;
    return sum;
}

size_t ChunkIndex::recordCount() const
{
    size_t sum = 0;
    for (const Ref<Run>& run : m_runs)
        sum += run->records;
    return sum;
}

size_t ChunkIndex::memoryBytes() const
{
    size_t sum = empty() ? 0 : m_runs.capacity() * sizeof(Ref<Run>) + kBlockOverhead;
    for (const Ref<Run>& run : m_runs)
        sum += run->memoryBytes + sizeof(Run) + run->chunks.capacity() * sizeof(ChunkRef) +
               2 * kBlockOverhead;
    return sum;
}

ChunkIndex::Position ChunkIndex::endingFrom(int64_t ts) const
{
    const auto run = std::lower_bound(m_runs.begin(), m_runs.end(), ts,
                                      [](const Ref<Run>& r, int64_t t) { return r->maxTs() < t; });
    if (run == m_runs.end())
        return {m_runs.size(), 0};
    const std::vector<ChunkRef>& chunks = (*run)->chunks;
    const auto chunk =
        std::lower_bound(chunks.begin(), chunks.end(), ts,
                         [](const ChunkRef& c, int64_t t) { return c->maxTs() < t; });
    return {static_cast<size_t>(run - m_runs.begin()), static_cast<size_t>(chunk - chunks.begin())};
}

ChunkIndex::Position ChunkIndex::beginningUpTo(int64_t ts) const
{
    const auto run = std::upper_bound(m_runs.begin(), m_runs.end(), ts,
                                      [](int64_t t, const Ref<Run>& r) { return t < r->minTs(); });
    if (run == m_runs.begin())
        return {kNone, 0};
    const std::vector<ChunkRef>& chunks = (*(run - 1))->chunks;
    const auto chunk =
        std::upper_bound(chunks.begin(), chunks.end(), ts,
                         [](int64_t t, const ChunkRef& c) { return t < c->minTs(); });
    return {static_cast<size_t>(run - m_runs.begin()) - 1,
            static_cast<size_t>(chunk - chunks.begin()) - 1};
}

const Chunk* ChunkIndex::at(Position p) const
{
    return p.run < m_runs.size() ? m_runs[p.run]->chunks[p.index].get() : nullptr;
}

ChunkIndex::Position ChunkIndex::next(Position p) const
{
    if (p.index + 1 < m_runs[p.run]->chunks.size())
        return {p.run, p.index + 1};
    return {p.run + 1, 0};
}

ChunkIndex::Position ChunkIndex::previous(Position p) const
{
    if (p.index > 0)
        return {p.run, p.index - 1};
    if (p.run == 0)
        return {kNone, 0};
    return {p.run - 1, m_runs[p.run - 1]->chunks.size() - 1};
}

bool ChunkIndex::overlaps(int64_t from, int64_t to) const
{
    const Chunk* chunk = at(endingFrom(from));
    return chunk && chunk->minTs() <= to;
}

std::vector<ChunkRef> ChunkIndex::in(int64_t from, int64_t to) const
{
    std::vector<ChunkRef> found;
    for (Position p = endingFrom(from); at(p) && at(p)->minTs() <= to; p = next(p))
        found.push_back(refAt(p));
    return found;
}

std::vector<ChunkRef> ChunkIndex::all() const
{
    std::vector<ChunkRef> found;
    found.reserve(count());
    for (const Ref<Run>& run : m_runs)
        found.insert(found.end(), run->chunks.begin(), run->chunks.end());
    return found;
}

void ChunkIndex::insert(ChunkRef chunk)
{
    if (!empty() && chunk->minTs() > maxTs() && m_runs.back()->chunks.size() < kRunChunks) {
        m_runs.back().writable().add(std::move(chunk));
        return;
    }
    if (!empty() && chunk->minTs() > maxTs()) {
        const Ref<Run> run = Ref<Run>::make();
        run->add(std::move(chunk));
        m_runs.push_back(run);
        return;
    }
    const int64_t from = chunk->minTs();
    const int64_t to = chunk->maxTs();
    std::vector<ChunkRef> one;
    one.push_back(std::move(chunk));
    splice(from, to, std::move(one));
}

void ChunkIndex::splice(int64_t from, int64_t to, std::vector<ChunkRef> chunks)
{
    size_t first = endingFrom(from).run;
    size_t end = first;
    while (end < m_runs.size() && m_runs[end]->minTs() <= to)
        ++end;

    // What stays of the runs that are met, around what comes.
    std::vector<ChunkRef> before;
    std::vector<ChunkRef> after;
    const auto sortOut = [&](const Run& run) {
        for (const ChunkRef& chunk : run.chunks) {
            if (chunk->maxTs() < from)
                before.push_back(chunk);
            else if (chunk->minTs() > to)
                after.push_back(chunk);
        }
    };
    for (size_t i = first; i < end; ++i)
        sortOut(*m_runs[i]);
    if (before.size() + chunks.size() + after.size() < kSmallRunChunks) {
        if (first > 0) {
            --first;
            std::vector<ChunkRef> left = m_runs[first]->chunks;
            left.insert(left.end(), before.begin(), before.end());
            before = std::move(left);
        } else if (end < m_runs.size()) {
            sortOut(*m_runs[end++]);
        }
    }

    std::vector<ChunkRef>& all = before;
    all.reserve(before.size() + chunks.size() + after.size());
    all.insert(all.end(), chunks.begin(), chunks.end());
    all.insert(all.end(), after.begin(), after.end());

    const size_t pieces = (all.size() + kRunChunks - 1) / kRunChunks;
    std::vector<Ref<Run>> runs;
    runs.reserve(pieces);
    for (size_t i = 0, taken = 0; i < pieces; ++i) {
        const size_t until = all.size() * (i + 1) / pieces;
        const Ref<Run> run = Ref<Run>::make();
        run->chunks.reserve(until - taken);
        for (; taken < until; ++taken)
            run->add(all[taken]);
        runs.push_back(run);
    }
    const auto at = m_runs.erase(m_runs.begin() + static_cast<ptrdiff_t>(first),
                                 m_runs.begin() + static_cast<ptrdiff_t>(end));
    m_runs.insert(at, runs.begin(), runs.end());
}

} // namespace fluxion
