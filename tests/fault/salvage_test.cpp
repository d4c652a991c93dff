// Damaged folders: verifying finds what a start refuses, and a salvage goes on with exactly what is
// whole, keeps every byte of the rest, and may lose power at any step.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/salvage.h"
#include "engine/verify.h"
#include "fault/sim_server.h"

using namespace fluxion;

namespace {

using Files = std::map<std::string, std::string>;

EngineOptions optionsOf(bool salvage, uint64_t retainBytes = 0)
{
    EngineOptions options = faultOptions();
    options.log.segmentBytes = 3072;
    options.log.firstSegmentBytes = 3072;
    options.log.retainBytes = retainBytes;
    options.salvage = salvage;
    return options;
}

Deed setKey(int number)
{
    Deed change;
    change.collection = number % 2 == 0 ? "a" : "b";
    change.name = "key " + std::to_string(number % 7);
    change.value = std::string(400, static_cast<char>('a' + number % 26));
    return change;
}

Files filesOf(const SimDisk& disk)
{
    Files files;
    for (const std::string& name : disk.names())
        files[name] = *disk.contents(name);
    return files;
}

// Checkpoints of seqs 10 and 20, the log up to seq 31; segments begin with 1, 7, 12, 17, 22, 27.
struct Folder {
    std::shared_ptr<SimDisk> disk = SimDisk::create();
    std::vector<uint64_t> hashes; // by seq
    std::string history;
    Files files;

    explicit Folder(bool closed, uint64_t retainBytes = 0)
    {
        SimServer server(disk, optionsOf(false, retainBytes));
        REQUIRE(server.open().ok());
        history = server.engine().history();
        hashes.push_back(server.hash());
        for (int seq = 1; seq <= 31; ++seq) {
            Deed change = setKey(seq);
            if (seq == 5) {
                change.kind = Deed::Kind::SetApiKey;
                change.apiKey = 1;
            }
            REQUIRE(server.submit({change})[0].status.ok());
            REQUIRE(server.engine().appliedSeq() == static_cast<uint64_t>(seq));
            hashes.push_back(server.hash());
            if (seq == 10 || seq == 20)
                REQUIRE(server.engine().checkpoint().ok());
        }
        if (closed) {
            // Without the checkpoint of the stop the log still has something to tell.
            SimFailure full;
            full.kind = SimOp::Create;
            full.nameStart = "checkpoint";
            full.fault = SimFailure::Fault::NoSpace;
            disk->setPlan({0, {full}});
            REQUIRE(server.stop().ok());
        }
        release();
    }

    void release()
    {
        disk = disk->afterCrash({});
        files = filesOf(*disk);
    }
    std::string checkpoint(uint64_t seq) const
    {
        for (const auto& [name, bytes] : files) {
            if (name.starts_with("checkpoint-") && std::stoull(name.substr(11, 20)) == seq)
                return name;
        }
        return {};
    }
    std::string segmentOf(uint64_t seq) const
    {
        std::string found;
        for (const auto& [name, bytes] : files) {
            uint64_t firstSeq = 0;
            if (parseSegmentName(name, firstSeq) && firstSeq <= seq)
                found = name;
        }
        return found;
    }
    // Where the batch of `seq` begins in its segment.
    size_t offsetOf(uint64_t seq) const
    {
        const std::string& bytes = files.at(segmentOf(seq));
        size_t at = kSegmentHeaderBytes;
        uint64_t epoch = 0;
        bytes.copy(reinterpret_cast<char*>(&epoch), 8, 16);
        while (const auto batch = readBatch(std::string_view(bytes).substr(at), epoch)) {
            if (batch->lastSeq() >= seq)
                return at;
            at += batch->bytes;
        }
        FAIL("no such batch");
        return 0;
    }
    void flip(const std::string& name, size_t at)
    {
        files[name][at] = static_cast<char>(files[name][at] ^ 0x10);
        disk->setContents(name, files[name]);
    }
    void remove(const std::string& name)
    {
        files.erase(name);
        disk->removeContents(name);
    }
};

uint64_t faultsOf(const std::shared_ptr<SimDisk>& disk, std::vector<std::string>* lines = nullptr)
{
    disk->setPlan({});
    const auto directory = disk->directory();
    const auto faults = verifyFolder(*directory, [&](std::string_view line) {
        if (lines)
            lines->emplace_back(line);
    });
    REQUIRE_MESSAGE(faults.ok(), (faults ? "" : faults.error().text));
    CHECK(disk->operations() == 0);
    return faults.value();
}

// Files of the damaged folder whose bytes are no longer there, under whatever name.
std::vector<std::string> lostFiles(const Files& before, const SimDisk& disk)
{
    const Files after = filesOf(disk);
    std::vector<std::string> lost;
    for (const auto& [name, bytes] : before) {
        const bool kept = std::any_of(after.begin(), after.end(), [&](const auto& file) {
            return (file.first == name || file.first.ends_with("Z-" + name)) &&
                   file.second == bytes;
        });
        if (!kept && !isSpareName(name))
            lost.push_back(name);
    }
    return lost;
}

bool tells(const SimServer& server, const std::string& words)
{
    return std::any_of(server.lines().begin(), server.lines().end(), [&](const std::string& line) {
        return line.find(words) != std::string::npos;
    });
}

struct Case {
    std::string what;
    bool closed;
    uint64_t retainBytes;
    void (*harm)(Folder& folder);
    uint64_t lastSeq; // of what is whole
};

const Case kCases[] = {
    {"a flipped bit in the middle of the log", false, 0,
     [](Folder& f) { f.flip(f.segmentOf(23), f.offsetOf(23) + 60); }, 22},
    {"the same, of a log closed in order", true, 0,
     [](Folder& f) { f.flip(f.segmentOf(23), f.offsetOf(23) + 60); }, 22},
    {"a flipped bit in the first batch that is needed", true, 0,
     [](Folder& f) { f.flip(f.segmentOf(21), f.offsetOf(21) + 60); }, 20},
    {"a flipped bit in a segment's header", true, 0, [](Folder& f) { f.flip(f.segmentOf(23), 20); },
     21},
    {"a missing segment", false, 0, [](Folder& f) { f.remove(f.segmentOf(23)); }, 21},
    {"a log that ends before its clean stop", true, 0, [](Folder& f) { f.remove(f.segmentOf(31)); },
     26},
    {"a log that ends before its clean stop, in the last segment", true, 0,
     [](Folder& f) { f.flip(f.segmentOf(31), f.offsetOf(31) + 60); }, 30},
    {"a damaged clean stop", true, 0, [](Folder& f) { f.flip("closed", 9); }, 31},
    {"a damaged identity", false, 0, [](Folder& f) { f.flip("identity", 14); }, 31},
    {"a missing identity", true, 0, [](Folder& f) { f.remove("identity"); }, 31},
    {"a damaged secret", true, 0, [](Folder& f) { f.flip("installation", 14); }, 31},
    {"a missing secret", false, 0, [](Folder& f) { f.remove("installation"); }, 31},
    {"a damaged checkpoint, and the log behind the one before", false, 0,
     [](Folder& f) {
         f.flip(f.checkpoint(20), 100);
         f.flip(f.segmentOf(14), f.offsetOf(14) + 60);
     },
     13},
    {"no checkpoint, and the log from the start", false, 1 << 20,
     [](Folder& f) {
         f.flip(f.checkpoint(20), 100);
         f.remove(f.checkpoint(10));
         f.flip(f.segmentOf(9), f.offsetOf(9) + 60);
     },
     8},
    {"no log at all", false, 0,
     [](Folder& f) {
         for (uint64_t seq = 31; seq > 6; --seq) {
             if (f.files.contains(f.segmentOf(seq)))
                 f.remove(f.segmentOf(seq));
         }
     },
     20},
    {"only a checkpoint", false, 0,
     [](Folder& f) {
         for (const auto& [name, bytes] : Files(f.files)) {
             if (name != f.checkpoint(20))
                 f.remove(name);
         }
     },
     20},
};

// Opens: exactly what is whole, in a new history, all else kept. What is wrong; empty: nothing.
std::string checkSalvage(const Folder& folder, uint64_t lastSeq,
                         const std::shared_ptr<SimDisk>& disk, bool salvage)
{
    SimServer server(disk, optionsOf(salvage));
    if (const Status status = server.open(); !status)
        return status.error().text;
    if (server.engine().appliedSeq() != lastSeq)
        return "goes on after seq " + std::to_string(server.engine().appliedSeq());
    if (server.hash() != folder.hashes[lastSeq])
        return "wrong content";
    if (server.engine().history() == folder.history)
        return "the history kept its name";
    for (const std::string& name : lostFiles(folder.files, *disk))
        return "lost " + name;
    return {};
}

} // namespace

TEST_CASE("verify: a whole folder has no fault, closed or not, and stays as it is")
{
    for (const bool closed : {false, true}) {
        const Folder folder(closed, 1 << 20);
        std::vector<std::string> lines;
        CHECK(faultsOf(folder.disk, &lines) == 0);
        REQUIRE(lines.size() == folder.files.size() + 1);
        CHECK(lines.back() == "ok");
        CHECK(lines[0] == "00000000000000000001.seg: seqs 1 to 6, batches 6, 3072 bytes: ok");
        CHECK(filesOf(*folder.disk) == folder.files);
    }
    const auto empty = SimDisk::create();
    const auto directory = empty->directory();
    CHECK(verifyFolder(*directory, [](std::string_view) {}).error().code == Code::Usage);
}

TEST_CASE(
    "salvage: every kind of damage is refused, found by verify, and salvaged to what is whole")
{
    for (const Case& c : kCases) {
        CAPTURE(c.what);
        Folder folder(c.closed, c.retainBytes);
        c.harm(folder);
        std::vector<std::string> lines;
        CHECK(faultsOf(folder.disk, &lines) > 0);
        CHECK(lines.back().find("fault") != std::string::npos);
        {
            SimServer server(folder.disk->afterCrash({}), optionsOf(false));
            const Status status = server.open();
            REQUIRE_FALSE(status.ok());
            CHECK(status.error().code == Code::Damaged);
        }
        CHECK(checkSalvage(folder, c.lastSeq, folder.disk->afterCrash({}), true) == "");

        // What follows is an ordinary life, with or without the flag.
        const auto disk = folder.disk->afterCrash({});
        std::string history;
        for (int start = 0; start < 4; ++start) {
            SimServer server(disk, optionsOf(start != 1));
            REQUIRE(server.open().ok());
            CHECK(tells(server, "salvage: goes on after seq " + std::to_string(c.lastSeq)) ==
                  (start == 0));
            CHECK(tells(server, "salvage: ") == (start == 0));
            if (start == 0)
                history = server.engine().history();
            CHECK(server.engine().history() == history);
            for (int i = 0; i < 12; ++i) {
                REQUIRE(server.submit({setKey(i)})[0].status.ok());
                if (i % 4 == 0)
                    REQUIRE(server.engine().checkpoint().ok());
            }
            CHECK(server.engine().appliedSeq() ==
                  c.lastSeq + 12 * static_cast<uint64_t>(start + 1));
            if (start % 2 == 0)
                REQUIRE(server.stop().ok());
        }
        CHECK(lostFiles(folder.files, *disk) == std::vector<std::string>());
        CHECK(faultsOf(disk) == 0);
    }
}

TEST_CASE("salvage: says which seqs are lost")
{
    const struct {
        void (*harm)(Folder& folder);
        const char* line;
    } cases[] = {
        {[](Folder& f) { f.flip(f.segmentOf(23), f.offsetOf(23) + 60); },
         "salvage: goes on after seq 22 (checkpoint of seq 20, then the log); lost: seqs 23 to 31, "
         "as far as can be told"},
        {[](Folder& f) { f.remove("installation"); },
         "salvage: goes on after seq 31 (checkpoint of seq 20, then the log); no seq is known to "
         "be lost"},
    };
    for (const auto& c : cases) {
        Folder folder(false);
        c.harm(folder);
        SimServer server(folder.disk->afterCrash({}), optionsOf(true));
        REQUIRE(server.open().ok());
        CHECK(tells(server, c.line));
        CHECK(tells(server, "is kept as salvaged-2023"));
    }
}

TEST_CASE("salvage: does nothing to a whole folder, and nothing where nothing whole is left")
{
    for (const bool closed : {false, true}) {
        const Folder folder(closed);
        const auto disk = folder.disk->afterCrash({});
        SimServer server(disk, optionsOf(true));
        REQUIRE(server.open().ok());
        CHECK(server.engine().history() == folder.history);
        CHECK(server.hash() == folder.hashes[31]);
        CHECK_FALSE(tells(server, "salvage"));
    }
    Folder folder(false);
    folder.flip(folder.checkpoint(20), 100);
    folder.flip(folder.checkpoint(10), 100);
    SimServer server(folder.disk, optionsOf(true));
    const Status status = server.open();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::Damaged);
    CHECK(status.error().text.find("nothing whole is left") != std::string::npos);
    CHECK(filesOf(*folder.disk) == folder.files);
}

TEST_CASE("salvage: power may go at every step")
{
    uint64_t states = 0;
    uint64_t refused = 0;
    uint64_t finished = 0;
    for (const Case& c : kCases) {
        CAPTURE(c.what);
        Folder folder(c.closed, c.retainBytes);
        c.harm(folder);
        const auto whole = folder.disk->afterCrash({});
        {
            SimServer server(whole, optionsOf(true));
            REQUIRE(server.open().ok());
        }
        const uint64_t operations = whole->operations();
        REQUIRE(operations > 10);
        for (uint64_t at = 1; at <= operations; ++at) {
            const auto disk = folder.disk->afterCrash({});
            disk->setPlan({at, {}});
            {
                SimServer server(disk, optionsOf(true));
                CHECK_FALSE(server.open().ok());
            }
            SurvivalOptions few;
            few.maxPrefixes = 2;
            few.maxSectors = 2;
            for (const Survival& survival : disk->survivals(few)) {
                CAPTURE(at);
                CAPTURE(describe(survival));
                ++states;
                const auto without = disk->afterCrash(survival);
                const std::string left = checkSalvage(folder, c.lastSeq, without, false);
                const bool damaged = left.find("damaged") != std::string::npos ||
                                     left.find("missing") != std::string::npos;
                CHECK_MESSAGE((left.empty() || damaged), left);
                refused += damaged ? 1 : 0;
                finished += left.empty() ? 1 : 0;
                CHECK(checkSalvage(folder, c.lastSeq, disk->afterCrash(survival), true) == "");
            }
        }
    }
    MESSAGE(states << " states: " << refused << " still damaged, " << finished << " finished");
    CHECK(refused > 100);
    CHECK(finished > 100);
}

TEST_CASE("salvage: every operation may fail")
{
    uint64_t failed = 0;
    for (const Case& c : kCases) {
        CAPTURE(c.what);
        Folder folder(c.closed, c.retainBytes);
        c.harm(folder);
        for (int kind = SimOp::Create; kind <= SimOp::List; ++kind) {
            for (uint64_t nth = 1;; ++nth) {
                CAPTURE(kind);
                CAPTURE(nth);
                SimFailure failure;
                failure.kind = static_cast<SimOp::Kind>(kind);
                failure.nth = nth;
                const auto disk = folder.disk->afterCrash({});
                disk->setPlan({0, {failure}});
                {
                    SimServer server(disk, optionsOf(true));
                    const Status status = server.open();
                    if (disk->count(failure.kind) < nth)
                        break;
                    failed += status ? 0 : 1;
                    CHECK((status || status.error().code != Code::Damaged));
                }
                CHECK(checkSalvage(folder, c.lastSeq, disk->afterKill(), true) == "");
                CHECK(checkSalvage(folder, c.lastSeq, disk->afterCrash({}), true) == "");
            }
        }
    }
    MESSAGE(failed << " starts failed");
    CHECK(failed > 500);
}

TEST_CASE("verify and salvage: flipped bits all over the folder")
{
    uint64_t refused = 0;
    uint64_t nothingLeft = 0;
    for (const bool closed : {false, true}) {
        const Folder sound(closed, 2 * 3072);
        const std::set<uint64_t> prefixes(sound.hashes.begin(), sound.hashes.end());
        for (const auto& [name, bytes] : sound.files) {
            for (size_t bit = 0; bit < bytes.size() * 8; bit += 61) {
                CAPTURE(name);
                CAPTURE(bit);
                const auto disk = sound.disk->afterCrash({});
                std::string harmed = bytes;
                harmed[bit / 8] = static_cast<char>(harmed[bit / 8] ^ (1 << bit % 8));
                disk->setContents(name, harmed);
                const bool found = faultsOf(disk) > 0;
                const auto plain = disk->afterCrash({});
                SimServer server(plain, optionsOf(false));
                if (server.open()) {
                    const uint64_t seq = server.engine().appliedSeq();
                    CHECK((found || seq == 31 || (seq == 30 && !closed)));
                    CHECK(server.hash() == sound.hashes[seq]);
                    continue;
                }
                ++refused;
                CHECK(found);
                const Files before = filesOf(*disk);
                SimServer salvaged(disk, optionsOf(true));
                const Status status = salvaged.open();
                if (!status) {
                    ++nothingLeft;
                    CHECK_MESSAGE(status.error().text == "", status.error().text);
                    continue;
                }
                CHECK(prefixes.contains(salvaged.hash()));
                CHECK(salvaged.hash() == sound.hashes[salvaged.engine().appliedSeq()]);
                CHECK(salvaged.engine().appliedSeq() >= 20);
                CHECK(lostFiles(before, *disk) == std::vector<std::string>());
            }
        }
    }
    MESSAGE(refused << " refused and salvaged");
    CHECK(refused > 200);
    CHECK(nothingLeft == 0);
}
