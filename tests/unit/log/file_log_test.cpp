// The log in a folder, step by step. What it keeps after crashes is the fault suite's business.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/sim_clock.h"
#include "io/sim.h"
#include "log/file_log.h"

using namespace fluxion;

namespace {

using Seqs = std::vector<uint64_t>;
using Names = std::vector<std::string>;

constexpr uint64_t kSegmentBytes = 4096;
constexpr uint64_t kRoom = kSegmentBytes - kSegmentHeaderBytes;

FileLogOptions optionsOf(Durability durability = Durability::Always)
{
    FileLogOptions options;
    options.segmentBytes = kSegmentBytes;
    options.firstSegmentBytes = kSegmentBytes;
    options.retainBytes = 0;
    options.durability = durability;
    return options;
}

struct Fixture {
    std::shared_ptr<SimDisk> disk = SimDisk::create();
    std::unique_ptr<Directory> directory = disk->directory();
    SimClock clock;
    std::vector<std::string> lines;
    std::unique_ptr<FileLog> log;
    Seqs seqs; // replayed
    uint64_t lastSeq = 0;

    // Opens and replays; start() is the caller's.
    Status open(FileLogOptions options = optionsOf(), uint64_t after = 0)
    {
        log.reset();
        seqs.clear();
        const LogSink sink = [this](LogLevel, std::string_view line) { lines.emplace_back(line); };
        auto opened = FileLog::open(*directory, options, clock, sink);
        if (!opened)
            return opened.status();
        log = std::move(opened.value());
        Status status = log->replay(after, [this](const BatchView& batch) {
            for (uint64_t seq = batch.firstSeq; seq <= batch.lastSeq(); ++seq)
                seqs.push_back(seq);
            return Status();
        });
        lastSeq = log->lastSeq();
        return status;
    }

    void mustStart(FileLogOptions options = optionsOf(), uint64_t after = 0)
    {
        const Status opened = open(options, after);
        REQUIRE_MESSAGE(opened.ok(), opened.error().text);
        const Status started = log->start();
        REQUIRE_MESSAGE(started.ok(), started.error().text);
    }

    // One entry whose batch has `batchBytes`.
    Status append(uint64_t batchBytes = 512)
    {
        BatchBuilder batch;
        batch.add({1, 0, 0, 0, 0, std::string(batchBytes - batch.bytesWith(0), 'x')});
        REQUIRE(batch.bytes() == batchBytes);
        Status status = log->append(batch, lastSeq, 1);
        if (!status)
            return status;
        const auto committed = log->nextCommitted();
        REQUIRE(committed.has_value());
        CHECK(committed->firstSeq == lastSeq + 1);
        CHECK_FALSE(log->nextCommitted().has_value());
        lastSeq = committed->lastSeq();
        return status;
    }

    void appendMany(int count, uint64_t batchBytes = 512)
    {
        for (int i = 0; i < count; ++i) {
            const Status status = append(batchBytes);
            REQUIRE_MESSAGE(status.ok(), status.error().text);
        }
    }

    Names files(const std::string& suffix) const
    {
        Names found;
        for (const std::string& name : disk->names()) {
            if (name.ends_with(suffix))
                found.push_back(name);
        }
        return found;
    }
    Names segments() const { return files(".seg"); }
    size_t spares() const
    {
        const Names names = disk->names();
        return static_cast<size_t>(std::count_if(names.begin(), names.end(), isSpareName));
    }

    // The folder as a power cut now would leave it, the un-synced lost.
    void crash()
    {
        log.reset();
        disk = disk->afterCrash({});
        directory = disk->directory();
    }
};

SimFailure failing(SimOp::Kind kind, SimFailure::Fault fault, bool forEver = false,
                   const std::string& nameStart = {})
{
    SimFailure failure;
    failure.kind = kind;
    failure.fault = fault;
    failure.forEver = forEver;
    failure.nameStart = nameStart;
    return failure;
}

using Fault = SimFailure::Fault;

Seqs upTo(uint64_t last, uint64_t from = 1)
{
    Seqs seqs;
    for (uint64_t seq = from; seq <= last; ++seq)
        seqs.push_back(seq);
    return seqs;
}

} // namespace

TEST_CASE("an empty folder becomes a history with one segment")
{
    Fixture f;
    f.mustStart();
    CHECK(f.disk->names() == Names{segmentName(1), "identity"});
    CHECK(f.log->lastSeq() == 0);
    CHECK(f.log->startSeq() == 0);
    CHECK_FALSE(f.log->needsNewHistory());
    CHECK(f.log->maxBatchBytes() == kRoom);
    CHECK(f.log->maxPayloadBytes() == kRoom - kBatchHeaderBytes - kEntryHeaderBytes - 8);
    CHECK(f.lines.size() == 0);
}

TEST_CASE("what was appended is replayed, in order, in the same history")
{
    Fixture f;
    f.mustStart();
    const HistoryId history = f.log->history();
    f.appendMany(20);
    CHECK(f.log->appendedBytes() == 20 * 512);
    REQUIRE(f.log->close().ok());
    REQUIRE(f.open().ok());
    CHECK(f.seqs == upTo(20));
    CHECK(f.log->history() == history);
    CHECK(f.lines.empty());
}

TEST_CASE("replay hands out only batches with a seq after the one asked for")
{
    Fixture f;
    f.mustStart();
    f.appendMany(20);
    REQUIRE(f.log->close().ok());
    for (uint64_t after = 0; after <= 20; ++after) {
        CAPTURE(after);
        REQUIRE(f.open(optionsOf(), after).ok());
        CHECK(f.seqs == upTo(20, after + 1));
        CHECK(f.log->lastSeq() == 20);
    }
    // A checkpoint that knows more than the log: something is missing.
    const Status status = f.open(optionsOf(), 21);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::Damaged);
}

TEST_CASE("a batch that others preceded is refused, and nothing is written")
{
    Fixture f;
    f.mustStart();
    f.appendMany(2);
    BatchBuilder batch;
    batch.add({1, 0, 0, 0, 0, "x"});
    const uint64_t operations = f.disk->operations();
    for (const uint64_t expected : {0, 1, 3}) {
        const Status status = f.log->append(batch, expected, 1);
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::Conflict);
    }
    CHECK(f.disk->operations() == operations);
    CHECK(f.append().ok());
}

TEST_CASE("a full segment is followed by the next, named by its first seq")
{
    Fixture f;
    f.mustStart();
    f.appendMany(7); // 7 * 512 fill it to the last byte
    CHECK(f.segments() == Names{segmentName(1)});
    f.appendMany(1);
    CHECK(f.segments() == Names{segmentName(1), segmentName(8)});
    CHECK(f.append(kRoom).ok()); // the largest batch there may be
    CHECK(f.segments() == Names{segmentName(1), segmentName(8), segmentName(9)});
    REQUIRE(f.log->close().ok());
    REQUIRE(f.open().ok());
    CHECK(f.seqs == upTo(9));
}

TEST_CASE("the first segment of a start may be smaller; a batch too large for it goes to the next")
{
    Fixture f;
    FileLogOptions options = optionsOf();
    options.firstSegmentBytes = 1024;
    f.mustStart(options);
    CHECK(f.disk->contents(segmentName(1))->size() == 1024);
    CHECK(f.append(kRoom).ok());
    CHECK(f.segments() == Names{segmentName(1)});
    CHECK(f.disk->contents(segmentName(1))->size() == kSegmentBytes);
    f.crash();
    REQUIRE(f.open(options).ok());
    CHECK(f.seqs == upTo(1));
}

TEST_CASE("the next segment is prepared off the commit thread when half is full")
{
    Fixture f;
    f.mustStart();
    f.appendMany(3);
    CHECK(f.log->prepare().ok());
    CHECK(f.spares() == 0);
    f.appendMany(1);
    CHECK(f.log->prepare().ok());
    CHECK(f.spares() == 1);
    CHECK(f.log->prepare().ok());
    CHECK(f.spares() == 1);
    f.appendMany(3);
    f.disk->setPlan({});
    f.appendMany(1);
    CHECK(f.spares() == 0);
    CHECK(f.disk->count(SimOp::Create) == 0); // the rotation found it ready
    CHECK(f.segments().size() == 2);
}

TEST_CASE("released segments are written again under a new epoch; old bytes never count")
{
    Fixture f;
    f.mustStart();
    f.appendMany(7 * 5);
    CHECK(f.segments().size() == 5);
    CHECK(f.log->release(0).ok());
    CHECK(f.segments().size() == 5);
    CHECK(f.log->release(13).ok()); // seq 14 is still needed
    CHECK(f.segments().size() == 4);
    CHECK(f.log->release(14).ok());
    CHECK(f.segments() == Names{segmentName(15), segmentName(22), segmentName(29)});
    CHECK(f.spares() == 2);
    CHECK(f.log->release(28).ok());
    CHECK(f.segments() == Names{segmentName(29)});
    CHECK(f.spares() == 2); // more are not kept

    f.disk->setPlan({});
    f.appendMany(2);
    CHECK(f.disk->count(SimOp::Create) == 0);
    CHECK(f.segments() == Names{segmentName(29), segmentName(36)});
    f.crash();
    REQUIRE(f.open(optionsOf(), 28).ok());
    CHECK(f.seqs == upTo(37, 29));
    // Behind the end stand whole batches of the earlier life.
    CHECK(f.disk->contents(segmentName(36))->substr(2048, 4) == "FLXB");
}

TEST_CASE("the segment being written is never released")
{
    Fixture f;
    f.mustStart();
    f.appendMany(3);
    CHECK(f.log->release(1000).ok());
    CHECK(f.segments() == Names{segmentName(1)});
    f.appendMany(3);
    f.crash();
    REQUIRE(f.open().ok());
    CHECK(f.seqs == upTo(6));
}

TEST_CASE("without room for the next segment writes get storage_full until there is room")
{
    for (const SimOp::Kind kind : {SimOp::Create, SimOp::Write, SimOp::Sync}) {
        for (const Fault fault : {Fault::NoSpace, Fault::Io}) {
            Fixture f;
            f.mustStart();
            f.appendMany(7);
            f.disk->setPlan({0, {failing(kind, fault, true, "spare-")}});
            for (int i = 0; i < 3; ++i) {
                const Status status = f.append();
                REQUIRE_FALSE(status.ok());
                CHECK(status.error().code == Code::StorageFull);
                CHECK(f.spares() == 0);
            }
            CHECK(f.log->lastSeq() == 7);
            f.disk->setPlan({});
            f.appendMany(5);
            f.crash();
            REQUIRE(f.open().ok());
            CHECK(f.seqs == upTo(12));
        }
    }
}

TEST_CASE("a start without room leaves the folder closed in order")
{
    Fixture f;
    f.mustStart();
    f.appendMany(3);
    REQUIRE(f.log->close().ok());
    REQUIRE(f.open().ok());
    f.disk->setPlan({0, {failing(SimOp::Write, Fault::NoSpace, true, "spare-")}});
    const Status status = f.log->start();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::StorageFull);
    f.disk->setPlan({});
    CHECK(f.files("closed").size() == 1);
    REQUIRE(f.open().ok());
    CHECK(f.seqs == upTo(3));
}

TEST_CASE("a spare that cannot be opened harms nothing")
{
    Fixture f;
    f.mustStart();
    f.appendMany(7);
    f.disk->setPlan({0, {failing(SimOp::Open, Fault::Io)}});
    const Status status = f.append();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::StorageFull);
    f.appendMany(1);
    f.crash();
    REQUIRE(f.open().ok());
    CHECK(f.seqs == upTo(8));
}

TEST_CASE("preparing ahead fails quietly and is done at the rotation")
{
    Fixture f;
    f.mustStart();
    f.appendMany(5);
    f.disk->setPlan({0, {failing(SimOp::Write, Fault::NoSpace)}});
    CHECK_FALSE(f.log->prepare().ok());
    CHECK(f.spares() == 0);
    CHECK(f.log->prepare().ok()); // nothing is due until the next batch
    f.appendMany(1);
    CHECK(f.log->prepare().ok());
    CHECK(f.spares() == 1);
}

TEST_CASE("a failed write of a batch ends all writing until a restart")
{
    for (const Fault fault : {Fault::Io, Fault::NoSpace}) {
        Fixture f;
        f.mustStart();
        f.appendMany(3);
        f.disk->setPlan({0, {failing(SimOp::Write, fault)}});
        const Status failed = f.append();
        REQUIRE_FALSE(failed.ok());
        CHECK(failed.error().code == Code::ReadOnly);
        CHECK(f.lines.size() == 1);
        CHECK_FALSE(f.log->nextCommitted().has_value());
        // The disk is well again; the log is not.
        const uint64_t operations = f.disk->operations();
        for (int i = 0; i < 3; ++i)
            CHECK(f.append().error().code == Code::ReadOnly);
        CHECK(f.log->close().error().code == Code::ReadOnly);
        CHECK(f.disk->operations() == operations);
        f.disk->setPlan({});
        f.crash();
        f.mustStart();
        CHECK(f.seqs == upTo(3));
        f.appendMany(2);
    }
}

TEST_CASE("a rotation that fails half-way ends all writing too")
{
    for (const SimOp::Kind kind : {SimOp::Write, SimOp::Rename, SimOp::SyncFolder}) {
        CAPTURE(static_cast<int>(kind));
        Fixture f;
        f.mustStart();
        f.appendMany(6);
        REQUIRE(f.log->prepare().ok());
        f.appendMany(1);
        f.disk->setPlan({0, {failing(kind, Fault::Io)}});
        CHECK(f.append().error().code == Code::ReadOnly);
        CHECK(f.append().error().code == Code::ReadOnly);
        f.crash();
        f.mustStart();
        CHECK(f.seqs == upTo(7));
        f.appendMany(2);
    }
}

TEST_CASE("a short write is continued")
{
    Fixture f;
    f.mustStart();
    f.disk->setPlan({0, {failing(SimOp::Write, Fault::ShortWrite, true)}});
    f.appendMany(20);
    f.crash();
    REQUIRE(f.open().ok());
    CHECK(f.seqs == upTo(20));
}

TEST_CASE("a batch whose write failed but is still in the cache is written once more at the start")
{
    Fixture f;
    f.mustStart();
    f.appendMany(3);
    f.disk->setPlan({0, {failing(SimOp::Write, Fault::Io)}});
    CHECK(f.append().error().code == Code::ReadOnly);
    f.disk->setPlan({});
    // The process ends, the machine goes on: reads see what the medium does not hold.
    f.mustStart();
    CHECK(f.seqs == upTo(4));
    f.appendMany(1);
    f.crash();
    const Status status = f.open();
    CHECK_MESSAGE(status.ok(), (status ? "" : status.error().text));
    CHECK(f.seqs == upTo(5));
}

TEST_CASE("every start goes on in a fresh segment; an empty one is replaced")
{
    Fixture f;
    for (int i = 0; i < 4; ++i) {
        f.mustStart();
        CHECK(f.segments() == Names{segmentName(1)});
        f.crash();
    }
    f.mustStart();
    f.appendMany(1);
    f.crash();
    f.mustStart();
    CHECK(f.segments() == Names{segmentName(1), segmentName(2)});
    CHECK(f.seqs == upTo(1));
}

TEST_CASE("the closed mark is there from an orderly stop to the next start")
{
    Fixture f;
    f.mustStart();
    f.appendMany(3);
    CHECK(f.files("closed").empty());
    REQUIRE(f.log->close().ok());
    CHECK(f.files("closed").size() == 1);
    CHECK(f.append().error().code == Code::ReadOnly); // nothing goes behind the mark
    f.crash();
    REQUIRE(f.open().ok());
    CHECK(f.files("closed").size() == 1); // not before start()
    CHECK(f.lines.empty());
    REQUIRE(f.log->start().ok());
    CHECK(f.files("closed").empty());
    f.crash();
    CHECK(f.files("closed").empty());
    REQUIRE(f.open().ok());
    CHECK(f.lines.size() == 1);
    CHECK(f.lines[0].find("not closed in order") != std::string::npos);
}

TEST_CASE("a log that ends elsewhere than its closed mark says is damaged")
{
    Fixture f;
    f.mustStart();
    f.appendMany(3);
    REQUIRE(f.log->close().ok());
    const HistoryId history = f.log->history();
    for (const uint64_t lastSeq : {0, 2, 4}) {
        CAPTURE(lastSeq);
        REQUIRE(writeClosedMark(*f.directory, {history, lastSeq}).ok());
        const Status status = f.open();
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::Damaged);
        CHECK(status.error().text.find(segmentName(1) + ": damaged at offset 2048") !=
              std::string::npos);
    }
    // A mark of another history says nothing.
    REQUIRE(writeClosedMark(*f.directory, {newHistoryId(), 99}).ok());
    CHECK(f.open().ok());
    CHECK(f.seqs == upTo(3));
}

TEST_CASE("what is missing or out of place names its file")
{
    const struct {
        const char* what;
        void (*harm)(SimDisk& disk);
        const char* where;
    } cases[] = {
        {"the first segment is gone", [](SimDisk& disk) { disk.removeContents(segmentName(1)); },
         "00000000000000000001.seg: missing"},
        {"one in the middle is gone", [](SimDisk& disk) { disk.removeContents(segmentName(8)); },
         "00000000000000000001.seg: damaged at offset 4096: seq 8 is missing"},
        {"the identity is gone", [](SimDisk& disk) { disk.removeContents("identity"); },
         "identity: missing"},
        {"a segment stands under another's name",
         [](SimDisk& disk) { disk.setContents(segmentName(9), *disk.contents(segmentName(8))); },
         "00000000000000000009.seg: damaged at offset 40"},
        {"a hole in a segment before the last",
         [](SimDisk& disk) {
             std::string bytes = *disk.contents(segmentName(8));
             bytes[512 + 2 * 512 + 100] ^= 1;
             disk.setContents(segmentName(8), bytes);
         },
         "00000000000000000008.seg: damaged at offset 1536: seq 10 is missing"},
        {"a hole in the last one, before a batch that counts",
         [](SimDisk& disk) {
             std::string bytes = *disk.contents(segmentName(15));
             bytes[512 + 100] ^= 1;
             disk.setContents(segmentName(15), bytes);
         },
         "00000000000000000015.seg: damaged at offset 512: a whole batch stands behind it, at "
         "offset 1024"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.what);
        Fixture f;
        f.mustStart();
        f.appendMany(16);
        f.crash();
        c.harm(*f.disk);
        const Status status = f.open();
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::Damaged);
        CAPTURE(status.error().text);
        CHECK(status.error().text.find(c.where) != std::string::npos);
    }
}

TEST_CASE("only the last batch of a log not closed in order may be torn: it is cut, with a line")
{
    Fixture f;
    f.mustStart();
    f.appendMany(3);
    std::string bytes = *f.disk->contents(segmentName(1));
    bytes[512 + 2 * 512 + 100] ^= 1;
    f.disk->setContents(segmentName(1), bytes);
    f.crash();
    f.mustStart();
    CHECK(f.seqs == upTo(2));
    REQUIRE(f.lines.size() == 1);
    CHECK(f.lines[0].find("ends after seq 2 in sim:/00000000000000000001.seg at offset 1536; an "
                          "unfinished batch there was cut") != std::string::npos);
    // The cut bytes stay where they are, and do no harm.
    f.appendMany(2);
    f.crash();
    REQUIRE(f.open().ok());
    CHECK(f.seqs == upTo(4));
}

TEST_CASE("a segment of another history is unused")
{
    Fixture other;
    other.mustStart();
    other.appendMany(3);
    other.crash();

    Fixture f;
    f.mustStart();
    f.appendMany(7 + 2);
    f.crash();
    // As the last one, and among the own.
    for (const uint64_t firstSeq : {1000, 5}) {
        f.disk->setContents(segmentName(firstSeq), *other.disk->contents(segmentName(1)));
        REQUIRE(f.open().ok());
        CHECK(f.seqs == upTo(9));
    }
    REQUIRE(f.log->start().ok());
    f.appendMany(7 * 2);
    CHECK(f.log->release(f.lastSeq).ok());
    CHECK(f.segments().size() <= 2);
}

TEST_CASE("interval and none: a new history only after a stop that was not in order")
{
    for (const Durability durability : {Durability::Interval, Durability::None}) {
        Fixture f;
        f.mustStart(optionsOf(durability));
        const HistoryId first = f.log->history();
        f.appendMany(10);
        REQUIRE(f.log->close().ok());
        f.crash(); // close() has synced
        f.mustStart(optionsOf(durability));
        CHECK(f.seqs == upTo(10));
        CHECK_FALSE(f.log->needsNewHistory());
        CHECK(f.log->history() == first);

        f.appendMany(1);
        CHECK(f.log->sync().ok());
        f.appendMany(1);
        f.crash();
        REQUIRE(f.open(optionsOf(durability)).ok());
        CHECK(f.seqs == upTo(11)); // the one after the sync is lost
        CHECK(f.log->needsNewHistory());

        const HistoryId second = newHistoryId();
        REQUIRE(f.log->switchHistory(second).ok());
        CHECK_FALSE(f.log->needsNewHistory());
        REQUIRE(f.log->start().ok());
        CHECK(f.log->history() == second);
        CHECK(f.log->startSeq() == 11);
        CHECK(f.segments() == Names{segmentName(12)});
        f.appendMany(1);
        CHECK(f.log->sync().ok());
        REQUIRE(f.log->close().ok());
        REQUIRE(f.open(optionsOf(durability), 11).ok());
        CHECK(f.seqs == upTo(12, 12));
        CHECK(f.log->startSeq() == 11);
    }
}

TEST_CASE("whether a new history is needed goes by how the last server wrote, not the next one")
{
    const struct {
        Durability before;
        Durability after;
        bool needed;
    } cases[] = {
        {Durability::Always, Durability::Always, false},
        {Durability::Always, Durability::None, false},
        {Durability::None, Durability::Always, true},
        {Durability::Interval, Durability::Always, true},
        {Durability::Interval, Durability::Interval, true},
    };
    for (const auto& c : cases) {
        Fixture f;
        f.mustStart(optionsOf(c.before));
        f.appendMany(1);
        f.crash();
        REQUIRE(f.open(optionsOf(c.after)).ok());
        CHECK(f.log->needsNewHistory() == c.needed);
    }
}

TEST_CASE("interval: a rotation syncs what it leaves, so that only the last segment may be short")
{
    Fixture f;
    f.mustStart(optionsOf(Durability::Interval));
    f.appendMany(7 + 3);
    f.crash();
    REQUIRE(f.open(optionsOf(Durability::Interval)).ok());
    CHECK(f.seqs == upTo(7));
}

TEST_CASE("interval: a hole in the last segment is cut, whatever stands behind it")
{
    Fixture f;
    f.mustStart(optionsOf(Durability::Interval));
    f.appendMany(5);
    std::string bytes = *f.disk->contents(segmentName(1));
    bytes[512 + 512 + 100] ^= 1;
    f.disk->setContents(segmentName(1), bytes);
    REQUIRE(f.open(optionsOf(Durability::Interval)).ok());
    CHECK(f.seqs == upTo(1));
    CHECK(f.log->needsNewHistory());
}

TEST_CASE("interval: a failed sync ends all writing")
{
    Fixture f;
    f.mustStart(optionsOf(Durability::Interval));
    f.appendMany(1);
    f.disk->setPlan({0, {failing(SimOp::Sync, Fault::Io)}});
    CHECK(f.log->sync().error().code == Code::ReadOnly);
    CHECK(f.append().error().code == Code::ReadOnly);
    CHECK(f.log->close().error().code == Code::ReadOnly);
}

TEST_CASE("spares and half-made spares of an earlier run are removed")
{
    Fixture f;
    f.disk->setContents("spare-0", std::string(kSegmentBytes, '\0'));
    f.disk->setContents("spare-7", "half");
    f.disk->setContents("notes.txt", "not ours");
    f.mustStart();
    CHECK(f.disk->names() == Names{segmentName(1), "identity", "notes.txt"});
}

TEST_CASE("a segment whose recycling failed is never written to")
{
    for (const SimOp::Kind kind : {SimOp::Rename, SimOp::SyncFolder, SimOp::Open}) {
        CAPTURE(static_cast<int>(kind));
        Fixture f;
        f.mustStart();
        f.appendMany(7 * 3);
        f.disk->setPlan({0, {failing(kind, Fault::Io)}});
        CHECK_FALSE(f.log->release(7).ok());
        f.disk->setPlan({});
        f.appendMany(7 * 2);
        // Should the old name have come back, it still holds what it held.
        f.log.reset();
        f.disk = f.disk->afterCrash({});
        f.directory = f.disk->directory();
        REQUIRE(f.disk->contents(segmentName(1)).has_value());
        const Status status = f.open();
        CHECK_MESSAGE(status.ok(), (status ? "" : status.error().text));
        CHECK(f.seqs == upTo(7 * 5));
    }
}

TEST_CASE("preparing, syncing and releasing go on beside the commit thread")
{
    for (const Durability durability : {Durability::Always, Durability::Interval}) {
        Fixture f;
        f.mustStart(optionsOf(durability));
        std::atomic<uint64_t> appended{0};
        std::atomic<bool> ended{false};
        std::atomic<int> failures{0};
        std::thread maintenance([&] {
            while (!ended) {
                failures += f.log->prepare() ? 0 : 1;
                failures += f.log->sync() ? 0 : 1;
                const uint64_t seq = appended;
                failures += f.log->release(seq > 40 ? seq - 40 : 0) ? 0 : 1;
            }
        });
        for (int i = 0; i < 1000; ++i) {
            f.appendMany(1);
            appended = f.lastSeq;
        }
        ended = true;
        maintenance.join();
        CHECK(failures == 0);
        CHECK(f.log->release(960).ok());
        CHECK(f.segments().size() <= 7);
        REQUIRE(f.log->close().ok());
        f.crash();
        REQUIRE(f.open(optionsOf(durability), 960).ok());
        CHECK(f.seqs == upTo(1000, 961));
    }
}
