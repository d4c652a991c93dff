// Merging: folds recent chunks into the sorted ones, and makes many small raw chunks few large
// compressed ones.

#include <algorithm>

#include "store/document.h"

namespace fluxion {

namespace {

constexpr size_t kMergeChunks = 8;         // so many raw or recent chunks are worth merging
constexpr size_t kIdleOpenRecords = 8;     // below this an open chunk is left alone
constexpr size_t kPlanRecentChunks = 1024; // bounds of what one merge holds decoded
constexpr size_t kPlanRecentBytes = 64 << 20;

// Joins the merge when a neighbour is rewritten, so that small chunks do not add up.
bool isSmall(const Chunk& chunk)
{
    return chunk.count() < kMergedChunkRecords / 2 && chunk.dataBytes() < kMergedChunkDataBytes / 2;
}

// The records to fold in: of all recent chunks, each time once, the newest one.
struct Incoming {
    std::vector<DecodedChunk> decoded; // holds what the views point to
    std::vector<RecordView> records;   // ascending
    uint64_t lastSeq = 0;
};

Incoming gather(const MergePlan& plan)
{
    std::vector<ChunkRef> chunks = plan.recent;
    if (plan.open)
        chunks.push_back(plan.open);
    Incoming in;
    in.decoded.resize(chunks.size());
    std::vector<RecordView> all;
    for (size_t i = 0; i < chunks.size(); ++i) {
        chunks[i]->decode(in.decoded[i]);
        all.insert(all.end(), in.decoded[i].records.begin(), in.decoded[i].records.end());
        in.lastSeq = std::max(in.lastSeq, chunks[i]->lastSeq());
    }
    // Stable: of equal times the newest chunk's comes last.
    std::stable_sort(all.begin(), all.end(),
                     [](const RecordView& a, const RecordView& b) { return a.ts < b.ts; });
    in.records.reserve(all.size());
    for (const RecordView& record : all) {
        if (!in.records.empty() && in.records.back().ts == record.ts)
            in.records.back() = record;
        else
            in.records.push_back(record);
    }
    return in;
}

// Encodes what it is given in chunks of about equal length.
class Repacker {
  public:
    Repacker(size_t recordsAtMost, uint64_t lastSeq, std::vector<ChunkRef>& out)
        : m_lastSeq(lastSeq), m_out(out)
    {
        const size_t chunks = (recordsAtMost + kMergedChunkRecords - 1) / kMergedChunkRecords;
        m_perChunk = (recordsAtMost + chunks - 1) / chunks;
    }
    void add(const RecordView& record)
    {
        m_builder.add(record.ts, record.data);
        if (m_builder.count() >= m_perChunk || m_builder.dataBytes() >= kMergedChunkDataBytes)
            finish();
    }
    void finish()
    {
        if (m_builder.count() > 0)
            m_out.push_back(m_builder.finish(ChunkCodec::Zstd, m_lastSeq));
    }

  private:
    ChunkBuilder m_builder;
    const uint64_t m_lastSeq;
    std::vector<ChunkRef>& m_out;
    size_t m_perChunk = 0;
};

using RecordIt = std::vector<RecordView>::const_iterator;

// Slot i: the sorted chunk i with the incoming records that fall into it or the gap before it. One
// more slot, without a chunk, takes what comes after the last.
struct Slot {
    RecordIt begin;
    RecordIt end;
    bool rewrite = false;
};

std::vector<Slot> deal(const std::vector<ChunkRef>& chunks, const Incoming& in, bool rewriteRaw)
{
    std::vector<Slot> slots;
    slots.reserve(chunks.size() + 1);
    RecordIt at = in.records.begin();
    for (const ChunkRef& chunk : chunks) {
        Slot slot{at, at, rewriteRaw && chunk->codec() == ChunkCodec::Raw};
        while (at != in.records.end() && at->ts <= chunk->maxTs())
            ++at;
        slot.end = at;
        slot.rewrite |= slot.begin != slot.end;
        slots.push_back(slot);
    }
    slots.push_back({at, in.records.end(), at != in.records.end()});

    // One small neighbour on each side joins.
    std::vector<bool> joins(slots.size());
    for (size_t i = 0; i < chunks.size(); ++i)
        joins[i] = isSmall(*chunks[i]) && ((i > 0 && slots[i - 1].rewrite) || slots[i + 1].rewrite);
    for (size_t i = 0; i < slots.size(); ++i)
        slots[i].rewrite = slots[i].rewrite || joins[i];
    return slots;
}

// Merges the slots [first, end), which stand side by side.
MergeResult::Replacement rewrite(const std::vector<ChunkRef>& chunks,
                                 const std::vector<Slot>& slots, size_t first, size_t end,
                                 uint64_t incomingSeq)
{
    MergeResult::Replacement result;
    size_t records = 0;
    uint64_t lastSeq = 0;
    for (size_t i = first; i < end; ++i) {
        records += static_cast<size_t>(slots[i].end - slots[i].begin);
        if (slots[i].begin != slots[i].end)
            lastSeq = std::max(lastSeq, incomingSeq);
        if (i < chunks.size()) {
            result.expected.push_back(chunks[i]);
            records += chunks[i]->count();
            lastSeq = std::max(lastSeq, chunks[i]->lastSeq());
        }
    }
    Repacker packer(records, lastSeq, result.chunks);
    DecodedChunk decoded;
    for (size_t i = first; i < end; ++i) {
        decoded.records.clear();
        if (i < chunks.size())
            chunks[i]->decode(decoded);
        auto old = decoded.records.begin();
        for (RecordIt in = slots[i].begin; in != slots[i].end; ++in) {
            for (; old != decoded.records.end() && old->ts < in->ts; ++old)
                packer.add(*old);
            if (old != decoded.records.end() && old->ts == in->ts)
                ++old; // replaced
            packer.add(*in);
        }
        for (; old != decoded.records.end(); ++old)
            packer.add(*old);
    }
    packer.finish();
    result.from = result.chunks.front()->minTs();
    result.to = result.chunks.back()->maxTs();
    return result;
}

} // namespace

std::optional<MergePlan> Document::planMerge(bool idle) const
{
    MergePlan plan;
    if (m_recent.size() >= (idle ? 1 : kMergeChunks)) {
        size_t bytes = 0;
        for (const ChunkRef& chunk : m_recent) {
            if (plan.recent.size() == kPlanRecentChunks || bytes >= kPlanRecentBytes)
                break;
            bytes += chunk->dataBytes();
            plan.recent.push_back(chunk);
        }
    }
    // The newest record stays, ready for reading. Only after all recent chunks: they are older.
    if (idle && plan.recent.size() == m_recent.size() && m_open.count() >= kIdleOpenRecords) {
        plan.open = m_open.seal(m_open.count() - 1);
        plan.openStamp = m_open.stamp();
    }
    plan.rewriteRaw = m_sorted.rawCount() >= (idle ? 1 : kMergeChunks);
    if (plan.recent.empty() && !plan.open && !plan.rewriteRaw)
        return std::nullopt;
    plan.sorted = m_sorted;
    return plan;
}

MergeResult Document::runMerge(const MergePlan& plan)
{
    MergeResult result;
    result.recent = plan.recent;
    result.openStamp = plan.openStamp;
    result.openRecords = plan.open ? plan.open->count() : 0;

    const Incoming in = gather(plan);
    const std::vector<ChunkRef> chunks = plan.sorted.all();
    const std::vector<Slot> slots = deal(chunks, in, plan.rewriteRaw);
    for (size_t first = 0; first < slots.size(); ++first) {
        if (!slots[first].rewrite)
            continue;
        size_t end = first + 1;
        while (end < slots.size() && slots[end].rewrite)
            ++end;
        result.replacements.push_back(rewrite(chunks, slots, first, end, in.lastSeq));
        first = end;
    }
    return result;
}

bool Document::swapIn(MergeResult&& result)
{
    if (m_recent.size() < result.recent.size() ||
        !std::equal(result.recent.begin(), result.recent.end(), m_recent.begin()))
        return false;
    if (result.openRecords > 0 && result.openStamp != m_open.stamp())
        return false;
    for (const MergeResult::Replacement& r : result.replacements) {
        if (m_sorted.in(r.from, r.to) != r.expected)
            return false;
    }
    for (MergeResult::Replacement& r : result.replacements)
        m_sorted.splice(r.from, r.to, std::move(r.chunks));
    m_recent.erase(m_recent.begin(),
                   m_recent.begin() + static_cast<ptrdiff_t>(result.recent.size()));
    if (m_recent.empty())
        m_recent.shrink_to_fit();
    if (result.openRecords > 0)
        m_open.dropFirst(result.openRecords);
    return true;
}

} // namespace fluxion
