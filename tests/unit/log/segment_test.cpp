// Where the counting batches of a segment end.

#include <doctest/doctest.h>

#include "io/sim.h"
#include "log/segment.h"

using namespace fluxion;

namespace {

constexpr uint64_t kSegmentBytes = 4096;
constexpr uint64_t kEpoch = 77;
constexpr uint64_t kFirstSeq = 5;

SegmentHeader header()
{
    SegmentHeader h;
    h.epoch = kEpoch;
    h.firstSeq = kFirstSeq;
    h.segmentBytes = kSegmentBytes;
    return h;
}

// One entry per batch.
std::string batchOf(uint64_t seq, uint64_t epoch = kEpoch)
{
    BatchBuilder builder;
    builder.add({1, 0, 0, 0, 0, "payload of seq " + std::to_string(seq)});
    return std::string(builder.finish(epoch, seq, 1, seq));
}

std::string segmentOf(const std::vector<std::string>& batches)
{
    std::string bytes = encodeSegmentHeader(header());
    for (const std::string& batch : batches)
        bytes += batch;
    bytes.resize(kSegmentBytes, '\0');
    return bytes;
}

struct Found {
    SegmentEnd end;
    std::vector<uint64_t> seqs;
};

Found read(const std::string& bytes, bool lookBehind = true)
{
    const auto disk = SimDisk::create();
    disk->setContents("s", bytes);
    const auto file = std::move(disk->directory()->open("s", OpenMode::Read).value());
    Found found;
    auto end = readSegment(*file, header(), lookBehind, [&](const BatchView& batch) {
        for (uint64_t seq = batch.firstSeq; seq <= batch.lastSeq(); ++seq)
            found.seqs.push_back(seq);
        return Status();
    });
    REQUIRE(end.ok());
    found.end = end.value();
    return found;
}

std::string torn(std::string batch)
{
    batch[batch.size() - 10] = static_cast<char>(batch[batch.size() - 10] ^ 1);
    return batch;
}

using Seqs = std::vector<uint64_t>;

} // namespace

TEST_CASE("where a segment ends")
{
    const std::string b5 = batchOf(5);
    const std::string b6 = batchOf(6);
    const std::string b7 = batchOf(7);
    const uint64_t at0 = kSegmentHeaderBytes;
    const uint64_t at1 = at0 + b5.size();
    const uint64_t at2 = at1 + b6.size();
    const struct {
        const char* what;
        std::vector<std::string> batches;
        Seqs seqs;
        uint64_t endAt;
        bool isTorn;
        uint64_t countingAt;
    } cases[] = {
        {"nothing in it", {}, {}, at0, false, 0},
        {"two batches, then zeros", {b5, b6}, {5, 6}, at2, false, 0},
        {"the last one torn", {b5, torn(b6)}, {5}, at1, true, 0},
        {"a hole before a counting one", {b5, torn(b6), b7}, {5}, at1, true, at2},
        {"zeros before a counting one",
         {b5, std::string(b6.size(), '\0'), b7},
         {5},
         at1,
         false,
         at2},
        {"a seq left out", {b5, b7}, {5}, at1, true, at1},
        {"a seq twice", {b5, b5}, {5}, at1, true, at1},
        {"the first one missing", {b6}, {}, at0, true, at0},
        {"of an earlier life, continuing the sequence", {b5, batchOf(6, 76)}, {5}, at1, false, 0},
        {"of an earlier life, behind", {b5, batchOf(3, 76), batchOf(4, 76)}, {5}, at1, false, 0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.what);
        const Found found = read(segmentOf(c.batches));
        CHECK(found.seqs == c.seqs);
        CHECK(found.end.offset == c.endAt);
        CHECK(found.end.nextSeq == kFirstSeq + c.seqs.size());
        CHECK(found.end.torn == c.isTorn);
        CHECK(found.end.countingBatchAt == c.countingAt);
        CHECK(read(segmentOf(c.batches), false).end.countingBatchAt == 0);
    }
}

TEST_CASE("a segment filled to its last byte")
{
    BatchBuilder builder;
    const uint64_t room = kSegmentBytes - kSegmentHeaderBytes;
    builder.add({1, 0, 0, 0, 0, std::string(room - builder.bytesWith(0), 'x')});
    const std::string batch(builder.finish(kEpoch, kFirstSeq, 1, 1));
    REQUIRE(batch.size() == room);
    const Found found = read(segmentOf({batch}));
    CHECK(found.seqs == Seqs{kFirstSeq});
    CHECK(found.end.offset == kSegmentBytes);
    CHECK_FALSE(found.end.torn);
}

TEST_CASE("a visitor's error ends the reading")
{
    const auto disk = SimDisk::create();
    disk->setContents("s", segmentOf({batchOf(5), batchOf(6)}));
    const auto file = std::move(disk->directory()->open("s", OpenMode::Read).value());
    int visits = 0;
    const auto end = readSegment(*file, header(), true, [&](const BatchView&) {
        ++visits;
        return Status(Code::Internal, "no");
    });
    CHECK(end.status().error().code == Code::Internal);
    CHECK(visits == 1);
}

TEST_CASE("a header that does not hold names file and offset")
{
    const std::string whole = segmentOf({});
    const auto check = [&](const std::string& bytes, const std::string& where) {
        const auto disk = SimDisk::create();
        disk->setContents("s", bytes);
        const auto file = std::move(disk->directory()->open("s", OpenMode::Read).value());
        const auto read = readSegmentHeader(*file);
        REQUIRE_FALSE(read.ok());
        CHECK(read.error().code == Code::Damaged);
        CHECK(read.error().text.find("sim:/s: damaged at offset " + where) == 0);
    };
    for (size_t bit = 0; bit < kSegmentHeaderBytes * 8; ++bit) {
        std::string flipped = whole;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        CAPTURE(bit);
        check(flipped, bit / 8 < kSegmentHeaderUsed + 4 ? "0:" : "68:");
    }
    for (const size_t size : {0, 1, 67, 511, 512, 513, 4095}) {
        CAPTURE(size);
        check(whole.substr(0, size), std::to_string(size) + ":");
    }
    check(whole + '\0', "4096:");
}

TEST_CASE("a spare is all zeros, synced, and gone again if it cannot be made")
{
    const auto disk = SimDisk::create();
    const auto directory = disk->directory();
    REQUIRE(createSpare(*directory, "spare-0", kSegmentBytes).ok());
    CHECK(disk->contents("spare-0") == std::string(kSegmentBytes, '\0'));
    REQUIRE(directory->sync().ok());
    CHECK(disk->afterCrash({})->contents("spare-0") == std::string(kSegmentBytes, '\0'));

    for (const SimOp::Kind kind : {SimOp::Write, SimOp::Sync}) {
        SimFailure failure;
        failure.kind = kind;
        failure.fault = SimFailure::Fault::NoSpace;
        disk->setPlan({0, {failure}});
        const Status status = createSpare(*directory, "spare-1", kSegmentBytes);
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::StorageFull);
        CHECK(disk->names() == std::vector<std::string>{"spare-0"});
    }
    disk->setPlan({});
    CHECK_FALSE(createSpare(*directory, "spare-0", kSegmentBytes).ok());
    CHECK(disk->names() == std::vector<std::string>{"spare-0"});
}

TEST_CASE("segment: a batch that its visitor cannot take is damage, named by file and offset")
{
    const auto disk = SimDisk::create();
    disk->setContents("s", encodeSegmentHeader(header()) + batchOf(kFirstSeq));
    const auto file = std::move(disk->directory()->open("s", OpenMode::Read).value());
    const auto refuse = [](Code code) {
        return [code](const BatchView&) { return Status(code, "not this one"); };
    };
    CHECK(readSegment(*file, header(), false, refuse(Code::Damaged)).error().text ==
          file->path() + ": damaged at offset 512: not this one");
    CHECK(readSegment(*file, header(), false, refuse(Code::Internal)).error().text ==
          "not this one");
}
