// Every byte of the log's files, format 1. Files outlive code: what stands here never changes.

#include <doctest/doctest.h>

#include <cstring>

#include "io/sim.h"
#include "log/batch.h"
#include "log/identity.h"
#include "log/segment.h"
#include "unit/log/log_bytes.h"

using namespace fluxion;

namespace {

HistoryId exampleHistory()
{
    HistoryId id;
    std::memcpy(id.data(), "abcdefghijklmnop", id.size());
    return id;
}

const char* const kIdentity = "46 4c 55 58 49 44 54 00" // "FLUXIDT"
                              "01 00 00 00"             // format
                              "61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70"
                              "08 07 06 05 04 03 02 01" // start seq
                              "01"                      // lax
                              "c7 54 89 95";            // CRC-32C

const char* const kClosed = "46 4c 55 58 43 4c 53 00" // "FLUXCLS"
                            "61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70"
                            "88 77 66 55 44 33 22 11" // last seq
                            "31 21 d1 94";            // CRC-32C

const char* const kSegmentHeader = "46 4c 58 53 45 47 00 00"  // "FLXSEG"
                                   "01 00 00 00  00 00 00 00" // format, reserved
                                   "18 17 16 15 14 13 12 11"  // epoch
                                   "61 62 63 64 65 66 67 68"  // history
                                   "69 6a 6b 6c 6d 6e 6f 70"  //
                                   "28 27 26 25 24 23 22 21"  // first seq
                                   "fe ff ff ff ff ff ff ff"  // first time
                                   "00 10 00 00 00 00 00 00"  // bytes of the file
                                   "88 4e 94 ce";             // CRC-32C

const char* const kBatch = "46 4c 58 42  4d 40 7c 8e" // "FLXB", CRC-32C
                           "38 37 36 35 34 33 32 31"  // epoch
                           "2a 00 00 00 00 00 00 00"  // first seq
                           "02 00 00 00  33 00 00 00" // entries, their bytes
                           "09 00 00 00  00 00 00 00" // origin, reserved
                           "48 47 46 45 44 43 42 41"  // proposal number
                           "06 00 00 00  0d 0c 0b 0a" // type, flags, tenant
                           "07 00 00 00  03 00 00 00" // actor, payload length
                           "01 40 1e 18 24 0a 06 00"  // time
                           "61 62 63"                 // payload
                           "01 02 03 04  00 00 00 00" // the second entry
                           "ff ff ff ff  00 00 00 00" //
                           "ff ff ff ff ff ff ff ff"  //
                           "00 00 00 00 00";          // to a multiple of 8

SegmentHeader exampleHeader()
{
    SegmentHeader header;
    header.epoch = 0x1112131415161718;
    header.history = exampleHistory();
    header.firstSeq = 0x2122232425262728;
    header.firstTimeUs = -2;
    header.segmentBytes = 4096;
    return header;
}

} // namespace

TEST_CASE("identity: 41 bytes, written and read")
{
    const auto disk = SimDisk::create();
    const auto directory = disk->directory();
    REQUIRE(writeIdentity(*directory, {exampleHistory(), 0x0102030405060708, true}).ok());
    CHECK(disk->names() == std::vector<std::string>{"identity"});
    CHECK(toHex(*disk->contents("identity")) == toHex(bytesOf(kIdentity)));

    disk->setContents("identity", bytesOf(kIdentity));
    const auto read = readIdentity(*directory);
    REQUIRE(read.ok());
    REQUIRE(read.value().has_value());
    CHECK(read.value()->history == exampleHistory());
    CHECK(read.value()->startSeq == 0x0102030405060708);
    CHECK(read.value()->lax);
    CHECK(toText(exampleHistory()) == "6162636465666768696a6b6c6d6e6f70");
}

TEST_CASE("closed mark: 36 bytes, written, read and removed")
{
    const auto disk = SimDisk::create();
    const auto directory = disk->directory();
    REQUIRE(writeClosedMark(*directory, {exampleHistory(), 0x1122334455667788}).ok());
    CHECK(disk->names() == std::vector<std::string>{"closed"});
    CHECK(toHex(*disk->contents("closed")) == toHex(bytesOf(kClosed)));

    disk->setContents("closed", bytesOf(kClosed));
    const auto read = readClosedMark(*directory);
    REQUIRE(read.ok());
    REQUIRE(read.value().has_value());
    CHECK(read.value()->history == exampleHistory());
    CHECK(read.value()->lastSeq == 0x1122334455667788);

    CHECK(removeClosedMark(*directory).ok());
    CHECK(disk->names().empty());
    CHECK(removeClosedMark(*directory).ok());
    CHECK_FALSE(readClosedMark(*directory).value().has_value());
}

TEST_CASE("identity and closed mark: absent is not damaged, any flipped bit or lost byte is")
{
    const struct {
        const char* name;
        const char* bytes;
    } files[] = {{"identity", kIdentity}, {"closed", kClosed}};
    for (const auto& file : files) {
        CAPTURE(file.name);
        const auto disk = SimDisk::create();
        const auto directory = disk->directory();
        const auto code = [&]() -> std::optional<Code> {
            const bool identity = file.name == std::string("identity");
            const Status s =
                identity ? readIdentity(*directory).status() : readClosedMark(*directory).status();
            if (s)
                return std::nullopt;
            CHECK(s.error().text.find(std::string("sim:/") + file.name + ": damaged at offset") ==
                  0);
            return s.error().code;
        };
        CHECK_FALSE(code().has_value());
        const std::string whole = bytesOf(file.bytes);
        for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
            std::string flipped = whole;
            flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
            disk->setContents(file.name, flipped);
            CAPTURE(bit);
            CHECK(code() == Code::Damaged);
        }
        for (size_t size = 0; size < whole.size(); ++size) {
            disk->setContents(file.name, whole.substr(0, size));
            CAPTURE(size);
            CHECK(code() == Code::Damaged);
        }
        disk->setContents(file.name, whole);
        CHECK_FALSE(code().has_value());
    }
}

TEST_CASE("segment header: 512 bytes, 68 of them used")
{
    const std::string bytes = encodeSegmentHeader(exampleHeader());
    CHECK(toHex(bytes) == toHex(filled(bytesOf(kSegmentHeader), 512)));

    const auto disk = SimDisk::create();
    disk->setContents("s", filled(bytesOf(kSegmentHeader), 4096));
    const auto file = std::move(disk->directory()->open("s", OpenMode::Read).value());
    const auto read = readSegmentHeader(*file);
    REQUIRE(read.ok());
    CHECK(read.value().epoch == 0x1112131415161718);
    CHECK(read.value().history == exampleHistory());
    CHECK(read.value().firstSeq == 0x2122232425262728);
    CHECK(read.value().firstTimeUs == -2);
    CHECK(read.value().segmentBytes == 4096);
}

TEST_CASE("batch and entry: 48 and 24 bytes before the payload, padded to 8")
{
    BatchBuilder builder;
    builder.add({6, 0, 0x0a0b0c0d, 7, 1'700'000'000'000'001, "abc"});
    CHECK(builder.bytesWith(0) == 104);
    builder.add({0x0201, 0x0403, 0, 0xffffffff, -1, ""});
    CHECK(builder.bytes() == 104);
    const std::string_view bytes = builder.finish(0x3132333435363738, 42, 9, 0x4142434445464748);
    CHECK(toHex(bytes) == toHex(bytesOf(kBatch)));

    const std::string stored = bytesOf(kBatch);
    const auto batch = readBatch(stored, 0x3132333435363738);
    REQUIRE(batch.has_value());
    CHECK(batch->firstSeq == 42);
    CHECK(batch->lastSeq() == 43);
    CHECK(batch->count == 2);
    CHECK(batch->origin == 9);
    CHECK(batch->proposal == 0x4142434445464748);
    CHECK(batch->bytes == 104);

    EntryCursor cursor(*batch);
    uint64_t seq = 0;
    Entry entry;
    REQUIRE(cursor.next(seq, entry));
    CHECK(seq == 42);
    CHECK(entry.type == 6);
    CHECK(entry.flags == 0);
    CHECK(entry.tenant == 0x0a0b0c0d);
    CHECK(entry.actor == 7);
    CHECK(entry.timeUs == 1'700'000'000'000'001);
    CHECK(entry.payload == "abc");
    REQUIRE(cursor.next(seq, entry));
    CHECK(seq == 43);
    CHECK(entry.type == 0x0201);
    CHECK(entry.flags == 0x0403);
    CHECK(entry.actor == 0xffffffff);
    CHECK(entry.timeUs == -1);
    CHECK(entry.payload.empty());
    CHECK_FALSE(cursor.next(seq, entry));
}

TEST_CASE("names of segments and spares")
{
    CHECK(segmentName(1) == "00000000000000000001.seg");
    CHECK(segmentName(~uint64_t{0}) == "18446744073709551615.seg");
    const struct {
        const char* name;
        bool segment;
        uint64_t firstSeq;
    } cases[] = {
        {"00000000000000000001.seg", true, 1},
        {"00000000000000000000.seg", true, 0},
        {"18446744073709551615.seg", true, ~uint64_t{0}},
        {"0000000000000000001.seg", false, 0},
        {"000000000000000000001.seg", false, 0},
        {"0000000000000000000x.seg", false, 0},
        {"00000000000000000001.tmp", false, 0},
        {"18446744073709551616.seg", false, 0},
        {"99999999999999999999.seg", false, 0},
        {"identity", false, 0},
        {"", false, 0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        uint64_t firstSeq = 0;
        const bool segment = parseSegmentName(c.name, firstSeq);
        CHECK(segment == c.segment);
        if (segment && c.segment)
            CHECK(firstSeq == c.firstSeq);
    }
    CHECK(isSpareName("spare-0"));
    CHECK_FALSE(isSpareName("00000000000000000001.seg"));
}
