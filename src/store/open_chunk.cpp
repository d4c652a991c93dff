#include "store/open_chunk.h"

#include <algorithm>

namespace fluxion {

namespace {

constexpr size_t kBlockOverhead = 16; // what malloc adds to a block, rounded up
// A chunk that begins where a full one ended has a quarter of its room: enough to spare most of the
// growing, little enough for a document that now rests.
constexpr size_t kRoomKept = 4;

} // namespace

size_t OpenChunk::memoryBytes() const
{
    size_t bytes = 0;
    if (m_entries.capacity() > 0)
        bytes += m_entries.capacity() * sizeof(Entry) + kBlockOverhead;
    if (m_arena.capacity() > std::string().capacity())
        bytes += m_arena.capacity() + kBlockOverhead;
    return bytes;
}

size_t OpenChunk::lowerBound(int64_t ts) const
{
    if (m_entries.empty() || m_entries.back().ts < ts)
        return m_entries.size();
    const auto at = std::lower_bound(m_entries.begin(), m_entries.end(), ts,
                                     [](const Entry& e, int64_t t) { return e.ts < t; });
    return static_cast<size_t>(at - m_entries.begin());
}

bool OpenChunk::contains(int64_t ts) const
{
    const size_t i = lowerBound(ts);
    return i < m_entries.size() && m_entries[i].ts == ts;
}

void OpenChunk::put(int64_t ts, std::string_view data, uint64_t seq)
{
    ++m_stamp;
    m_lastSeq = std::max(m_lastSeq, seq);
    const size_t i = lowerBound(ts);
    if (i < m_entries.size() && m_entries[i].ts == ts) {
        m_unusedBytes += m_entries[i].length;
        m_entries[i].length = 0;
        if (m_unusedBytes > m_arena.size() / 2)
            compact();
    } else {
        m_entries.insert(m_entries.begin() + static_cast<ptrdiff_t>(i), Entry{ts, 0, 0});
    }
    m_entries[i].offset = static_cast<uint32_t>(m_arena.size());
    m_entries[i].length = static_cast<uint32_t>(data.size());
    m_arena.append(data);
}

bool OpenChunk::eraseRange(int64_t from, int64_t to)
{
    const size_t first = lowerBound(from);
    size_t end = first;
    for (; end < m_entries.size() && m_entries[end].ts <= to; ++end)
        m_unusedBytes += m_entries[end].length;
    if (first == end)
        return false;
    ++m_stamp;
    m_entries.erase(m_entries.begin() + static_cast<ptrdiff_t>(first),
                    m_entries.begin() + static_cast<ptrdiff_t>(end));
    if (m_unusedBytes > m_arena.size() / 2)
        compact();
    return true;
}

void OpenChunk::dropFirst(size_t count)
{
    ++m_stamp;
    m_entries.erase(m_entries.begin(), m_entries.begin() + static_cast<ptrdiff_t>(count));
    m_entries.shrink_to_fit();
    compact();
}

void OpenChunk::clear()
{
    ++m_stamp;
    std::vector<Entry> entries;
    std::string arena;
    entries.reserve(m_entries.size() / kRoomKept);
    if (m_arena.size() <= 2 * kOpenChunkDataBytes) // else one large record filled it
        arena.reserve(m_arena.size() / kRoomKept);
    m_entries.swap(entries);
    m_arena.swap(arena);
    m_unusedBytes = 0;
}

// Copies what is in use to a new arena of just that size.
void OpenChunk::compact()
{
    std::string arena;
    size_t used = 0;
    for (const Entry& e : m_entries)
        used += e.length;
    arena.reserve(used);
    for (Entry& e : m_entries) {
        const auto offset = static_cast<uint32_t>(arena.size());
        arena.append(m_arena, e.offset, e.length);
        e.offset = offset;
    }
    m_arena.swap(arena);
    m_unusedBytes = 0;
}

ChunkRef OpenChunk::seal(size_t count) const
{
    ChunkBuilder builder;
    for (size_t i = 0; i < count; ++i) {
        const RecordView record = at(i);
        builder.add(record.ts, record.data);
    }
    return builder.finish(ChunkCodec::Raw, m_lastSeq);
}

} // namespace fluxion
