// The chunk codec, both ways. The first byte picks:
//   records that are encoded, packed both ways, and come back byte for byte;
//   a stored chunk as it is;
//   a stored chunk whose columns are packed here, so that what is behind zstd is reached.

#include <limits>
#include <map>

#include <zstd.h>

#include "fuzz/check.h"
#include "store/chunk.h"

using namespace fluxion;

namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

using Records = std::map<int64_t, std::string>;

// Times in steps of any size from any start; data from the input, some of it repeated.
Records takeRecords(fuzz::Input& input)
{
    Records records;
    auto ts = static_cast<int64_t>(input.number(8));
    while (!input.empty()) {
        const uint8_t head = input.byte();
        const uint64_t step = input.number(head & 7);
        std::string data(input.bytes(head >> 5));
        if (head & 8)
            data = std::string(size_t{input.byte()} * 16, data.empty() ? 'x' : data[0]);
        records[ts] = data;
        if (static_cast<uint64_t>(kMax) - static_cast<uint64_t>(ts) <= step)
            break;
        ts = static_cast<int64_t>(static_cast<uint64_t>(ts) + step);
    }
    if (records.empty())
        records[ts] = {};
    return records;
}

void checkReads(const Chunk& chunk, const Records& records)
{
    DecodedChunk decoded;
    chunk.decode(decoded);
    FUZZ_CHECK(decoded.records.size() == records.size(), std::to_string(decoded.records.size()));
    size_t bytes = 0;
    auto expected = records.begin();
    for (const RecordView& record : decoded.records) {
        FUZZ_CHECK(record.ts == expected->first, std::to_string(record.ts));
        FUZZ_CHECK(record.data == expected->second, std::string(record.data));
        bytes += record.data.size();
        ++expected;
    }
    const int64_t first = records.begin()->first;
    const int64_t last = records.rbegin()->first;
    FUZZ_CHECK(chunk.count() == records.size() && chunk.dataBytes() == bytes,
               std::to_string(chunk.dataBytes()));
    FUZZ_CHECK(chunk.minTs() == first && chunk.maxTs() == last, std::to_string(chunk.minTs()));

    const int64_t middle = std::next(records.begin(), static_cast<long>(records.size() / 2))->first;
    for (const int64_t ts : {kMin, first, middle, middle == kMax ? kMax : middle + 1, last, kMax}) {
        const auto after = records.upper_bound(ts);
        Record found;
        const bool any = chunk.latestAtOrBefore(ts, found);
        FUZZ_CHECK(any == (after != records.begin()), std::to_string(ts));
        if (any)
            FUZZ_CHECK(found.ts == std::prev(after)->first &&
                           found.data == std::prev(after)->second,
                       std::to_string(ts));
        FUZZ_CHECK(chunk.contains(ts) == (records.count(ts) == 1), std::to_string(ts));
        size_t counted = 0;
        chunk.scan(ts, kMax, [&](const RecordView&) { ++counted; });
        const auto from = records.lower_bound(ts);
        FUZZ_CHECK(counted == static_cast<size_t>(std::distance(from, records.end())),
                   std::to_string(counted));
        FUZZ_CHECK(chunk.hasAnyIn(ts, kMax) == (counted > 0), std::to_string(ts));
    }
}

// Saved and parsed again it is the same chunk.
void checkAgain(const Chunk& chunk, const Records& records)
{
    std::string bytes;
    ByteWriter out(bytes);
    chunk.save(out);
    ByteReader in(bytes);
    const auto parsed = Chunk::parse(in);
    FUZZ_CHECK(parsed.ok() && in.atEnd(), parsed ? "bytes left" : parsed.error().text);
    FUZZ_CHECK(parsed.value()->lastSeq() == chunk.lastSeq() &&
                   parsed.value()->codec() == chunk.codec(),
               std::to_string(parsed.value()->lastSeq()));
    checkReads(*parsed.value(), records);
}

void checkEncoding(fuzz::Input& input)
{
    const uint64_t seq = input.number(2);
    const Records records = takeRecords(input);
    for (const ChunkCodec codec : {ChunkCodec::Raw, ChunkCodec::Zstd}) {
        ChunkBuilder builder;
        for (const auto& [ts, data] : records)
            builder.add(ts, data);
        const ChunkRef chunk = builder.finish(codec, seq);
        FUZZ_CHECK(chunk->lastSeq() == seq && builder.count() == 0, "the builder kept something");
        checkReads(*chunk, records);
        checkAgain(*chunk, records);
    }
}

void checkParsing(std::string_view bytes)
{
    ByteReader in(bytes);
    const auto parsed = Chunk::parse(in);
    if (!parsed) {
        FUZZ_CHECK(parsed.error().code == Code::Damaged, parsed.error().text);
        return;
    }
    Records records;
    DecodedChunk decoded;
    parsed.value()->decode(decoded);
    for (const RecordView& record : decoded.records) {
        FUZZ_CHECK(records.empty() || records.rbegin()->first < record.ts,
                   std::to_string(record.ts));
        records[record.ts] = std::string(record.data);
    }
    FUZZ_CHECK(!records.empty(), "a chunk without records");
    checkReads(*parsed.value(), records);
    checkAgain(*parsed.value(), records);
}

std::string packed(fuzz::Input& input)
{
    const uint64_t count = input.byte();
    const auto minTs = static_cast<int64_t>(input.number(8));
    const auto maxTs = static_cast<int64_t>(input.number(8));
    const std::string_view columns = input.rest();
    std::string frame(ZSTD_compressBound(columns.size()), '\0');
    frame.resize(ZSTD_compress(frame.data(), frame.size(), columns.data(), columns.size(), 1));
    std::string bytes;
    ByteWriter out(bytes);
    out.u8(static_cast<uint8_t>(ChunkCodec::Zstd));
    out.varint(count);
    out.i64(minTs);
    out.i64(maxTs);
    out.varint(7);
    out.text(frame);
    return bytes;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input input(data, size);
    switch (input.byte() % 3) {
    case 0:
        checkEncoding(input);
        break;
    case 1:
        checkParsing(input.rest());
        break;
    default:
        checkParsing(packed(input));
        break;
    }
    return 0;
}
