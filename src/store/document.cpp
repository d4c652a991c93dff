#include "store/document.h"

#include <limits>

#include "base/hash.h"
#include "store/range_cursor.h"

namespace fluxion {

namespace {

// With more recent chunks than this nobody looks whether a new one overlaps them.
constexpr size_t kRecentCompared = 32;

constexpr uint8_t kMorePartsFollow = 1;

// The chunk without [from, to]: null in `rest` if nothing is left. False: it had nothing there.
bool cutOut(const Chunk& chunk, int64_t from, int64_t to, ChunkRef& rest)
{
    if (!chunk.overlaps(from, to))
        return false;
    DecodeScratch decoded;
    chunk.decode(*decoded);
    ChunkBuilder builder;
    for (const RecordView& record : decoded->records) {
        if (record.ts < from || record.ts > to)
            builder.add(record.ts, record.data);
    }
    if (builder.count() == decoded->records.size())
        return false;
    rest = builder.count() ? builder.finish(ChunkCodec::Raw, chunk.lastSeq()) : ChunkRef();
    return true;
}

bool within(const Chunk& chunk, int64_t from, int64_t to)
{
    return from <= chunk.minTs() && chunk.maxTs() <= to;
}

bool eraseFromRecent(std::vector<ChunkRef>& recent, int64_t from, int64_t to)
{
    bool erased = false;
    std::vector<ChunkRef> kept;
    for (size_t i = 0; i < recent.size(); ++i) {
        ChunkRef rest;
        const bool cut = within(*recent[i], from, to) || cutOut(*recent[i], from, to, rest);
        if (cut && !erased) {
            erased = true;
            kept.assign(recent.begin(), recent.begin() + static_cast<ptrdiff_t>(i));
        }
        if (!cut && erased)
            kept.push_back(recent[i]);
        else if (rest)
            kept.push_back(rest);
    }
    if (erased)
        recent = std::move(kept);
    return erased;
}

bool eraseFromSorted(ChunkIndex& sorted, int64_t from, int64_t to)
{
    const ChunkIndex::Position first = sorted.endingFrom(from);
    const ChunkIndex::Position last = sorted.beginningUpTo(to);
    if (!sorted.at(first) || !sorted.at(last) || sorted.at(first)->minTs() > to)
        return false;
    // Only the two at the edges can keep something; those between are dropped unread.
    std::vector<ChunkRef> rest;
    bool erased = sorted.at(first) != sorted.at(last);
    const auto cutEdge = [&](const ChunkRef& chunk) {
        if (within(*chunk, from, to)) {
            erased = true;
            return;
        }
        ChunkRef cut;
        if (!cutOut(*chunk, from, to, cut)) {
            rest.push_back(chunk);
            return;
        }
        erased = true;
        if (cut)
            rest.push_back(cut);
    };
    cutEdge(sorted.refAt(first));
    if (sorted.at(first) != sorted.at(last))
        cutEdge(sorted.refAt(last));
    if (erased)
        sorted.splice(from, to, std::move(rest));
    return erased;
}

} // namespace

void Document::insert(int64_t ts, std::string_view data, uint64_t seq)
{
    if (m_open.full() && !m_open.contains(ts))
        sealOpen();
    m_open.put(ts, data, seq);
}

void Document::sealOpen()
{
    place(m_open.seal(m_open.count()));
    m_open.clear(); // more is coming: it was full
}

void Document::place(ChunkRef chunk)
{
    bool overlaps =
        m_recent.size() > kRecentCompared || m_sorted.overlaps(chunk->minTs(), chunk->maxTs());
    for (size_t i = 0; !overlaps && i < m_recent.size(); ++i)
        overlaps = m_recent[i]->overlaps(chunk->minTs(), chunk->maxTs());
    if (overlaps)
        m_recent.push_back(std::move(chunk));
    else
        m_sorted.insert(std::move(chunk));
}

bool Document::eraseRange(int64_t from, int64_t to)
{
    if (from > to)
        return false;
    const bool inOpen = m_open.eraseRange(from, to);
    const bool inRecent = eraseFromRecent(m_recent, from, to);
    const bool inSorted = eraseFromSorted(m_sorted, from, to);
    return inOpen || inRecent || inSorted;
}

bool Document::hasAnyIn(int64_t from, int64_t to) const
{
    if (from > to)
        return false;
    const size_t i = m_open.lowerBound(from);
    if (i < m_open.count() && m_open.at(i).ts <= to)
        return true;
    for (const ChunkRef& chunk : m_recent) {
        if (chunk->hasAnyIn(from, to))
            return true;
    }
    ChunkIndex::Position p = m_sorted.endingFrom(from);
    for (; m_sorted.at(p) && m_sorted.at(p)->minTs() <= to; p = m_sorted.next(p)) {
        if (m_sorted.at(p)->hasAnyIn(from, to))
            return true;
    }
    return false;
}

bool Document::latestAtOrBefore(int64_t ts, Record& out) const
{
    bool found = false;
    size_t i = m_open.lowerBound(ts);
    if (i == m_open.count() || m_open.at(i).ts != ts)
        --i; // wraps around to none
    if (i < m_open.count()) {
        found = true;
        out.ts = m_open.at(i).ts;
        out.data.assign(m_open.at(i).data);
    }
    // From newer to older places: an equal timestamp further down is hidden.
    Record candidate;
    const auto look = [&](const Chunk& chunk) {
        if (chunk.minTs() > ts || (found && chunk.maxTs() <= out.ts))
            return;
        if (chunk.latestAtOrBefore(ts, candidate) && (!found || candidate.ts > out.ts)) {
            found = true;
            std::swap(out, candidate);
        }
    };
    for (size_t r = m_recent.size(); r-- > 0;)
        look(*m_recent[r]);
    if (const Chunk* chunk = m_sorted.at(m_sorted.beginningUpTo(ts)))
        look(*chunk);
    return found;
}

size_t Document::recordCountUpperBound() const
{
    size_t sum = m_open.count() + m_sorted.recordCount();
    for (const ChunkRef& chunk : m_recent)
        sum += chunk->count();
    return sum;
}

size_t Document::memoryBytes() const
{
    size_t sum = sizeof(Document) + m_open.memoryBytes() + m_sorted.memoryBytes() +
                 m_recent.capacity() * sizeof(ChunkRef);
    for (const ChunkRef& chunk : m_recent)
        sum += chunk->memoryBytes();
    return sum;
}

uint64_t Document::contentHash(uint64_t seed) const
{
    uint64_t sum = 0;
    RangeCursor cursor(*this, std::numeric_limits<int64_t>::min(),
                       std::numeric_limits<int64_t>::max());
    RecordView record;
    while (cursor.next(record)) {
        const std::string_view ts(reinterpret_cast<const char*>(&record.ts), sizeof record.ts);
        sum += hash64(record.data, hash64(ts, seed));
    }
    return sum;
}

// A part: flags; varint n, n sorted chunks; varint n, n recent chunks; varint lastSeq of the open
// chunk, varint n, n x (i64 ts, varint length, data).
bool Document::savePart(ByteWriter& out, size_t& position, size_t maxBytes) const
{
    const std::vector<ChunkRef> sorted = m_sorted.all();
    const size_t all = sorted.size() + m_recent.size();
    size_t end = position;
    for (size_t bytes = 0; end < all && bytes < maxBytes; ++end)
        bytes +=
            (end < sorted.size() ? sorted[end] : m_recent[end - sorted.size()])->encodedBytes();

    const bool last = end == all;
    out.u8(last ? 0 : kMorePartsFollow);
    const size_t sortedEnd = std::min(end, sorted.size());
    out.varint(sortedEnd - std::min(position, sortedEnd));
    for (; position < sortedEnd; ++position)
        sorted[position]->save(out);
    out.varint(end - position);
    for (; position < end; ++position)
        m_recent[position - sorted.size()]->save(out);
    out.varint(m_open.lastSeq());
    out.varint(last ? m_open.count() : 0);
    for (size_t i = 0; last && i < m_open.count(); ++i) {
        out.i64(m_open.at(i).ts);
        out.text(m_open.at(i).data);
    }
    return !last;
}

void Document::save(ByteWriter& out) const
{
    size_t position = 0;
    savePart(out, position, std::numeric_limits<size_t>::max());
}

Status Document::load(ByteReader& in)
{
    const Error damaged{Code::Damaged, "a stored document fails its checks"};
    const uint8_t flags = in.u8();
    if (!in.ok() || flags > kMorePartsFollow || !m_open.empty())
        return damaged;
    for (uint64_t left = in.varint(); in.ok() && left > 0; --left) {
        Result<ChunkRef> chunk = Chunk::parse(in);
        if (!chunk)
            return chunk.error();
        const bool follows = m_sorted.empty() || m_sorted.maxTs() < chunk.value()->minTs();
        if (!follows || !m_recent.empty())
            return damaged;
        m_sorted.insert(std::move(chunk.value()));
    }
    for (uint64_t left = in.varint(); in.ok() && left > 0; --left) {
        Result<ChunkRef> chunk = Chunk::parse(in);
        if (!chunk)
            return chunk.error();
        m_recent.push_back(std::move(chunk.value()));
    }
    const uint64_t seq = in.varint();
    const uint64_t count = in.varint();
    if (!in.ok() || count > kOpenChunkRecords || (flags == kMorePartsFollow && count > 0))
        return damaged;
    for (uint64_t i = 0; i < count; ++i) {
        const int64_t ts = in.i64();
        const std::string_view data = in.text();
        if (!in.ok() || (!m_open.empty() && m_open.at(m_open.count() - 1).ts >= ts))
            return damaged;
        m_open.put(ts, data, seq);
    }
    return {};
}

} // namespace fluxion
