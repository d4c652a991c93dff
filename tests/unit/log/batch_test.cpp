// What counts as a batch, and what does not.

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/batch.h"

using namespace fluxion;

namespace {

constexpr uint64_t kEpoch = 0x1122334455667788;

std::string batchOf(const std::vector<std::string>& payloads, uint64_t firstSeq = 1)
{
    BatchBuilder builder;
    for (const std::string& payload : payloads)
        builder.add({1, 0, 0, 0, 5, payload});
    return std::string(builder.finish(kEpoch, firstSeq, 1, 1));
}

// With a field changed and the checksum made to fit again.
std::string forged(std::string bytes, size_t offset, uint32_t value)
{
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    const uint32_t crc = crc32c(std::string_view(bytes).substr(8));
    std::memcpy(bytes.data() + 4, &crc, sizeof crc);
    return bytes;
}

constexpr size_t kEpochAt = 8;
constexpr size_t kCountAt = 24;
constexpr size_t kLengthAt = 28;
constexpr size_t kPayloadLengthAt = kBatchHeaderBytes + 12;

} // namespace

TEST_CASE("a batch is read as it was built")
{
    const std::vector<std::vector<std::string>> cases = {
        {"x"}, {""}, {"", "", ""}, {"a", std::string(1000, 'b'), "c"}, {std::string(70000, '\0')}};
    for (const auto& payloads : cases) {
        const std::string bytes = batchOf(payloads, 7);
        CHECK(bytes.size() % kBatchAlignment == 0);
        const std::string stored = bytes + "what follows";
        const auto batch = readBatch(stored, kEpoch);
        REQUIRE(batch.has_value());
        CHECK(batch->bytes == bytes.size());
        CHECK(batch->lastSeq() == 6 + payloads.size());
        EntryCursor cursor(*batch);
        uint64_t seq = 0;
        Entry entry;
        for (size_t i = 0; i < payloads.size(); ++i) {
            REQUIRE(cursor.next(seq, entry));
            CHECK(seq == 7 + i);
            CHECK(entry.payload == payloads[i]);
        }
        CHECK_FALSE(cursor.next(seq, entry));
    }
}

TEST_CASE("the sizes that a builder foretells are those it makes")
{
    BatchBuilder builder;
    CHECK(builder.empty());
    for (size_t size = 0; size < 40; ++size) {
        const uint64_t foretold = builder.bytesWith(size);
        builder.add({1, 0, 0, 0, 0, std::string(size, 'x')});
        CHECK(builder.bytes() == foretold);
    }
    CHECK(builder.count() == 40);
    const uint64_t foretold = builder.bytes();
    CHECK(builder.finish(kEpoch, 1, 1, 1).size() == foretold);
    CHECK(builder.view().bytes == foretold);
    CHECK(builder.view().lastSeq() == 40);
    builder.clear();
    CHECK(builder.empty());
    CHECK(builder.bytes() == kBatchHeaderBytes);
}

TEST_CASE("every flipped bit and every missing byte unmakes a batch")
{
    const std::string whole = batchOf({"hello", "wor"});
    REQUIRE(readBatch(whole, kEpoch).has_value());
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
        std::string flipped = whole;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        CAPTURE(bit);
        CHECK_FALSE(readBatch(flipped, kEpoch).has_value());
    }
    for (size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(readBatch(std::string_view(whole).substr(0, size), kEpoch).has_value());
    }
}

TEST_CASE("a batch of another epoch does not count, however whole it is")
{
    const std::string whole = batchOf({"bytes of the segment's earlier life"});
    CHECK(readBatch(whole, kEpoch).has_value());
    CHECK_FALSE(readBatch(whole, kEpoch + 1).has_value());
    CHECK_FALSE(readBatch(whole, 0).has_value());
    CHECK_FALSE(readBatch(forged(whole, kEpochAt, 1), kEpoch).has_value());
}

TEST_CASE("lengths and counts that do not fit the bytes, under a good checksum")
{
    const std::string whole = batchOf({"hello", "world"});
    const auto entryBytes = static_cast<uint32_t>(2 * (kEntryHeaderBytes + 5));
    REQUIRE(readBatch(forged(whole, kCountAt, 2), kEpoch).has_value());
    const struct {
        const char* what;
        size_t offset;
        uint32_t value;
    } cases[] = {
        {"no entries", kCountAt, 0},
        {"fewer entries than there are", kCountAt, 1},
        {"more entries than there are", kCountAt, 3},
        {"a count beyond all bounds", kCountAt, 0xffffffff},
        {"a length that cuts the last entry", kLengthAt, entryBytes - 1},
        {"a length with bytes left over", kLengthAt, entryBytes + 1},
        {"no length", kLengthAt, 0},
        {"a length beyond all bounds", kLengthAt, 0xffffffff},
        {"a payload beyond the batch", kPayloadLengthAt, 1000},
        {"a payload beyond all bounds", kPayloadLengthAt, 0xffffffff},
        {"a payload that swallows the next entry's header", kPayloadLengthAt, 29},
    };
    for (const auto& c : cases) {
        CAPTURE(c.what);
        CHECK_FALSE(readBatch(forged(whole, c.offset, c.value), kEpoch).has_value());
    }
}

TEST_CASE("a sealed batch has the entries, but no bytes of its own")
{
    BatchBuilder builder;
    builder.add({3, 0, 1, 2, 4, "payload"});
    builder.seal(11, 5, 6);
    const BatchView batch = builder.view();
    CHECK(batch.firstSeq == 11);
    CHECK(batch.origin == 5);
    CHECK(batch.proposal == 6);
    EntryCursor cursor(batch);
    uint64_t seq = 0;
    Entry entry;
    REQUIRE(cursor.next(seq, entry));
    CHECK(seq == 11);
    CHECK(entry.payload == "payload");
    CHECK_FALSE(cursor.next(seq, entry));
}
