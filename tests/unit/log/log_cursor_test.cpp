// Reading the log beside its writer: what was appended comes out, or an error that says why not.

#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/sim_clock.h"
#include "io/posix.h"
#include "io/sim.h"
#include "log/file_log.h"
#include "log/memory_log.h"
#include "support/scratch_folder.h"

using namespace fluxion;

namespace {

constexpr uint64_t kSegmentBytes = 4096;
constexpr uint64_t kAll = UINT64_MAX;

FileLogOptions optionsOf(uint64_t retainBytes = kAll, uint64_t segmentBytes = kSegmentBytes)
{
    FileLogOptions options;
    options.segmentBytes = segmentBytes;
    options.firstSegmentBytes = segmentBytes;
    options.retainBytes = retainBytes;
    return options;
}

// An entry's payload tells its seq, so that no other can pass for it.
std::string payloadOf(uint64_t seq, size_t bytes)
{
    std::string payload = std::to_string(seq) + ":";
    while (payload.size() < bytes)
        payload += static_cast<char>('a' + (seq * 31 + payload.size()) % 26);
    return payload;
}

// Appends batches of a few entries; the log's only writer.
struct Writer {
    explicit Writer(Log& to, uint64_t seed = 1) : log(to), random(seed) {}

    Status append(uint32_t count, size_t payloadBytes)
    {
        batch.clear();
        for (uint32_t i = 1; i <= count; ++i)
            batch.add({1, 0, 0, 0, 0, payloadOf(lastSeq + i, payloadBytes)});
        Status status = log.append(batch, lastSeq, 1);
        if (status)
            lastSeq = log.nextCommitted()->lastSeq();
        return status;
    }
    void appendRandom(int batches, size_t maxPayloadBytes)
    {
        for (int i = 0; i < batches; ++i) {
            const auto count = static_cast<uint32_t>(1 + random() % 5);
            const Status status = append(count, random() % maxPayloadBytes);
            REQUIRE_MESSAGE(status.ok(), status.error().text);
        }
    }

    Log& log;
    std::mt19937_64 random;
    BatchBuilder batch;
    uint64_t lastSeq = 0;
};

// Whether the batch is right, and holds or follows `wanted`, the next seq to come.
bool isRight(const BatchView& batch, uint64_t wanted)
{
    if (batch.firstSeq > wanted || batch.lastSeq() < wanted)
        return false;
    EntryCursor entries(batch);
    Entry entry;
    uint64_t seq = 0;
    while (entries.next(seq, entry)) {
        if (entry.payload != payloadOf(seq, entry.payload.size()))
            return false;
    }
    return seq == batch.lastSeq();
}

// Reads on to `through`; the last seq read. Every batch must be right.
Result<uint64_t> readOn(LogCursor& cursor, uint64_t after, uint64_t through)
{
    uint64_t last = after;
    while (true) {
        const auto batch = cursor.next(through);
        if (!batch)
            return batch.error();
        if (!batch.value())
            return last;
        if (!isRight(*batch.value(), last + 1))
            return {Code::Internal, "wrong batch after seq " + std::to_string(last)};
        last = batch.value()->lastSeq();
    }
}

void mustRead(Log& log, uint64_t after, uint64_t through)
{
    CAPTURE(after);
    const auto cursor = log.read(after);
    const auto last = readOn(*cursor, after, through);
    REQUIRE_MESSAGE(last.ok(), (last ? "" : last.error().text));
    CHECK(last.value() == std::max(after, through));
}

Code codeOf(Log& log, uint64_t after, uint64_t through)
{
    const auto cursor = log.read(after);
    const auto last = readOn(*cursor, after, through);
    return last ? Code::Internal : last.error().code;
}

// A folder that counts the bytes read from its files, and those that are open.
class CountingDirectory final : public Directory {
  public:
    explicit CountingDirectory(std::unique_ptr<Directory> directory)
        : m_directory(std::move(directory))
    {
    }
    Result<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) override
    {
        auto file = m_directory->open(name, mode);
        if (!file)
            return file.error();
        return std::unique_ptr<File>(
            std::make_unique<CountingFile>(std::move(file.value()), *this));
    }
    Result<std::vector<std::string>> list() override { return m_directory->list(); }
    Result<bool> exists(const std::string& name) override { return m_directory->exists(name); }
    Status rename(const std::string& from, const std::string& to) override
    {
        return m_directory->rename(from, to);
    }
    Status remove(const std::string& name) override { return m_directory->remove(name); }
    Status sync() override { return m_directory->sync(); }
    const std::string& path() const override { return m_directory->path(); }

    std::atomic<uint64_t> bytesRead{0};
    std::atomic<int> openFiles{0};

  private:
    class CountingFile final : public File {
      public:
        CountingFile(std::unique_ptr<File> file, CountingDirectory& counts)
            : m_file(std::move(file)), m_counts(counts)
        {
            ++m_counts.openFiles;
        }
        ~CountingFile() override { --m_counts.openFiles; }
        Result<size_t> readAt(uint64_t offset, char* out, size_t size) override
        {
            m_counts.bytesRead += size;
            return m_file->readAt(offset, out, size);
        }
        Result<size_t> writeSome(uint64_t offset, std::string_view bytes) override
        {
            return m_file->writeSome(offset, bytes);
        }
        Status sync() override { return m_file->sync(); }
        Result<uint64_t> size() override { return m_file->size(); }
        const std::string& path() const override { return m_file->path(); }

      private:
        std::unique_ptr<File> m_file;
        CountingDirectory& m_counts;
    };

    std::unique_ptr<Directory> m_directory;
};

struct Fixture {
    std::shared_ptr<SimDisk> disk = SimDisk::create();
    std::unique_ptr<CountingDirectory> directory =
        std::make_unique<CountingDirectory>(disk->directory());
    SimClock clock;
    std::unique_ptr<FileLog> log;
    std::optional<Writer> writer;

    void start(FileLogOptions options = optionsOf(), uint64_t after = 0)
    {
        log.reset();
        auto opened = FileLog::open(*directory, options, clock, nullSink());
        REQUIRE(opened.ok());
        log = std::move(opened.value());
        const Status status = log->replay(after, [](const BatchView&) { return Status(); });
        REQUIRE_MESSAGE(status.ok(), status.error().text);
        REQUIRE(log->start().ok());
        writer.emplace(*log);
        writer->lastSeq = log->lastSeq();
    }
    std::vector<std::string> segments() const
    {
        std::vector<std::string> found;
        for (const std::string& name : disk->names()) {
            if (name.ends_with(".seg"))
                found.push_back(name);
        }
        return found;
    }
    uint64_t bytesRead(const std::function<void()>& run)
    {
        directory->bytesRead = 0;
        run();
        return directory->bytesRead;
    }
};

} // namespace

TEST_CASE("cursor: what was appended comes out, from every position, across segments")
{
    for (const uint64_t seed : {1, 2, 3}) {
        Fixture f;
        f.start();
        f.writer->random.seed(seed);
        f.writer->appendRandom(120, 600);
        CHECK(f.segments().size() > 5);
        for (uint64_t after = 0; after <= f.writer->lastSeq; ++after)
            mustRead(*f.log, after, f.writer->lastSeq);
        CHECK(f.log->oldestSeq() == 1);
        CHECK(f.log->heldBytes() == f.segments().size() * kSegmentBytes);
    }
}

TEST_CASE("cursor: goes as far as it was told, then on")
{
    Fixture f;
    f.start();
    const auto cursor = f.log->read(0);
    uint64_t last = 0;
    for (int i = 0; i < 200; ++i) {
        f.writer->appendRandom(1 + i % 3, 600);
        const auto read = readOn(*cursor, last, f.writer->lastSeq);
        REQUIRE_MESSAGE(read.ok(), (read ? "" : read.error().text));
        CHECK(read.value() == f.writer->lastSeq);
        last = read.value();
        CHECK_FALSE(cursor->next(last).value().has_value());
    }
    // One at the end waits for what comes, also beyond it.
    const auto ahead = f.log->read(last + 3);
    CHECK_FALSE(ahead->next(last).value().has_value());
    CHECK(f.writer->append(5, 10).ok());
    const auto batch = ahead->next(f.writer->lastSeq);
    REQUIRE(batch.ok());
    REQUIRE(batch.value().has_value());
    CHECK(batch.value()->firstSeq == last + 1);
}

TEST_CASE("cursor: reads after a restart what was kept from before")
{
    Fixture f;
    f.start();
    f.writer->appendRandom(60, 600);
    const uint64_t before = f.writer->lastSeq;
    CHECK(f.log->release(before).ok());
    for (int restart = 0; restart < 3; ++restart) {
        f.log.reset();
        // Recovery reads no more of the old segments than their headers.
        const uint64_t bytes =
            f.bytesRead([&] { f.start(optionsOf(), before > 30 ? before - 1 : 0); });
        CHECK(bytes < f.segments().size() * kSegmentHeaderBytes + 3 * kSegmentBytes);
        f.writer->appendRandom(1, 100);
        CHECK(f.log->oldestSeq() == 1);
        for (uint64_t after = 0; after <= f.writer->lastSeq; after += 7)
            mustRead(*f.log, after, f.writer->lastSeq);
    }
}

TEST_CASE("retention: by bytes, by age, and never what recovery needs")
{
    Fixture f;
    FileLogOptions options = optionsOf(4 * kSegmentBytes);
    options.retainUs = 1'000'000;
    f.start(options);
    f.writer->appendRandom(100, 600);
    const size_t all = f.segments().size();
    REQUIRE(all > 8);
    CHECK(f.log->release(0).ok());
    CHECK(f.segments().size() == all);
    CHECK(f.log->release(f.writer->lastSeq).ok());
    CHECK(f.segments().size() == 4);
    CHECK(f.log->heldBytes() == 4 * kSegmentBytes);
    const uint64_t oldest = f.log->oldestSeq();
    CHECK(f.segments()[0] == segmentName(oldest));
    mustRead(*f.log, oldest - 1, f.writer->lastSeq);
    CHECK(codeOf(*f.log, oldest - 2, f.writer->lastSeq) == Code::Compacted);
    CHECK(codeOf(*f.log, 0, f.writer->lastSeq) == Code::Compacted);

    // The age of a segment is that of the next one's beginning.
    f.clock.advanceUs(1'000'001);
    CHECK(f.log->release(oldest - 1).ok()); // all of it is needed
    CHECK(f.segments().size() == 4);
    f.writer->appendRandom(12, 600);
    const uint64_t begun = f.writer->lastSeq;
    CHECK(f.log->release(begun).ok());
    for (const std::string& name : f.segments())
        CAPTURE(name);
    CHECK(f.log->oldestSeq() > oldest);
    mustRead(*f.log, f.log->oldestSeq() - 1, begun);
    f.clock.advanceUs(2'000'000);
    CHECK(f.log->release(begun).ok());
    CHECK(f.segments().size() == 1);
    CHECK(f.log->release(begun).ok());
}

TEST_CASE("retention: without limits everything stays; with none by age, bytes still count")
{
    Fixture f;
    FileLogOptions options = optionsOf(8 * kSegmentBytes);
    options.retainUs = 0;
    f.start(options);
    f.writer->appendRandom(100, 600);
    f.clock.advanceUs(int64_t{100} * 365 * 86400 * 1'000'000);
    CHECK(f.log->release(f.writer->lastSeq).ok());
    CHECK(f.segments().size() == 8);
}

TEST_CASE("cursor: one that stands in a recycled segment reads the right bytes or none")
{
    Fixture f;
    f.start(optionsOf(0));
    f.writer->appendRandom(10, 600);
    std::vector<std::unique_ptr<LogCursor>> cursors;
    std::vector<uint64_t> lasts;
    for (uint64_t after = 0; after + 1 < f.writer->lastSeq; ++after) {
        cursors.push_back(f.log->read(after));
        const auto batch = cursors.back()->next(f.writer->lastSeq);
        REQUIRE(batch.ok());
        REQUIRE(isRight(*batch.value(), after + 1));
        lasts.push_back(batch.value()->lastSeq());
        if (after % 2 == 0)
            cursors.back()->rest();
    }
    int compacted = 0;
    for (int round = 0; round < 30; ++round) {
        f.writer->appendRandom(3, 600);
        CHECK(f.log->release(f.writer->lastSeq).ok());
    }
    for (size_t i = 0; i < cursors.size(); ++i) {
        const auto last = readOn(*cursors[i], lasts[i], f.writer->lastSeq);
        REQUIRE_FALSE(last.ok());
        CHECK(last.error().code == Code::Compacted);
        ++compacted;
    }
    CHECK(compacted > 10);
}

TEST_CASE("cursor: at rest it keeps no file open, and goes on where it stood")
{
    Fixture f;
    f.start();
    f.writer->appendRandom(30, 600);
    const int before = f.directory->openFiles;
    const auto cursor = f.log->read(0);
    uint64_t last = 0;
    for (int round = 0; round < 3; ++round) {
        while (last < f.writer->lastSeq) {
            const auto batch = cursor->next(f.writer->lastSeq);
            REQUIRE(batch.ok());
            REQUIRE(batch.value());
            cursor->rest();
            CHECK(f.directory->openFiles == before);
            REQUIRE(isRight(*batch.value(), last + 1)); // the view is there, the file is not
            last = batch.value()->lastSeq();
        }
        REQUIRE_FALSE(cursor->next(last).value());
        f.writer->appendRandom(5, 600);
    }
}

TEST_CASE("cursor: a failed recycling leaves no gap")
{
    for (const SimOp::Kind kind : {SimOp::Rename, SimOp::Open}) {
        Fixture f;
        f.start(optionsOf(0));
        f.writer->appendRandom(60, 600);
        SimFailure failure;
        failure.kind = kind;
        f.disk->setPlan({0, {failure}});
        CHECK_FALSE(f.log->release(f.writer->lastSeq).ok());
        f.disk->setPlan({});
        CHECK(f.log->oldestSeq() == 1);
        mustRead(*f.log, 0, f.writer->lastSeq);
        CHECK(f.log->release(f.writer->lastSeq).ok());
        CHECK(f.segments().size() == 1);
    }
}

TEST_CASE("cursor: a batch larger than a piece, and lookups in the middle")
{
    constexpr uint64_t kLargeSegment = 8 * 1024 * 1024;
    Fixture f;
    f.start(optionsOf(kAll, kLargeSegment));
    f.writer->appendRandom(2000, 1500);
    CHECK(f.writer->append(1, 3 * 1024 * 1024).ok());
    CHECK(f.writer->append(3, 1024 * 1024).ok());
    f.writer->appendRandom(2000, 1500);
    const uint64_t lastSeq = f.writer->lastSeq;
    CHECK(f.segments().size() >= 2);
    mustRead(*f.log, 0, lastSeq);

    const auto lookUp = [&](uint64_t seq) {
        return f.bytesRead([&] {
            const auto cursor = f.log->read(seq - 1);
            const auto batch = cursor->next(lastSeq);
            REQUIRE(batch.ok());
            REQUIRE(isRight(*batch.value(), seq));
        });
    };
    for (uint64_t seq = 1; seq < 4000; seq += 97) {
        CAPTURE(seq);
        CHECK(lookUp(seq) <= 100 * 1024);
    }
    // After a restart the first one finds its way, and the next ones know it.
    f.start(optionsOf(kAll, kLargeSegment));
    CHECK(lookUp(3500) > 256 * 1024);
    for (uint64_t seq = 1; seq < 3400; seq += 97) {
        CAPTURE(seq);
        CHECK(lookUp(seq) <= 100 * 1024);
    }
}

TEST_CASE("cursor: damage in a retained segment is told with file and offset")
{
    const struct {
        const char* what;
        size_t offset;
        char flip;
    } cases[] = {{"magic", 0, 1},    {"epoch", 8, 4},          {"first seq", 16, 1},
                 {"length", 28, 64}, {"length, huge", 31, 64}, {"payload", 100, 1}};
    for (const auto& c : cases) {
        CAPTURE(c.what);
        Fixture f;
        f.start();
        for (int i = 0; i < 40; ++i)
            CHECK(f.writer->append(1, 432).ok()); // batches of 504 bytes
        const std::string name = f.segments()[2];
        std::string bytes = *f.disk->contents(name);
        const size_t at = kSegmentHeaderBytes + 3 * 504;
        REQUIRE(bytes.substr(at, 4) == "FLXB");
        bytes[at + c.offset] = static_cast<char>(bytes[at + c.offset] ^ c.flip);
        f.disk->setContents(name, bytes);
        const auto cursor = f.log->read(0);
        const auto last = readOn(*cursor, 0, f.writer->lastSeq);
        REQUIRE_FALSE(last.ok());
        CHECK(last.error().code == Code::Damaged);
        CHECK(last.error().text ==
              "sim:/" + name + ": damaged at offset " + std::to_string(at) + ": seq 18 is missing");
        mustRead(*f.log, 30, f.writer->lastSeq);
    }
}

TEST_CASE("cursor: a read that fails is told, and a segment that is gone is not mistaken")
{
    Fixture f;
    f.start();
    f.writer->appendRandom(30, 600);
    for (const SimOp::Kind kind : {SimOp::Open, SimOp::Read}) {
        SimFailure failure;
        failure.kind = kind;
        f.disk->setPlan({0, {failure}});
        CHECK(codeOf(*f.log, 0, f.writer->lastSeq) == Code::Io);
        f.disk->setPlan({});
    }
}

TEST_CASE("cursor: reads beside a thread that appends and releases")
{
    for (const bool posix : {false, true}) {
        const ScratchFolder scratch;
        const auto disk = SimDisk::create();
        const auto directory =
            posix ? std::move(openDirectory(scratch.path()).value()) : disk->directory();
        SimClock clock;
        auto opened = FileLog::open(*directory, optionsOf(6 * kSegmentBytes), clock, nullSink());
        REQUIRE(opened.ok());
        FileLog& log = *opened.value();
        REQUIRE(log.replay(0, [](const BatchView&) { return Status(); }).ok());
        REQUIRE(log.start().ok());

        std::atomic<uint64_t> applied{0};
        std::atomic<bool> ended{false};
        std::atomic<int> failures{0};
        std::thread maintenance([&] {
            while (!ended) {
                failures += log.prepare() ? 0 : 1;
                failures += log.release(applied) ? 0 : 1;
            }
        });
        std::atomic<uint64_t> compacted{0}, batches{0}, wrong{0};
        const auto readAll = [&](bool fromTheStart) {
            uint64_t last = 0;
            auto cursor = log.read(last);
            while (true) {
                const bool lastRound = ended;
                const uint64_t through = applied;
                const auto batch = cursor->next(through);
                if (!batch) {
                    wrong += batch.error().code == Code::Compacted ? 0 : 1;
                    ++compacted;
                } else if (batch.value()) {
                    wrong += isRight(*batch.value(), last + 1) ? 0 : 1;
                    last = batch.value()->lastSeq();
                    ++batches;
                } else if (lastRound && last == through) {
                    return;
                }
                if (!batch || (fromTheStart && !lastRound && batches % 50 == 49)) {
                    last = log.oldestSeq() - 1;
                    cursor = log.read(last);
                }
            }
        };
        std::thread follower([&] { readAll(false); });
        std::thread historian([&] { readAll(true); });
        Writer writer(log);
        // Longer where the readers are late.
        const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(4);
        for (int i = 0; i < 3000 || (batches < 200 && std::chrono::steady_clock::now() < limit);
             ++i) {
            const auto count = static_cast<uint32_t>(1 + writer.random() % 4);
            failures += writer.append(count, writer.random() % 500) ? 0 : 1;
            applied = writer.lastSeq;
        }
        ended = true;
        maintenance.join();
        follower.join();
        historian.join();
        CHECK(failures == 0);
        CHECK(wrong == 0);
        CHECK(batches >= 200);
        const std::string where = posix ? "files" : "simulated";
        MESSAGE(where << ": " << batches.load() << " batches read, " << compacted.load()
                      << " times compacted");
    }
}

TEST_CASE("the index of segments is bounded: it drops what was unused for longest")
{
    SegmentIndex index(10);
    for (uint64_t segment = 1; segment <= 5; ++segment) {
        for (uint64_t i = 1; i <= 4; ++i)
            index.add(segment, {segment * 100 + i, i * kIndexStepBytes});
        (void)index.find(1, 0);
        CHECK(index.places() <= 10);
    }
    CHECK(index.find(1, 103).at.seq == 103);
    CHECK(index.find(1, 103).next.seq == 104);
    CHECK(index.find(1, 100).at.offset == 0);
    CHECK(index.find(1, 100).next.seq == 101);
    CHECK(index.find(2, 203).at.offset == 0);
    CHECK(index.find(5, 599).at.seq == 504);
    CHECK(index.find(5, 599).next.offset == 0);
    // Not closer together than the step, in any order.
    index.forget(1);
    index.add(5, {505, 4 * kIndexStepBytes + 100});
    CHECK(index.find(5, 599).at.seq == 504);
    index.add(1, {120, 9 * kIndexStepBytes});
    index.add(1, {110, 5 * kIndexStepBytes});
    CHECK(index.find(1, 115).at.seq == 110);
    CHECK(index.find(1, 115).next.seq == 120);
}

TEST_CASE("memory log: keeps so many bytes, and a cursor's batch as long as it stands there")
{
    constexpr uint64_t kRetain = 20'000;
    MemoryLog log(1 << 20, kRetain);
    CHECK(log.oldestSeq() == 1);
    Writer writer(log);
    std::unique_ptr<LogCursor> standing;
    std::optional<BatchView> first;
    for (int i = 0; i < 500; ++i) {
        writer.appendRandom(1, 900);
        CHECK(log.heldBytes() <= kRetain);
        mustRead(log, log.oldestSeq() - 1, writer.lastSeq);
        if (!standing) {
            standing = log.read(0);
            first = standing->next(writer.lastSeq).value();
            REQUIRE(first.has_value());
        }
    }
    CHECK(log.heldBytes() > kRetain - 5000);
    CHECK(log.oldestSeq() > 100);
    CHECK(isRight(*first, 1));
    CHECK(standing->next(writer.lastSeq).status().error().code == Code::Compacted);
    CHECK(codeOf(log, log.oldestSeq() - 2, writer.lastSeq) == Code::Compacted);
    for (uint64_t after = log.oldestSeq() - 1; after <= writer.lastSeq + 2; ++after)
        mustRead(log, after, writer.lastSeq);

    // One batch larger than all that is kept.
    CHECK(writer.append(2, kRetain).ok());
    CHECK(log.heldBytes() == 0);
    CHECK(log.oldestSeq() == writer.lastSeq + 1);
    CHECK(codeOf(log, writer.lastSeq - 1, writer.lastSeq) == Code::Compacted);
    MemoryLog none(1 << 20, 0);
    Writer other(none);
    CHECK(other.append(2, 10).ok());
    CHECK(none.oldestSeq() == 3);
    CHECK(codeOf(none, 0, 2) == Code::Compacted);
}

TEST_CASE("memory log: reads beside the thread that appends")
{
    MemoryLog log(1 << 20, 30'000);
    std::atomic<uint64_t> applied{0};
    std::atomic<bool> ended{false};
    std::atomic<int> wrong{0};
    std::thread reader([&] {
        uint64_t last = 0;
        auto cursor = log.read(last);
        while (true) {
            const bool lastRound = ended;
            const uint64_t through = applied;
            const auto batch = cursor->next(through);
            if (batch && !batch.value() && lastRound && last == through)
                return;
            if (!batch) {
                wrong += batch.error().code == Code::Compacted ? 0 : 1;
                last = log.oldestSeq() - 1;
                cursor = log.read(last);
            } else if (batch.value()) {
                wrong += isRight(*batch.value(), last + 1) ? 0 : 1;
                last = batch.value()->lastSeq();
            }
        }
    });
    Writer writer(log);
    for (int i = 0; i < 5000; ++i) {
        writer.appendRandom(1, 300);
        applied = writer.lastSeq;
    }
    ended = true;
    reader.join();
    CHECK(wrong == 0);
}
