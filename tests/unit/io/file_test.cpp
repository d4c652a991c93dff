// The contract of io/file.h, asked of both disks, and the three functions on top of it.

#include <doctest/doctest.h>

#include "io/file.h"
#include "io/posix.h"
#include "io/sim.h"
#include "support/scratch_folder.h"

using namespace fluxion;

namespace {

std::string readAll(Directory& directory, const std::string& name)
{
    auto file = directory.open(name, OpenMode::Read);
    REQUIRE(file.ok());
    auto bytes = readWhole(*file.value(), 1 << 20);
    REQUIRE(bytes.ok());
    return bytes.value();
}

void put(Directory& directory, const std::string& name, std::string_view bytes)
{
    auto file = directory.open(name, OpenMode::Create);
    REQUIRE(file.ok());
    REQUIRE(writeFully(*file.value(), 0, bytes).ok());
}

using Names = std::vector<std::string>;

void checkNames(Directory& d)
{
    put(d, "b", "bee");
    put(d, "a", "ay");
    CHECK(d.list().value() == Names{"a", "b"});
    CHECK(d.exists("a").value());
    CHECK_FALSE(d.exists("c").value());
    CHECK(d.open("a", OpenMode::Create).error().code == Code::Io);
    CHECK(d.open("a", OpenMode::CreateDurable).error().code == Code::Io);
    CHECK(d.open("c", OpenMode::Read).error().code == Code::Io);
    CHECK(d.open("c", OpenMode::Write).error().code == Code::Io);
    CHECK(d.open("c", OpenMode::WriteDurable).error().code == Code::Io);
    CHECK(d.list().value() == Names{"a", "b"});

    CHECK(d.rename("b", "a").ok());
    CHECK(d.list().value() == Names{"a"});
    CHECK(readAll(d, "a") == "bee");
    CHECK(d.rename("b", "c").error().code == Code::Io);
    CHECK(d.remove("b").error().code == Code::Io);
    CHECK(d.rename("a", "a").ok());
    CHECK(readAll(d, "a") == "bee");
    CHECK(d.remove("a").ok());
    CHECK(d.list().value().empty());
    CHECK(d.sync().ok());
    for (const std::string bad : {"", ".", "..", "a/b", "/a"}) {
        CAPTURE(bad);
        CHECK(d.open(bad, OpenMode::Create).error().code == Code::Io);
        CHECK_FALSE(d.exists(bad).ok());
        CHECK_FALSE(d.remove(bad).ok());
        CHECK_FALSE(d.rename(bad, "x").ok());
        CHECK_FALSE(d.rename("x", bad).ok());
    }
    CHECK_FALSE(d.open(std::string("a\0b", 3), OpenMode::Create).ok());
}

void checkContent(Directory& d, OpenMode create, OpenMode reopen)
{
    auto file = d.open("f", create);
    REQUIRE(file.ok());
    File& f = *file.value();
    CHECK(f.path() == d.path() + "/f");
    CHECK(f.size().value() == 0);
    char out[16] = {};
    CHECK(f.readAt(0, out, sizeof out).value() == 0);
    CHECK(writeFully(f, 4, "wxyz").ok());
    CHECK(f.size().value() == 8);
    CHECK(f.readAt(0, out, sizeof out).value() == 8);
    CHECK(std::string(out, 8) == std::string("\0\0\0\0wxyz", 8));
    CHECK(writeFully(f, 1, "abcd").ok());
    CHECK(f.sync().ok());
    CHECK(f.readAt(3, out, 2).value() == 2);
    CHECK(std::string(out, 2) == "cd");
    CHECK(f.readAt(7, out, 5).value() == 1);
    CHECK(f.readAt(8, out, 5).value() == 0);
    CHECK(f.readAt(900, out, 5).value() == 0);
    CHECK(writeFully(f, 0, "").ok());

    auto again = d.open("f", reopen);
    REQUIRE(again.ok());
    CHECK(writeFully(*again.value(), 0, "A").ok());
    CHECK(f.readAt(0, out, 1).value() == 1);
    CHECK(out[0] == 'A');

    auto reader = d.open("f", OpenMode::Read);
    REQUIRE(reader.ok());
    CHECK(reader.value()->writeSome(0, "no").error().code == Code::Io);

    // An open file goes on living without its name.
    CHECK(d.remove("f").ok());
    CHECK(readWhole(*reader.value(), 8).value() == std::string("Aabcdxyz", 8));
}

// Writes at most `step` bytes at a time; from call `failAt` on it fails (0: never).
class SlowFile : public File {
  public:
    SlowFile(size_t step, size_t failAt) : m_step(step), m_failAt(failAt) {}
    Result<size_t> readAt(uint64_t offset, char* out, size_t size) override
    {
        return m_bytes.copy(out, size, offset);
    }
    Result<size_t> writeSome(uint64_t offset, std::string_view bytes) override
    {
        if (++m_calls == m_failAt)
            return {Code::StorageFull, "full"};
        const size_t n = std::min(m_step, bytes.size());
        m_bytes.resize(std::max<size_t>(m_bytes.size(), offset + n));
        m_bytes.replace(offset, n, bytes.substr(0, n));
        return n;
    }
    Status sync() override { return {}; }
    Result<uint64_t> size() override { return m_bytes.size(); }
    const std::string& path() const override { return m_path; }
    size_t calls() const { return m_calls; }

  private:
    std::string m_bytes;
    std::string m_path = "slow";
    size_t m_step;
    size_t m_failAt;
    size_t m_calls = 0;
};

} // namespace

TEST_CASE("both disks keep the contract of Directory and File")
{
    const ScratchFolder scratch;
    const auto posix = openDirectory(scratch.path());
    REQUIRE(posix.ok());
    const auto sim = SimDisk::create()->directory();
    for (Directory* d : {posix.value().get(), sim.get()}) {
        CAPTURE(d->path());
        checkNames(*d);
        checkContent(*d, OpenMode::Create, OpenMode::Write);
        checkContent(*d, OpenMode::CreateDurable, OpenMode::WriteDurable);
    }
}

TEST_CASE("writeFully continues short writes and ends at errors")
{
    struct Row {
        std::string name;
        size_t step;
        size_t failAt;
        bool ok;
        Code code;
        size_t calls;
        const char* content;
    };
    const Row rows[] = {
        {"all at once", 100, 0, true, Code::Io, 1, "..hello world"},
        {"byte by byte", 1, 0, true, Code::Io, 11, "..hello world"},
        {"four at a time", 4, 0, true, Code::Io, 3, "..hello world"},
        {"an error at once", 4, 1, false, Code::StorageFull, 1, ""},
        {"an error later is not retried", 4, 2, false, Code::StorageFull, 2, "..hell"},
        {"no progress is an error", 0, 0, false, Code::Io, 1, ".."},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        SlowFile file(row.step, row.failAt);
        const Status done = writeFully(file, 2, "hello world");
        CHECK(done.ok() == row.ok);
        if (!row.ok)
            CHECK(done.error().code == row.code);
        CHECK(file.calls() == row.calls);
        std::string content = readWhole(file, 100).value();
        std::replace(content.begin(), content.end(), '\0', '.');
        CHECK(content == row.content);
    }
}

TEST_CASE("readWhole has a limit")
{
    const auto disk = SimDisk::create();
    disk->setContents("f", "0123456789");
    const auto d = disk->directory();
    const auto file = d->open("f", OpenMode::Read);
    CHECK(readWhole(*file.value(), 10).value() == "0123456789");
    const auto refused = readWhole(*file.value(), 9);
    CHECK(refused.error().code == Code::TooLarge);
    CHECK(refused.error().text.find("sim:/f") != std::string::npos);
    SimPlan plan;
    plan.failures.push_back({SimOp::Read, 2});
    disk->setPlan(plan);
    CHECK(readWhole(*file.value(), 10).error().code == Code::Io);
}

TEST_CASE("replaceFile: after a crash at any step the old or the new content is there")
{
    for (const bool leftover : {false, true}) {
        const auto start = SimDisk::create();
        start->setContents("f", "old");
        if (leftover)
            start->setContents("f.tmp", "of an earlier crash");
        size_t states = 0;
        uint64_t steps = 0;
        start->setHook([&](const SimOp& op) {
            ++steps;
            for (const Survival& s : start->survivals()) {
                CAPTURE(describe(op));
                CAPTURE(describe(s));
                const std::string found = start->afterCrash(s)->contents("f").value_or("(gone)");
                CHECK((found == "old" || found == "newer"));
                ++states;
            }
        });
        CHECK(replaceFile(*start->directory(), "f", "newer").ok());
        CHECK(steps == (leftover ? 6 : 5));
        CHECK(states >= 25);
        CHECK(start->names() == Names{"f"});
        for (const Survival& s : start->survivals())
            CHECK(start->afterCrash(s)->contents("f") == "newer");
    }
}

TEST_CASE("replaceFile: a failed step is told, and leaves the old content and no temporary file")
{
    struct Row {
        std::string name;
        SimOp::Kind kind;
        SimFailure::Fault fault;
        Code code;
        const char* content;
    };
    using enum SimFailure::Fault;
    const Row rows[] = {
        {"create", SimOp::Create, NoSpace, Code::StorageFull, "old"},
        {"write", SimOp::Write, NoSpace, Code::StorageFull, "old"},
        {"sync", SimOp::Sync, Io, Code::Io, "old"},
        {"rename", SimOp::Rename, Io, Code::Io, "old"},
        {"exists", SimOp::List, Io, Code::Io, "old"},
        {"folder sync: already renamed", SimOp::SyncFolder, Io, Code::Io, "newer"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const auto disk = SimDisk::create();
        disk->setContents("f", "old");
        SimPlan plan;
        plan.failures.push_back({row.kind, 1, false, row.fault});
        disk->setPlan(plan);
        const Status done = replaceFile(*disk->directory(), "f", "newer");
        REQUIRE_FALSE(done.ok());
        CHECK(done.error().code == row.code);
        CHECK(disk->names() == Names{"f"});
        CHECK(disk->contents("f") == row.content);
    }
    const auto disk = SimDisk::create();
    SimPlan plan;
    plan.failures.push_back({SimOp::Write, 1, false, SimFailure::Fault::ShortWrite});
    disk->setPlan(plan);
    CHECK(replaceFile(*disk->directory(), "f", "newer").ok());
    CHECK(disk->contents("f") == "newer");
    CHECK(disk->count(SimOp::Write) == 2);
}
