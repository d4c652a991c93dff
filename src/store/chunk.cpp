#include "store/chunk.h"

// Layouts. Timestamps wrap around as unsigned numbers, so that the whole range of int64 works.
//   Raw:  per record: varint (ts - ts before; the first: ts - minTs = 0), varint length, data.
//   Zstd: one frame with its content size, of: varints of the first differences' differences
//         (zigzag; the first record has none), then a varint length per record, then all data.

#include <memory>
#include <optional>

#include <zstd.h>

namespace fluxion {

namespace {

constexpr size_t kKeptScratchBytes = 1024 * 1024; // a larger one is given back after use
constexpr size_t kMaxZstdRatio = 32 * 1024; // a block: 4 bytes at least, 128 KiB at most (RFC 8878)
constexpr int kZstdLevel = 1;               // 3 gains 1 % and costs a third of the speed

const Error kDamaged{Code::Damaged, "a stored chunk fails its checks"};

struct FreeContexts {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
    void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};

ZSTD_CCtx* compressor()
{
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeContexts> context(ZSTD_createCCtx());
    return context.get();
}

ZSTD_DCtx* decompressor()
{
    thread_local const std::unique_ptr<ZSTD_DCtx, FreeContexts> context(ZSTD_createDCtx());
    return context.get();
}

// Like ByteReader::varint, with the one-byte case in line: decoding spends its time here.
bool readVarint(const char*& at, const char* end, uint64_t& out)
{
    if (at != end && !(*at & 0x80)) {
        out = static_cast<uint8_t>(*at++);
        return true;
    }
    ByteReader reader({at, static_cast<size_t>(end - at)});
    out = reader.varint();
    at += reader.position();
    return reader.ok();
}

// Calls take(RecordView) for each record, which may refuse one. False unless the bytes are so many
// records.
template <class Take> bool walkRaw(std::string_view bytes, size_t count, int64_t minTs, Take&& take)
{
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    auto ts = static_cast<uint64_t>(minTs);
    for (size_t i = 0; i < count; ++i) {
        uint64_t delta = 0;
        uint64_t length = 0;
        if (!readVarint(at, end, delta) || !readVarint(at, end, length) ||
            length > static_cast<size_t>(end - at))
            return false;
        ts += delta;
        if (!take(RecordView{static_cast<int64_t>(ts), {at, length}}))
            return false;
        at += length;
    }
    return at == end;
}

bool decodeColumns(std::string_view bytes, size_t count, int64_t minTs,
                   std::vector<RecordView>& records)
{
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    auto ts = static_cast<uint64_t>(minTs);
    records.push_back({minTs, {}});
    uint64_t delta = 0;
    for (size_t i = 1; i < count; ++i) {
        uint64_t zigzag = 0;
        if (!readVarint(at, end, zigzag))
            return false;
        delta += (zigzag >> 1) ^ (0 - (zigzag & 1));
        ts += delta;
        records.push_back({static_cast<int64_t>(ts), {}});
    }
    uint64_t total = 0;
    for (RecordView& record : records) {
        uint64_t length = 0;
        if (!readVarint(at, end, length) || length > kMaxChunkDataBytes)
            return false;
        record.data = {at, length}; // only the length counts until `at` reaches the data
        total += length;
    }
    if (total != static_cast<size_t>(end - at))
        return false;
    for (RecordView& record : records) {
        record.data = {at, record.data.size()};
        at += record.data.size();
    }
    return true;
}

bool unpack(std::string_view frame, std::string& buffer, std::string_view& content)
{
    const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (size > kMaxChunkDataBytes) // also the two values that mean unknown and error
        return false;
    if (buffer.size() < size)
        buffer.resize(size);
    const size_t got =
        ZSTD_decompressDCtx(decompressor(), buffer.data(), size, frame.data(), frame.size());
    if (ZSTD_isError(got) || got != size)
        return false;
    content = {buffer.data(), size};
    return true;
}

thread_local DecodedChunk t_scratch;

} // namespace

DecodeScratch::DecodeScratch() : m_decoded(std::move(t_scratch)) {}

DecodeScratch::~DecodeScratch()
{
    if (m_decoded.buffer.capacity() <= kKeptScratchBytes)
        t_scratch = std::move(m_decoded);
}

size_t Chunk::memoryBytes() const
{
    constexpr size_t kBlockOverhead = 16; // what malloc adds to a block, rounded up
    return sizeof(Chunk) + kBlockOverhead + m_bytes.capacity() + kBlockOverhead;
}

bool Chunk::decodeChecked(DecodedChunk& into) const
{
    into.records.clear();
    into.records.reserve(m_count);
    if (m_codec == ChunkCodec::Raw)
        return walkRaw(m_bytes, m_count, m_minTs, [&](const RecordView& record) {
            into.records.push_back(record);
            return true;
        });
    std::string_view content;
    return unpack(m_bytes, into.buffer, content) &&
           decodeColumns(content, m_count, m_minTs, into.records);
}

void Chunk::decode(DecodedChunk& into) const
{
    // Cannot fail on a chunk that exists, short of broken memory: then it holds nothing.
    if (!decodeChecked(into))
        into.records.clear();
}

bool Chunk::latestAtOrBefore(int64_t ts, Record& out) const
{
    if (ts < m_minTs)
        return false;
    DecodeScratch decoded;
    decode(*decoded);
    const std::vector<RecordView>& records = decoded->records;
    auto at = ts >= m_maxTs ? records.end() : lowerBound(records, ts + 1);
    if (at == records.begin())
        return false;
    --at;
    out.ts = at->ts;
    out.data.assign(at->data);
    return true;
}

bool Chunk::hasAnyIn(int64_t from, int64_t to) const
{
    if (from > to || !overlaps(from, to))
        return false;
    if (from <= m_minTs || to >= m_maxTs)
        return true;
    DecodeScratch decoded;
    decode(*decoded);
    const auto at = lowerBound(decoded->records, from);
    return at != decoded->records.end() && at->ts <= to;
}

void Chunk::save(ByteWriter& out) const
{
    out.u8(static_cast<uint8_t>(m_codec));
    out.varint(m_count);
    out.i64(m_minTs);
    out.i64(m_maxTs);
    out.varint(m_lastSeq);
    out.text(m_bytes);
}

Result<ChunkRef> Chunk::parse(ByteReader& in)
{
    const uint8_t codec = in.u8();
    const uint64_t count = in.varint();
    const int64_t minTs = in.i64();
    const int64_t maxTs = in.i64();
    const uint64_t lastSeq = in.varint();
    const std::string_view bytes = in.text();
    if (!in.ok() || codec > static_cast<uint8_t>(ChunkCodec::Zstd) || count == 0)
        return kDamaged;

    const Ref<Chunk> chunk(new Chunk);
    chunk->m_codec = ChunkCodec{codec};
    chunk->m_minTs = minTs;
    chunk->m_maxTs = maxTs;
    chunk->m_lastSeq = lastSeq;
    chunk->m_bytes.assign(bytes);

    // A record takes two bytes at least (packed: but for the first), and a frame holds no more than
    // its blocks can, so that forged sizes cannot ask for more memory than the bytes stand for.
    size_t room = bytes.size();
    if (chunk->m_codec == ChunkCodec::Zstd)
        room = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
    if (room > kMaxChunkDataBytes || room / kMaxZstdRatio > bytes.size() ||
        count > kMaxChunkRecords || count > (room + 1) / 2)
        return kDamaged;
    chunk->m_count = static_cast<uint32_t>(count);

    size_t dataBytes = 0;
    std::optional<int64_t> last;
    const auto isPossible = [&](const RecordView& record) {
        if (last ? record.ts <= *last : record.ts != minTs)
            return false;
        last = record.ts;
        dataBytes += record.data.size();
        return true;
    };
    bool whole = false;
    if (chunk->m_codec == ChunkCodec::Raw) {
        whole = walkRaw(chunk->m_bytes, count, minTs, isPossible);
    } else {
        DecodeScratch decoded;
        whole = chunk->decodeChecked(*decoded) &&
                std::all_of(decoded->records.begin(), decoded->records.end(), isPossible);
    }
    if (!whole || last != maxTs)
        return kDamaged;
    chunk->m_dataBytes = static_cast<uint32_t>(dataBytes);
    return ChunkRef(chunk.get());
}

void ChunkBuilder::add(int64_t ts, std::string_view data)
{
    m_ts.push_back(ts);
    m_lengths.push_back(static_cast<uint32_t>(data.size()));
    m_data.append(data);
}

ChunkRef ChunkBuilder::finish(ChunkCodec codec, uint64_t lastSeq)
{
    const ChunkRef result(new Chunk);
    auto& chunk = const_cast<Chunk&>(*result); // nobody else has it yet
    chunk.m_codec = codec;
    chunk.m_count = static_cast<uint32_t>(m_ts.size());
    chunk.m_minTs = m_ts.front();
    chunk.m_maxTs = m_ts.back();
    chunk.m_lastSeq = lastSeq;
    chunk.m_dataBytes = static_cast<uint32_t>(m_data.size());

    m_columns.clear();
    if (codec == ChunkCodec::Raw) {
        encodeRaw(m_columns);
        chunk.m_bytes.assign(m_columns);
    } else {
        encodeColumns(m_columns);
        std::string frame(ZSTD_compressBound(m_columns.size()), '\0');
        const size_t size = ZSTD_compressCCtx(compressor(), frame.data(), frame.size(),
                                              m_columns.data(), m_columns.size(), kZstdLevel);
        // Fails only for want of memory; then the chunk stays raw, as good as before.
        if (ZSTD_isError(size)) {
            chunk.m_codec = ChunkCodec::Raw;
            m_columns.clear();
            encodeRaw(m_columns);
            chunk.m_bytes.assign(m_columns);
        } else {
            chunk.m_bytes.assign(frame.data(), size);
        }
    }
    m_ts.clear();
    m_lengths.clear();
    m_data.clear();
    return result;
}

void ChunkBuilder::encodeRaw(std::string& out) const
{
    out.reserve(m_data.size() + m_ts.size() * 6);
    ByteWriter writer(out);
    auto before = static_cast<uint64_t>(m_ts.front());
    size_t offset = 0;
    for (size_t i = 0; i < m_ts.size(); ++i) {
        const auto ts = static_cast<uint64_t>(m_ts[i]);
        writer.varint(ts - before);
        before = ts;
        writer.text(std::string_view(m_data).substr(offset, m_lengths[i]));
        offset += m_lengths[i];
    }
}

void ChunkBuilder::encodeColumns(std::string& out) const
{
    out.reserve(m_data.size() + m_ts.size() * 6);
    ByteWriter writer(out);
    uint64_t deltaBefore = 0;
    for (size_t i = 1; i < m_ts.size(); ++i) {
        const uint64_t delta = static_cast<uint64_t>(m_ts[i]) - static_cast<uint64_t>(m_ts[i - 1]);
        writer.svarint(static_cast<int64_t>(delta - deltaBefore));
        deltaBefore = delta;
    }
    for (const uint32_t length : m_lengths)
        writer.varint(length);
    out.append(m_data);
}

} // namespace fluxion
