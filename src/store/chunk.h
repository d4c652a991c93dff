#pragma once

// A sealed run of records of one document: immutable, encoded, shared across threads by reference.
// A Chunk that exists is valid: it was built here, or its stored bytes were decoded once by
// parse(). The layouts are part of the checkpoint format (see chunk.cpp) and never change meaning.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ref.h"
#include "base/result.h"
#include "store/record.h"

namespace fluxion {

constexpr size_t kMergedChunkRecords = 512;               // aim of merging
constexpr size_t kMergedChunkDataBytes = 256 * 1024;      // data of a chunk before encoding, aim
constexpr size_t kMaxChunkRecords = 64 * 1024;            // bound of what parse() takes
constexpr size_t kMaxChunkDataBytes = 1024 * 1024 * 1024; // bound of what parse() unpacks

enum class ChunkCodec : uint8_t {
    Raw = 0,  // cheap to write: what the commit thread makes
    Zstd = 1, // columns under zstd: what merging makes
};

// The decoded records of one chunk; reusable. The views are good while both the chunk and this
// object stay: raw data is not copied.
struct DecodedChunk {
    std::vector<RecordView> records; // ascending, unique timestamps
    std::string buffer;              // holds the data of packed chunks; no meaning of its own
};

class Chunk;
using ChunkRef = Ref<const Chunk>;

class Chunk : public RefCounted {
  public:
    ChunkCodec codec() const { return m_codec; }
    size_t count() const { return m_count; } // at least 1
    int64_t minTs() const { return m_minTs; }
    int64_t maxTs() const { return m_maxTs; }
    // The highest log sequence number among the facts that formed the records.
    uint64_t lastSeq() const { return m_lastSeq; }
    // Bytes of all records' data, unencoded.
    size_t dataBytes() const { return m_dataBytes; }
    size_t encodedBytes() const { return m_bytes.size(); }
    size_t memoryBytes() const;

    bool covers(int64_t ts) const { return m_minTs <= ts && ts <= m_maxTs; }
    bool overlaps(int64_t from, int64_t to) const { return m_minTs <= to && from <= m_maxTs; }

    // Any thread; the three ways to the records.
    void decode(DecodedChunk& into) const;
    bool latestAtOrBefore(int64_t ts, Record& out) const;
    // Calls fn(RecordView) for each record with from <= ts <= to, ascending. Views last for the
    // call.
    template <class Fn> void scan(int64_t from, int64_t to, Fn&& fn) const;

    bool contains(int64_t ts) const { return hasAnyIn(ts, ts); }
    bool hasAnyIn(int64_t from, int64_t to) const;

    void save(ByteWriter& out) const;
    // Code::Damaged unless the bytes are exactly what save() writes of a possible chunk.
    static Result<ChunkRef> parse(ByteReader& in);

  private:
    friend class ChunkBuilder;
    Chunk() = default;
    bool decodeChecked(DecodedChunk& into) const;

    int64_t m_minTs = 0;
    int64_t m_maxTs = 0;
    uint64_t m_lastSeq = 0;
    std::string m_bytes;
    uint32_t m_count = 0;
    uint32_t m_dataBytes = 0;
    ChunkCodec m_codec = ChunkCodec::Raw;
};

// Gathers records in ascending order of unique timestamps, then encodes them; reusable.
class ChunkBuilder {
  public:
    void add(int64_t ts, std::string_view data);
    size_t count() const { return m_ts.size(); }
    size_t dataBytes() const { return m_data.size(); }
    // Of at least one record. Leaves the builder empty.
    ChunkRef finish(ChunkCodec codec, uint64_t lastSeq);

  private:
    void encodeRaw(std::string& out) const;
    void encodeColumns(std::string& out) const;

    std::vector<int64_t> m_ts;
    std::vector<uint32_t> m_lengths;
    std::string m_data;
    std::string m_columns; // scratch
};

// Lends this thread's DecodedChunk, so that small reads allocate nothing. May nest.
class DecodeScratch {
  public:
    DecodeScratch();
    ~DecodeScratch();
    DecodeScratch(const DecodeScratch&) = delete;
    DecodeScratch& operator=(const DecodeScratch&) = delete;

    DecodedChunk& operator*() { return m_decoded; }
    DecodedChunk* operator->() { return &m_decoded; }

  private:
    DecodedChunk m_decoded;
};

// The first record at or after `ts`.
inline std::vector<RecordView>::const_iterator lowerBound(const std::vector<RecordView>& records,
                                                          int64_t ts)
{
    return std::lower_bound(records.begin(), records.end(), ts,
                            [](const RecordView& r, int64_t t) { return r.ts < t; });
}

template <class Fn> void Chunk::scan(int64_t from, int64_t to, Fn&& fn) const
{
    if (!overlaps(from, to))
        return;
    DecodeScratch decoded;
    decode(*decoded);
    for (auto at = lowerBound(decoded->records, from); at != decoded->records.end(); ++at) {
        if (at->ts > to)
            return;
        fn(*at);
    }
}

} // namespace fluxion
