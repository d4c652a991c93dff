#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "store/chunk.h"

using namespace fluxion;

namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

using Records = std::vector<Record>;

ChunkRef build(const Records& records, ChunkCodec codec, uint64_t seq = 7)
{
    ChunkBuilder builder;
    for (const Record& r : records)
        builder.add(r.ts, r.data);
    return builder.finish(codec, seq);
}

Records records(const Chunk& chunk)
{
    DecodedChunk decoded;
    chunk.decode(decoded);
    Records out;
    for (const RecordView& r : decoded.records)
        out.push_back({r.ts, std::string(r.data)});
    return out;
}

bool same(const Records& a, const Records& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Record& x, const Record& y) {
        return x.ts == y.ts && x.data == y.data;
    });
}

Result<ChunkRef> parse(std::string_view bytes)
{
    ByteReader reader(bytes);
    return Chunk::parse(reader);
}

std::string saved(const Chunk& chunk)
{
    std::string bytes;
    ByteWriter writer(bytes);
    chunk.save(writer);
    return bytes;
}

Records telemetry(size_t count, uint32_t seed)
{
    std::mt19937 random(seed);
    Records out;
    int64_t ts = 1'700'000'000'000;
    int tenths = 225;
    for (size_t i = 0; i < count; ++i) {
        ts += 9'400 + random() % 1'200;
        tenths += static_cast<int>(random() % 3) - 1;
        out.push_back({ts, R"({"temperature":)" + std::to_string(tenths / 10) + "." +
                               std::to_string(tenths % 10) + R"(,"humidity":40,"state":"ok"})"});
    }
    return out;
}

const std::vector<Records> kCases = {
    {{0, "x"}},
    {{kMin, "a"}},
    {{kMax, "b"}},
    {{kMin, "a"}, {kMax, "b"}},
    {{kMin, "a"}, {kMin + 1, ""}, {-1, "c"}, {0, "d"}, {1, "e"}, {kMax - 1, "f"}, {kMax, "g"}},
    {{5, std::string(3, '\0')}, {6, "\xff\xfe\x80"}, {7, std::string(200'000, 'z')}},
    {{1, ""}, {2, ""}, {3, ""}},
    telemetry(512, 1),
};

const ChunkCodec kCodecs[] = {ChunkCodec::Raw, ChunkCodec::Zstd};

} // namespace

TEST_CASE("a chunk gives back every byte, built or saved and parsed")
{
    for (const Records& expected : kCases) {
        for (const ChunkCodec codec : kCodecs) {
            const ChunkRef chunk = build(expected, codec, 99);
            CHECK(same(records(*chunk), expected));
            const auto parsed = parse(saved(*chunk));
            REQUIRE(parsed.ok());
            const Chunk& copy = *parsed.value();
            CHECK(same(records(copy), expected));
            CHECK(copy.codec() == codec);
            CHECK(copy.count() == expected.size());
            CHECK(copy.minTs() == expected.front().ts);
            CHECK(copy.maxTs() == expected.back().ts);
            CHECK(copy.lastSeq() == 99);
            CHECK(copy.dataBytes() == chunk->dataBytes());
        }
    }
}

TEST_CASE("a builder can be used again")
{
    ChunkBuilder builder;
    builder.add(1, "one");
    const ChunkRef first = builder.finish(ChunkCodec::Zstd, 1);
    builder.add(-2, "two");
    const ChunkRef second = builder.finish(ChunkCodec::Raw, 2);
    CHECK(same(records(*first), {{1, "one"}}));
    CHECK(same(records(*second), {{-2, "two"}}));
}

TEST_CASE("scan, latest and hasAnyIn agree with the records")
{
    const Records all = {{kMin, "a"}, {-5, "b"}, {0, "c"}, {10, "d"}, {kMax, "e"}};
    const int64_t times[] = {kMin, kMin + 1, -6, -5, -4, -1, 0, 1, 9, 10, 11, kMax - 1, kMax};
    for (const ChunkCodec codec : kCodecs) {
        const ChunkRef whole = build(all, codec);
        const ChunkRef inner = build({all[1], all[2], all[3]}, codec);
        for (const ChunkRef& chunk : {whole, inner}) {
            const Records held = records(*chunk);
            for (const int64_t from : times) {
                const Record* latest = nullptr;
                for (const Record& r : held)
                    latest = r.ts <= from ? &r : latest;
                Record got;
                REQUIRE(chunk->latestAtOrBefore(from, got) == (latest != nullptr));
                if (latest)
                    CHECK((got.ts == latest->ts && got.data == latest->data));
                for (const int64_t to : times) {
                    Records expected;
                    for (const Record& r : held) {
                        if (from <= r.ts && r.ts <= to)
                            expected.push_back(r);
                    }
                    Records scanned;
                    chunk->scan(from, to, [&](const RecordView& r) {
                        scanned.push_back({r.ts, std::string(r.data)});
                    });
                    CHECK(same(scanned, expected));
                    CHECK(chunk->hasAnyIn(from, to) == !expected.empty());
                }
            }
        }
    }
}

TEST_CASE("a scan may read another chunk of the same thread inside")
{
    const Records expected = telemetry(300, 2);
    const ChunkRef outer = build(expected, ChunkCodec::Zstd);
    const ChunkRef inner = build(telemetry(500, 3), ChunkCodec::Zstd);
    Records scanned;
    outer->scan(kMin, kMax, [&](const RecordView& r) {
        Record other;
        CHECK(inner->latestAtOrBefore(kMax, other));
        scanned.push_back({r.ts, std::string(r.data)});
    });
    CHECK(same(scanned, expected));
}

TEST_CASE("512 records of telemetry take at most 5 bytes each")
{
    const ChunkRef chunk = build(telemetry(512, 4), ChunkCodec::Zstd);
    CHECK(chunk->encodedBytes() <= 5 * 512);
}

TEST_CASE("bytes that no chunk wrote are damaged")
{
    const std::string good = saved(*build({{1, "a"}, {2, "bb"}}, ChunkCodec::Raw));
    // codec, count, min (8), max (8), seq, length, then 0 1 a 1 2 b b
    REQUIRE(good.size() == 1 + 1 + 8 + 8 + 1 + 1 + 7);
    REQUIRE(parse(good).ok());
    struct Case {
        const char* name;
        size_t at;
        char value;
    };
    const Case cases[] = {
        {"unknown codec", 0, 2},
        {"packed codec on raw bytes", 0, 1},
        {"no record", 1, 0},
        {"fewer records than bytes", 1, 1},
        {"more records than bytes", 1, 3},
        {"far more records than bytes", 1, 100},
        {"another first time", 2, 9},
        {"another last time", 10, 9},
        {"length beyond the end", 19, 8},
        {"length before the end", 19, 6},
        {"equal times", 23, 0},
        {"data beyond the end", 24, 3},
        {"data before the end", 24, 1},
    };
    for (const Case& c : cases) {
        std::string bytes = good;
        bytes[c.at] = c.value;
        const auto result = parse(bytes);
        INFO(c.name);
        REQUIRE_FALSE(result.ok());
        CHECK(result.error().code == Code::Damaged);
    }
}

TEST_CASE("times that do not ascend are damaged")
{
    const std::vector<Records> cases = {
        {{1, "a"}, {3, "b"}, {3, "c"}, {9, "d"}},
        {{1, "a"}, {5, "b"}, {3, "c"}, {9, "d"}},
        {{1, "a"}, {kMax, "b"}, {kMin, "c"}, {9, "d"}}, // wraps around
    };
    for (const Records& unordered : cases) {
        for (const ChunkCodec codec : kCodecs)
            CHECK_FALSE(parse(saved(*build(unordered, codec))).ok());
    }
}

TEST_CASE("a frame that claims a huge content, or more records than content, is damaged")
{
    const std::string frames[] = {
        std::string("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00", 16),
        std::string("\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00", 9), // empty content
        std::string(),
    };
    for (const std::string& frame : frames) {
        for (const uint64_t count : {uint64_t{1}, uint64_t{1} << 30, UINT64_MAX}) {
            std::string bytes;
            ByteWriter writer(bytes);
            writer.u8(1);
            writer.varint(count);
            writer.i64(0);
            writer.i64(0);
            writer.varint(1);
            writer.text(frame);
            CHECK_FALSE(parse(bytes).ok());
        }
    }
}

TEST_CASE("any truncation is damaged, any changed byte is damaged or a possible chunk")
{
    const uint32_t seed = std::random_device{}();
    MESSAGE("seed ", seed);
    std::mt19937 random(seed);
    for (const ChunkCodec codec : kCodecs) {
        const std::string good = saved(*build(telemetry(40, seed), codec));
        for (size_t length = 0; length < good.size(); ++length)
            CHECK_FALSE(parse(std::string_view(good).substr(0, length)).ok());
        for (int round = 0; round < 20'000; ++round) {
            std::string bytes = good;
            for (auto flips = 1 + random() % 4; flips > 0; --flips)
                bytes[random() % bytes.size()] ^= static_cast<char>(1u << (random() % 8));
            if (random() % 4 == 0)
                bytes.resize(random() % bytes.size());
            const auto result = parse(bytes);
            if (!result.ok())
                continue;
            // What was accepted must behave: ascending, counted, and saved as it was read.
            const Records held = records(*result.value());
            REQUIRE(held.size() == result.value()->count());
            for (size_t i = 1; i < held.size(); ++i)
                REQUIRE(held[i - 1].ts < held[i].ts);
            REQUIRE(parse(saved(*result.value())).ok());
        }
    }
}
