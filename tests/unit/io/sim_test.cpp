// What the simulated disk keeps, loses and refuses. The crash suites stand on these rules.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <thread>

#include "io/sim.h"

using namespace fluxion;

namespace {

// "a*3bc" is "aaabc"; '.' is a zero byte.
std::string expanded(const std::string& text)
{
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '*') {
            size_t end = 0;
            const size_t times = std::stoul(text.substr(i + 1), &end);
            out.append(times - 1, out.back());
            i += end;
        } else {
            out.push_back(text[i] == '.' ? '\0' : text[i]);
        }
    }
    return out;
}

// Runs of more than three are written as above.
std::string shortened(const std::string& bytes)
{
    std::string out;
    for (size_t i = 0; i < bytes.size();) {
        size_t end = i;
        while (end < bytes.size() && bytes[end] == bytes[i])
            ++end;
        const char shown = bytes[i] ? bytes[i] : '.';
        if (end - i > 3)
            out += shown + ("*" + std::to_string(end - i));
        else
            out.append(end - i, shown);
        i = end;
    }
    return out;
}

// All names and contents: "a=xyz b=".
std::string shown(const SimDisk& disk)
{
    std::string out;
    for (const std::string& name : disk.names())
        out += (out.empty() ? "" : " ") + name + "=" + shortened(*disk.contents(name));
    return out;
}

// Runs steps, divided by ';': create N, Create N (durable), open N, Open N (durable), write N at
// text, sync N, folder, rename N M, remove N. Tells which failed.
class Script {
  public:
    explicit Script(SimDisk& disk) : m_directory(disk.directory()) {}

    std::string run(const std::string& steps)
    {
        std::string failures;
        std::istringstream in(steps);
        for (std::string step; std::getline(in, step, ';');) {
            const Status done = runStep(step);
            if (!done.ok())
                failures += (failures.empty() ? "" : "|") + done.error().text;
        }
        return failures;
    }

  private:
    Status open(const std::string& name, OpenMode mode)
    {
        auto file = m_directory->open(name, mode);
        if (!file.ok())
            return file.status();
        m_files[name] = std::move(file.value());
        return {};
    }
    Status runStep(const std::string& step)
    {
        std::istringstream in(step);
        std::string verb, name, other, text;
        in >> verb >> name >> other >> text;
        if (verb == "create")
            return open(name, OpenMode::Create);
        if (verb == "Create")
            return open(name, OpenMode::CreateDurable);
        if (verb == "open")
            return open(name, OpenMode::Write);
        if (verb == "Open")
            return open(name, OpenMode::WriteDurable);
        if (verb == "write")
            return writeFully(*m_files.at(name), std::stoul(other), expanded(text));
        if (verb == "sync")
            return m_files.at(name)->sync();
        if (verb == "folder")
            return m_directory->sync();
        if (verb == "rename")
            return m_directory->rename(name, other);
        REQUIRE(verb == "remove");
        return m_directory->remove(name);
    }

    std::unique_ptr<Directory> m_directory;
    std::map<std::string, std::unique_ptr<File>> m_files;
};

using U = Survival::Unsynced;
using R = Survival::Running;
constexpr uint64_t kAll = Survival::kAllNames;

struct Row {
    std::string rule;
    std::string before; // completed
    std::string during; // under way as the power is cut; "" for none
    Survival survival;
    const char* found;
};

void check(const Row& row)
{
    CAPTURE(row.rule);
    const auto disk = SimDisk::create();
    Script script(*disk);
    REQUIRE(script.run(row.before) == "");
    if (!row.during.empty()) {
        SimPlan plan;
        plan.crashAt = 1;
        disk->setPlan(plan);
        CHECK(script.run(row.during).find("power cut") != std::string::npos);
    } else {
        disk->cutPower();
    }
    CHECK(disk->powerOff());
    CHECK(script.run("folder") == "cannot sync folder sim:: power cut");
    const auto next = disk->afterCrash(row.survival);
    CHECK(shown(*next) == row.found);

    // What is found is lasting: a second cut at once changes nothing.
    for (const Survival& s : next->survivals())
        CHECK(shown(*next->afterCrash(s)) == row.found);
}

const char* const kSaved = "create a;write a 0 abcd;sync a;folder"; // a lasting file
const char* const kDurable = "Create a;write a 0 abcd;folder;";

} // namespace

TEST_CASE("un-synced writes")
{
    const std::string more = std::string(kSaved) + ";write a 2 XY;write a 6 Z";
    const Row rows[] = {
        {"synced bytes stay", kSaved, "", {U::Lost, R::Lost, 0, 0}, "a=abcd"},
        {"lost", more, "", {U::Lost, R::Lost, 0, 0}, "a=abcd"},
        {"kept", more, "", {U::Kept, R::Lost, 0, 0}, "a=abXY..Z"},
        {"only the size", more, "", {U::SizeOnly, R::Lost, 0, 0}, "a=abcd..."},
        {"only the last", more, "", {U::LastOnly, R::Lost, 0, 0}, "a=abcd..Z"},
        {"synced again", more + ";sync a", "", {U::Lost, R::Lost, 0, 0}, "a=abXY..Z"},
        {"durable writes need no sync", kDurable, "", {U::Lost, R::Lost, 0, 0}, "a=abcd"},
        {"a durable write does not sync the others",
         "create a;folder;write a 0 abcd;Open a;"
         "write a 2 X",
         "",
         {U::Lost, R::Lost, 0, 0},
         "a=..X"},
        {"a sync is of one file",
         "create a;create b;folder;write a 0 x;write b 0 y;sync a",
         "",
         {U::Lost, R::Lost, 0, 0},
         "a=x b="},
    };
    for (const Row& row : rows)
        check(row);
}

TEST_CASE("the write under way")
{
    const std::string three = "Create a;write a 0 a*1536;folder";
    const char* over = "write a 256 X*1024"; // sectors 0, 1 and 2
    const char* grow = "write a 1536 X*600"; // sectors 3 and 4
    const std::string unsynced = std::string(kSaved) + ";write a 4 efgh";
    const Row rows[] = {
        {"lost", three, over, {U::Lost, R::Lost, 0, 0}, "a=a*1536"},
        {"kept", three, over, {U::Lost, R::Kept, 0, 0}, "a=a*256X*1024a*256"},
        {"a prefix", three, over, {U::Lost, R::Prefix, 1, 0}, "a=a*256Xa*1279"},
        {"to any byte", three, over, {U::Lost, R::Prefix, 1023, 0}, "a=a*256X*1023a*257"},
        {"first sector lost shows the old",
         three,
         over,
         {U::Lost, R::LostSector, 0, 0},
         "a=a*512X*768a*256"},
        {"a middle one",
         three,
         over,
         {U::Lost, R::LostSector, 1, 0},
         "a=a*256X*256a*512X*256a*256"},
        {"the last one", three, over, {U::Lost, R::LostSector, 2, 0}, "a=a*256X*768a*512"},
        {"only the first", three, over, {U::Lost, R::OnlySector, 0, 0}, "a=a*256X*256a*1024"},
        {"only the last", three, over, {U::Lost, R::OnlySector, 2, 0}, "a=a*1024X*256a*256"},
        {"a lost sector of growth is zero",
         three,
         grow,
         {U::Lost, R::LostSector, 0, 0},
         "a=a*1536.*512X*88"},
        {"a lost last one too", three, grow, {U::Lost, R::LostSector, 1, 0}, "a=a*1536X*512.*88"},
        {"a sector there is not",
         three,
         over,
         {U::Lost, R::LostSector, 3, 0},
         "a=a*256X*1024a*256"},
        {"un-synced before it: lost",
         unsynced,
         "write a 8 ij",
         {U::Lost, R::Prefix, 1, 0},
         "a=abcd.*4i"},
        {"un-synced before it: kept",
         unsynced,
         "write a 8 ij",
         {U::Kept, R::Prefix, 1, 0},
         "a=abcdefghi"},
        {"a sync tears what it brings",
         unsynced + ";write a 0 AB",
         "sync a",
         {U::Lost, R::Prefix, 5, 0},
         "a=Abcdefgh"},
        {"a sync under way: nothing", unsynced, "sync a", {U::Kept, R::Lost, 0, 0}, "a=abcd"},
        {"a sync under way: all", unsynced, "sync a", {U::Lost, R::Kept, 0, 0}, "a=abcdefgh"},
        {"a sync under way loses a sector",
         unsynced,
         "sync a",
         {U::Lost, R::LostSector, 0, 0},
         "a=abcd.*4"},
    };
    for (const Row& row : rows)
        check(row);
}

TEST_CASE("names")
{
    const std::string two = "create a;create b;folder";
    const std::string swap = std::string(kDurable) + "Create t;write t 0 new;rename t a";
    const Row rows[] = {
        {"created, folder not synced: gone",
         "Create a;write a 0 x",
         "",
         {U::Kept, R::Lost, 0, 0},
         ""},
        {"or there", "Create a;write a 0 x", "", {U::Lost, R::Lost, 0, kAll}, "a=x"},
        {"a name without its bytes", "create a;write a 0 x", "", {U::Lost, R::Lost, 0, kAll}, "a="},
        {"a sync of the file does not settle its name",
         "create a;write a 0 x;sync a",
         "",
         {U::Kept, R::Lost, 0, 0},
         ""},
        {"a sync of the folder does not bring the bytes",
         "create a;write a 0 x;folder",
         "",
         {U::Lost, R::Lost, 0, 0},
         "a="},
        {"independent ones in any combination",
         "create a;create b",
         "",
         {U::Lost, R::Lost, 0, 2},
         "b="},
        {"removed, not settled", two + ";remove a", "", {U::Lost, R::Lost, 0, 0}, "a= b="},
        {"removed after all", two + ";remove a", "", {U::Lost, R::Lost, 0, kAll}, "b="},
        {"removed and settled", two + ";remove a;folder", "", {U::Lost, R::Lost, 0, 0}, "b="},
        {"replaced: neither step", swap, "", {U::Lost, R::Lost, 0, 0}, "a=abcd"},
        {"replaced: created only", swap, "", {U::Lost, R::Lost, 0, 1}, "a=abcd t=new"},
        {"replaced: both", swap, "", {U::Lost, R::Lost, 0, 3}, "a=new"},
        {"a rename does not happen without its creation",
         swap,
         "",
         {U::Lost, R::Lost, 0, 2},
         "a=abcd"},
        {"settled", swap + ";folder", "", {U::Lost, R::Lost, 0, 0}, "a=new"},
        {"under way: a creation lost", kDurable, "create b", {U::Lost, R::Lost, 0, 0}, "a=abcd"},
        {"under way: a creation kept", kDurable, "create b", {U::Lost, R::Lost, 0, 1}, "a=abcd b="},
        {"under way: a rename lost", kDurable, "rename a b", {U::Lost, R::Lost, 0, 0}, "a=abcd"},
        {"under way: a rename kept", kDurable, "rename a b", {U::Lost, R::Lost, 0, 1}, "b=abcd"},
        {"under way: a removal kept", kDurable, "remove a", {U::Lost, R::Lost, 0, 1}, ""},
        {"under way: a folder sync, of which half arrived",
         "create a;create b",
         "folder",
         {U::Lost, R::Lost, 0, 1},
         "a="},
    };
    for (const Row& row : rows)
        check(row);
}

TEST_CASE("failures")
{
    struct Failing {
        std::string rule;
        const char* before;
        SimFailure failure;
        const char* steps;
        const char* errors;
        const char* live;  // as a process sees it
        const char* found; // after a power cut that loses all it may
    };
    using enum SimFailure::Fault;
    const Failing rows[] = {
        {"a durable write: seen by reads, never on the medium",
         kDurable,
         {SimOp::Write},
         "write a 2 XY",
         "cannot write sim:/a: Input/output error",
         "a=abXY",
         "a=abcd"},
        {"of which a part may have arrived",
         kDurable,
         {SimOp::Write, 1, false, Io, "", 1},
         "write a 2 XY",
         "cannot write sim:/a: Input/output error",
         "a=abXY",
         "a=abXd"},
        {"a full disk: nothing changes",
         kDurable,
         {SimOp::Write, 1, false, NoSpace},
         "write a 2 XY",
         "cannot write sim:/a: No space left on device",
         "a=abcd",
         "a=abcd"},
        {"only the n-th",
         kDurable,
         {SimOp::Write, 2, false, NoSpace},
         "write a 0 1;write a 1 2;write a 2 3",
         "cannot write sim:/a: No space left on device",
         "a=1b3d",
         "a=1b3d"},
        {"for ever",
         kDurable,
         {SimOp::Write, 2, true, NoSpace},
         "write a 0 1;write a 1 2;write a 2 3",
         "cannot write sim:/a: No space left on device|"
         "cannot write sim:/a: No space left on device",
         "a=1bcd",
         "a=1bcd"},
        {"only files that begin so",
         "Create a;Create b;folder",
         {SimOp::Write, 1, true, NoSpace, "b"},
         "write a 0 1;write b 0 2",
         "cannot write sim:/b: No space left on device",
         "a=1 b=",
         "a=1 b="},
        {"a short write is continued",
         kDurable,
         {SimOp::Write, 1, false, ShortWrite},
         "write a 0 12345",
         "",
         "a=12345",
         "a=12345"},
        {"a sync: its bytes are lost for ever",
         kSaved,
         {SimOp::Sync},
         "write a 0 XY;sync a;sync a",
         "cannot sync sim:/a: Input/output error",
         "a=XYcd",
         "a=abcd"},
        {"and later ones are not",
         kSaved,
         {SimOp::Sync},
         "write a 0 XY;sync a;write a 3 Z;sync a",
         "cannot sync sim:/a: Input/output error",
         "a=XYcZ",
         "a=abcZ"},
        {"a creation",
         kDurable,
         {SimOp::Create, 1, false, NoSpace},
         "create b",
         "cannot create sim:/b: No space left on device",
         "a=abcd",
         "a=abcd"},
        {"an open",
         kDurable,
         {SimOp::Open},
         "open a",
         "cannot open sim:/a: Input/output error",
         "a=abcd",
         "a=abcd"},
        {"a rename",
         kDurable,
         {SimOp::Rename},
         "rename a b;folder",
         "cannot rename sim:/a: Input/output error",
         "a=abcd",
         "a=abcd"},
        {"a removal",
         kDurable,
         {SimOp::Remove},
         "remove a;folder",
         "cannot remove sim:/a: Input/output error",
         "a=abcd",
         "a=abcd"},
        {"a folder sync: its names stay in doubt",
         kDurable,
         {SimOp::SyncFolder},
         "create b;folder;create c;folder",
         "cannot sync folder sim:: Input/output error",
         "a=abcd b= c=",
         "a=abcd c="},
        {"until a newer one of those names is settled",
         kDurable,
         {SimOp::SyncFolder},
         "create b;folder;rename b c;folder",
         "cannot sync folder sim:: Input/output error",
         "a=abcd c=",
         "a=abcd c="},
    };
    for (const Failing& row : rows) {
        CAPTURE(row.rule);
        const auto disk = SimDisk::create();
        Script script(*disk);
        REQUIRE(script.run(row.before) == "");
        SimPlan plan;
        plan.failures.push_back(row.failure);
        disk->setPlan(plan);
        CHECK(script.run(row.steps) == row.errors);
        CHECK(shown(*disk) == row.live);
        CHECK(shown(*disk->afterKill()) == row.live);
        CHECK(shown(*disk->afterCrash({})) == row.found);
        CHECK(shown(*disk->afterKill()->afterCrash({})) == row.found);
    }
}

TEST_CASE("a failed read, size, list or look")
{
    const auto disk = SimDisk::create();
    disk->setContents("a", "abcd");
    const auto d = disk->directory();
    const auto file = d->open("a", OpenMode::Read);
    SimPlan plan;
    plan.failures.push_back({SimOp::Read, 2, true});
    plan.failures.push_back({SimOp::List, 2, true});
    disk->setPlan(plan);
    char out[4];
    CHECK(file.value()->readAt(0, out, 4).value() == 4);
    CHECK(file.value()->readAt(0, out, 4).error().code == Code::Io);
    CHECK(file.value()->size().error().code == Code::Io);
    CHECK(d->exists("a").value());
    CHECK(d->exists("a").error().code == Code::Io);
    CHECK(d->list().error().code == Code::Io);
    CHECK(disk->count(SimOp::Read) == 3);
    disk->cutPower();
    disk->setPlan({});
    CHECK(file.value()->readAt(0, out, 4).error().text == "cannot read sim:/a: power cut");
    CHECK(d->open("a", OpenMode::Read).error().text == "cannot open sim:/a: power cut");
    CHECK(d->list().error().text == "cannot list sim:: power cut");
}

TEST_CASE("a sync covers only what was written before it began")
{
    const auto disk = SimDisk::create();
    Script script(*disk);
    REQUIRE(script.run("create a;folder;write a 0 early") == "");
    disk->setHook([&](const SimOp& op) {
        if (op.kind != SimOp::Sync)
            return;
        disk->setHook({});
        CHECK(script.run("write a 5 late") == "");
    });
    CHECK(script.run("sync a") == "");
    CHECK(shown(*disk) == "a=earlylate");
    CHECK(shown(*disk->afterCrash({})) == "a=early");
    CHECK(shown(*disk->afterCrash({U::Kept, R::Lost, 0, 0})) == "a=earlylate");
    CHECK(script.run("sync a") == "");
    CHECK(shown(*disk->afterCrash({})) == "a=earlylate");
    CHECK(script.run("create b") == "");
    disk->setHook([&](const SimOp& op) {
        if (op.kind != SimOp::SyncFolder)
            return;
        disk->setHook({});
        CHECK(script.run("create c") == "");
    });
    CHECK(script.run("folder") == "");
    CHECK(shown(*disk->afterCrash({})) == "a=earlylate b=");
    CHECK(shown(*disk->afterCrash({U::Lost, R::Lost, 0, kAll})) == "a=earlylate b= c=");
    CHECK(script.run("folder") == "");
    CHECK(shown(*disk->afterCrash({})) == "a=earlylate b= c=");
}

TEST_CASE("an old name in doubt does not come back over a newer, settled one")
{
    const auto disk = SimDisk::create();
    Script script(*disk);
    SimPlan plan;
    plan.failures.push_back({SimOp::SyncFolder});
    disk->setPlan(plan);
    CHECK(script.run("create b;create d;folder;rename b c;folder") != "");
    CHECK(shown(*disk->afterCrash({})) == "c=");
    CHECK(shown(*disk->afterCrash({U::Lost, R::Lost, 0, kAll})) == "c= d=");
}

TEST_CASE("operations are numbered, recorded and announced before they have an effect")
{
    const auto disk = SimDisk::create();
    Script script(*disk);
    std::vector<std::string> announced;
    disk->setHook(
        [&](const SimOp& op) { announced.push_back(describe(op) + ": " + shown(*disk)); });
    CHECK(script.run(
              "Create a;write a 0 xy;open a;write a 3 z;sync a;rename a b;folder;remove b") == "");
    const std::vector<std::string> expected = {
        "1 create a: ",       "2 write a +0 2 durable: a=", "3 write a +3 1: a=xy",
        "4 sync a: a=xy.z",   "5 rename a to b: a=xy.z",    "6 sync folder: b=xy.z",
        "7 remove b: b=xy.z",
    };
    CHECK(announced == expected);
    CHECK(disk->operations() == 7);
    CHECK(disk->count(SimOp::Write) == 2);
    CHECK(disk->count(SimOp::Open) == 1);
    REQUIRE(disk->history().size() == 7);
    CHECK(disk->history()[5].kind == SimOp::SyncFolder);
    disk->setPlan({});
    CHECK(disk->operations() == 0);
    CHECK(disk->history().empty());
    CHECK(script.run("remove b") == "cannot remove sim:/b: No such file or directory");
    CHECK(disk->operations() == 0);
}

TEST_CASE("power can be cut from the hook, with that operation under way")
{
    const auto disk = SimDisk::create();
    Script script(*disk);
    REQUIRE(script.run("Create a;folder") == "");
    disk->setHook([&](const SimOp&) {
        // The same outcomes before and after the cut.
        const auto before = disk->survivals();
        disk->cutPower();
        CHECK(disk->survivals() == before);
    });
    CHECK(script.run("write a 0 abc") == "cannot write sim:/a: power cut");
    CHECK(shown(*disk) == "a=");
    CHECK(shown(*disk->afterCrash({U::Lost, R::Prefix, 2, 0})) == "a=ab");
    CHECK(shown(*disk->clone()->afterCrash({U::Lost, R::Prefix, 2, 0})) == "a=ab");
    CHECK(disk->clone()->powerOff());
    CHECK(shown(*disk->afterKill()) == "a=");
    CHECK_FALSE(disk->afterKill()->powerOff());
}

TEST_CASE("survivals lists every outcome once")
{
    struct Listed {
        std::string rule;
        const char* before;
        const char* during;
        SurvivalOptions options;
        size_t count;
        size_t outcomes; // that differ
    };
    const SurvivalOptions every;
    SurvivalOptions third, few, noCombining;
    third.prefixStep = 3;
    few.maxPrefixes = 10;
    few.maxSectors = 3;
    noCombining.maxNamesCombined = 0;
    const char* threeNames = "create a;create b;create c";
    const Listed rows[] = {
        {"nothing open: one", kDurable, "", every, 1, 1},
        {"un-synced: lost, kept, size only", "create a;folder;write a 0 xy", "", every, 3, 3},
        {"two writes: the last only, too", "create a;folder;write a 0 x;write a 1 y", "", every, 4,
         4},
        {"n bytes under way: lost, n, lost sector", kDurable, "write a 4 123456", every, 8, 8},
        {"names: none, one, both", "create a;rename a b", "", every, 3, 3},
        {"independent names: every combination", threeNames, "", every, 8, 8},
        {"too many to combine: first n, all but one, only one", threeNames, "", noCombining, 8, 8},
        {"names x data", "create a;write a 0 x", "", every, 6, 4},
        {"every third byte, the first and the last but one", kDurable, "write a 4 1234567890",
         third, 2 + 4 + 1, 7},
        {"bounded: 10 steps, 7 sector ends and 2 ends; 3 sectors, lost or alone", kDurable,
         "write a 0 x*4096", few, 2 + 9 + 7 + 2 + 6, 26},
    };
    for (const Listed& row : rows) {
        CAPTURE(row.rule);
        const auto disk = SimDisk::create();
        Script script(*disk);
        REQUIRE(script.run(row.before) == "");
        SimPlan plan;
        plan.crashAt = 1;
        disk->setPlan(plan);
        (void)script.run(row.during);
        const std::vector<Survival> all = disk->survivals(row.options);
        std::vector<std::string> described, outcomes;
        for (const Survival& s : all) {
            described.push_back(describe(s));
            outcomes.push_back(shown(*disk->afterCrash(s)));
        }
        const auto distinct = [](std::vector<std::string> v) {
            std::sort(v.begin(), v.end());
            return static_cast<size_t>(std::unique(v.begin(), v.end()) - v.begin());
        };
        CHECK(all.size() == row.count);
        CHECK(distinct(described) == all.size());
        CHECK(distinct(outcomes) == row.outcomes);
    }
}

TEST_CASE("more than 64 open names")
{
    const auto disk = SimDisk::create();
    Script script(*disk);
    for (int i = 100; i < 180; ++i)
        REQUIRE(script.run("create f" + std::to_string(i)) == "");
    CHECK(disk->afterCrash({U::Lost, R::Lost, 0, 0})->names().empty());
    CHECK(disk->afterCrash({U::Lost, R::Lost, 0, kAll})->names().size() == 80);
    CHECK(disk->afterCrash({U::Lost, R::Lost, 0, uint64_t{1} << 63})->names().size() == 17);
    CHECK(disk->survivals().size() > 120);
}

TEST_CASE("copies do not share what is written later")
{
    const auto disk = SimDisk::create();
    Script script(*disk);
    REQUIRE(script.run("Create a;write a 0 abcd;folder;create b;write b 0 x") == "");
    const auto copy = disk->clone();
    REQUIRE(script.run("write a 0 X;write b 1 y;sync b") == "");
    CHECK(shown(*disk) == "a=Xbcd b=xy");
    CHECK(shown(*copy) == "a=abcd b=x");
    Script other(*copy);
    CHECK(other.run("Open a;write a 3 Y;open b;sync b;folder") == "");
    CHECK(shown(*copy->afterCrash({})) == "a=abcY b=x");
    CHECK(shown(*disk) == "a=Xbcd b=xy");
    CHECK(shown(*disk->afterCrash({})) == "a=Xbcd");
}

TEST_CASE("tests may look and edit")
{
    const auto disk = SimDisk::create();
    Script script(*disk);
    REQUIRE(script.run("create a;write a 0 abcd") == "");
    std::string bytes = disk->contents("a").value();
    bytes[1] = static_cast<char>(bytes[1] ^ 1);
    disk->setContents("a", bytes);
    disk->setContents("b", "");
    CHECK(disk->operations() == 2);
    CHECK(shown(*disk->afterCrash({})) == "a=accd b=");
    disk->removeContents("a");
    CHECK_FALSE(disk->contents("a").has_value());
    CHECK(shown(*disk->afterCrash({})) == "b=");
    CHECK(describe(Survival{U::LastOnly, R::Prefix, 37, 5}) ==
          "unsynced=last only running=prefix 37 names=0x5");
}

TEST_CASE("threads may use it together, also while a hook waits")
{
    const auto disk = SimDisk::create();
    const auto d = disk->directory();
    std::atomic<bool> release{false};
    std::atomic<bool> waiting{false};
    disk->setHook([&](const SimOp& op) {
        if (op.name != "slow" || op.kind != SimOp::Write)
            return;
        waiting = true;
        while (!release)
            std::this_thread::yield();
    });
    std::thread slow([&] {
        auto file = d->open("slow", OpenMode::CreateDurable);
        CHECK(writeFully(*file.value(), 0, "slow").ok());
    });
    while (!waiting)
        std::this_thread::yield();
    std::vector<std::thread> others;
    for (int t = 0; t < 3; ++t) {
        others.emplace_back([&, t] {
            auto file = d->open("f" + std::to_string(t), OpenMode::Create);
            for (uint64_t i = 0; i < 200; ++i) {
                CHECK(writeFully(*file.value(), i, "x").ok());
                if (i % 10 == 0)
                    CHECK(file.value()->sync().ok());
            }
            CHECK(d->sync().ok());
        });
    }
    for (std::thread& t : others)
        t.join();
    CHECK(disk->contents("slow") == "");
    CHECK(disk->afterCrash({})->contents("f1")->size() == 191);
    CHECK(disk->afterCrash({U::Lost, R::Prefix, 2, kAll})->contents("slow") == "sl");
    release = true;
    slow.join();
    CHECK(disk->contents("slow") == "slow");
    CHECK(disk->operations() == 2 + 3 * (1 + 200 + 20 + 1));
}
