// The power goes at every I/O operation of a script, with every survival that the disk knows; then
// again during the recovery; then again after new writes. Whatever happens: what is read back is a
// prefix of what was proposed that holds everything acknowledged.

#include <doctest/doctest.h>

#include <cstdlib>
#include <set>

#include "base/random.h"
#include "fault/sim_server.h"

using namespace fluxion;

namespace {

constexpr uint64_t kStatesInTest = 20'000;
constexpr uint64_t kStatesInTorture = 1'000'000;
constexpr int kMaxFailuresShown = 5;
constexpr int kMaxFailures = 20; // more tell nothing new

struct Case {
    const Script& script;
    std::string where; // for messages
    int& failures;

    void fail(const std::string& what) const
    {
        if (++failures <= kMaxFailuresShown)
            FAIL_CHECK(script.name << ": " << where << ": " << what);
    }
    Case at(const std::string& more) const { return {script, where + "; " + more, failures}; }
};

// What a server that starts on a disk may find: the state after one of these counts of changes.
struct Allowed {
    std::vector<Model> models;
    std::vector<uint64_t> hashes; // empty: the models alone
};

struct Found {
    bool ok = false;
    size_t index = 0; // in Allowed
    uint64_t hash = 0;
    std::string history;
};

// Opens what the crash left, and leaves the server running.
Found check(SimServer& server, const Allowed& allowed, const Case& at)
{
    ++crashCount().states;
    Found found;
    if (Status status = server.open(); !status) {
        at.fail("does not start: " + status.error().text);
        return found;
    }
    found.hash = server.hash();
    found.history = server.engine().history();
    const Model model = server.model();
    for (size_t i = allowed.models.size(); i-- > 0;) {
        if (model != allowed.models[i])
            continue;
        if (!allowed.hashes.empty() && allowed.hashes[i] != found.hash)
            continue;
        found.ok = true;
        found.index = i;
        return found;
    }
    at.fail("reads back what it must not");
    return found;
}

SurvivalOptions few()
{
    SurvivalOptions options;
    options.maxPrefixes = 5;
    options.maxSectors = 3;
    options.maxNamesCombined = 1;
    return options;
}

std::string describeCrash(const SimDisk& disk, const Survival& survival)
{
    const auto history = disk.history();
    return "crash at " + (history.empty() ? std::string("the start") : describe(history.back())) +
           ", " + describe(survival);
}

// The power goes again at every operation of the recovery: the state must be the same.
void crashTheRecovery(const std::shared_ptr<SimDisk>& left, const Model& model, uint64_t hash,
                      const Case& at)
{
    const Allowed same{{model}, {hash}};
    for (uint64_t n = 1;; ++n) {
        const auto disk = left->afterCrash({});
        disk->setPlan({n, {}});
        {
            SimServer server(disk, at.script.options);
            (void)server.open().ok();
        }
        if (!disk->powerOff())
            return;
        for (const Survival& survival : disk->survivals(few())) {
            SimServer server(disk->afterCrash(survival), at.script.options);
            check(server, same, at.at("in recovery, " + describeCrash(*disk, survival)));
        }
    }
}

// The power goes in some recoveries one after the other; the last one's disk.
std::shared_ptr<SimDisk> crashSomeRecoveries(std::shared_ptr<SimDisk> disk, std::mt19937_64& random,
                                             const Case& at, std::string& where)
{
    while (random() % 2 == 0) {
        disk->setPlan({1 + random() % 16, {}});
        {
            SimServer server(disk, at.script.options);
            (void)server.open().ok();
        }
        disk->cutPower();
        const auto survivals = disk->survivals(few());
        const Survival survival = survivals[random() % survivals.size()];
        where += "; in recovery, " + describeCrash(*disk, survival);
        disk = disk->afterCrash(survival);
    }
    return disk;
}

// New writes after a recovery, and crashes in them, for some generations.
void goOn(std::shared_ptr<SimDisk> disk, Model model, std::mt19937_64& random, const Case& at)
{
    const bool always = at.script.options.log.durability == Durability::Always;
    std::string where;
    for (int generation = 2; generation <= 3; ++generation) {
        Allowed allowed{{model}, {}};
        size_t sure = 0;
        disk = crashSomeRecoveries(disk, random, at, where);
        {
            SimServer server(disk, at.script.options);
            if (!check(server, allowed, {at.script, at.where + where, at.failures}).ok)
                return;
            disk->setPlan({random() % 3 == 0 ? 0 : 1 + random() % 20, {}});
            for (int i = 0; i < 4 && !disk->powerOff(); ++i) {
                const Deed change = randomChange(random, 900);
                allowed.models.push_back(allowed.models.back());
                allowed.models.back().apply(change);
                const auto outcomes = server.submit({change});
                if (always && outcomes.size() == 1 && answered(outcomes[0]))
                    sure = allowed.models.size() - 1;
                const bool lasting = i == 1 && random() % 2 == 0 && server.engine().checkpoint();
                if (lasting)
                    sure = allowed.models.size() - 1;
            }
            disk->cutPower();
        }
        const auto survivals = disk->survivals(few());
        const Survival survival = survivals[random() % survivals.size()];
        where +=
            "; generation " + std::to_string(generation) + ", " + describeCrash(*disk, survival);
        disk = disk->afterCrash(survival);
        allowed.models.erase(allowed.models.begin(),
                             allowed.models.begin() + static_cast<ptrdiff_t>(sure));
        SimServer server(disk->afterCrash({}), at.script.options);
        const Found found = check(server, allowed, {at.script, at.where + where, at.failures});
        if (!found.ok)
            return;
        model = allowed.models[found.index];
    }
}

struct Strides {
    uint64_t recovery = 1; // of the states found: every so many see a crash during recovery
    uint64_t goOn = 1;     // and every so many see new writes
    SurvivalOptions survivals;
};

Allowed allowedAfter(const Script& script, const Progress& progress)
{
    const bool always = script.options.log.durability == Durability::Always;
    const size_t first = always ? progress.answered : progress.synced;
    Allowed allowed;
    for (size_t i = first; i <= progress.proposed; ++i) {
        allowed.models.push_back(script.models[i]);
        allowed.hashes.push_back(script.hashes[i]);
    }
    return allowed;
}

void lookAtAll(const std::shared_ptr<SimDisk>& crashed, const Script& script,
               const Progress& progress, const Strides& strides, std::mt19937_64& random,
               int& failures)
{
    static uint64_t counter = 0;
    const Allowed allowed = allowedAfter(script, progress);
    for (const Survival& survival : crashed->survivals(strides.survivals)) {
        if (failures > kMaxFailures)
            return;
        const Case at{script, describeCrash(*crashed, survival), failures};
        const auto left = crashed->afterCrash(survival);
        Found found;
        Model model;
        {
            SimServer server(left->afterCrash({}), script.options);
            found = check(server, allowed, at);
            if (found.ok)
                model = allowed.models[found.index];
        }
        if (!found.ok)
            continue;
        // The same history must hold what clients were told under it.
        const size_t told = progress.answered - (progress.proposed + 1 - allowed.models.size());
        if (found.history == progress.history && found.index < told)
            at.fail("keeps the history's name without all that was acknowledged in it");
        ++counter;
        if (counter % strides.recovery == 0)
            crashTheRecovery(left, model, found.hash, at);
        if (counter % strides.goOn == 0)
            goOn(left, model, random, at);
    }
}

// Every operation of the script, every survival. Returns how many operations there were.
uint64_t crashEverywhere(const Script& script, const Strides& strides, std::mt19937_64& random)
{
    int failures = 0;
    for (uint64_t n = 1;; ++n) {
        const auto disk = SimDisk::create();
        disk->setPlan({n, {}});
        const Progress progress = runScript(script, disk);
        const bool crashed = disk->powerOff();
        if (!crashed) {
            if (!progress.finished)
                FAIL_CHECK(script.name << ": does not finish on a sound disk");
            disk->cutPower(); // once more when all is done
        }
        lookAtAll(disk, script, progress, strides, random, failures);
        if (!crashed || failures > kMaxFailures)
            return n - 1;
    }
}

} // namespace

TEST_CASE("a crash at every operation of the fixed script, every batch synced")
{
    const Script script = fixedScript(Durability::Always);
    std::mt19937_64 random(1);
    Strides strides;
    strides.recovery = 100;
    strides.goOn = 12;
    const uint64_t before = crashCount().states;
    const uint64_t operations = crashEverywhere(script, strides, random);
    MESSAGE("operations: ", operations, ", crash states: ", crashCount().states - before);
    CHECK(operations >= 200);
    CHECK(crashCount().states - before >= kStatesInTest);
}

TEST_CASE("a crash at every operation of the fixed script, batches synced now and then")
{
    const Script script = fixedScript(Durability::Interval);
    std::mt19937_64 random(2);
    Strides strides;
    strides.recovery = 50;
    strides.goOn = 8;
    strides.survivals.maxPrefixes = 64;
    const uint64_t before = crashCount().states;
    const uint64_t operations = crashEverywhere(script, strides, random);
    MESSAGE("operations: ", operations, ", crash states: ", crashCount().states - before);
    CHECK(operations >= 200);
}

TEST_CASE("the fixed script does what the crashes are for: rotation, recycling, checkpoints, stop")
{
    const auto disk = SimDisk::create();
    const Progress progress = runScript(fixedScript(Durability::Always), disk);
    REQUIRE(progress.finished);
    std::set<std::string> done;
    for (const SimOp& op : disk->history()) {
        const bool segment = op.name.ends_with(".seg");
        if (op.kind == SimOp::Rename && op.to.ends_with(".seg"))
            done.insert("rotated");
        if (op.kind == SimOp::Rename && segment && op.to.starts_with("spare-"))
            done.insert("recycled");
        if (op.kind == SimOp::Rename && op.to.starts_with("checkpoint-"))
            done.insert("checkpoint");
        if (op.kind == SimOp::Remove && op.name.starts_with("checkpoint-"))
            done.insert("checkpoint pruned");
        if (op.kind == SimOp::Rename && op.to == "closed")
            done.insert("closed");
        if (op.kind == SimOp::Remove && op.name == "closed")
            done.insert("opened again");
    }
    CHECK(done.size() == 6);
}

TEST_CASE("crashes in random scripts")
{
    const char* fixed = std::getenv("FLUXION_SEED");
    const uint64_t wanted = crashCount().states + (tortureWanted() ? kStatesInTorture : 3000);
    do {
        const uint64_t seed =
            fixed ? std::strtoull(fixed, nullptr, 10) : randomU64() % 1'000'000'000;
        const Script script = randomScript(seed);
        std::mt19937_64 random(seed + 1);
        Strides strides;
        strides.recovery = tortureWanted() ? 20 : 40;
        strides.goOn = 4;
        strides.survivals.prefixStep = tortureWanted() ? 1 : 7;
        strides.survivals.maxPrefixes = tortureWanted() ? 256 : 12;
        const uint64_t operations = crashEverywhere(script, strides, random);
        MESSAGE("FLUXION_SEED=", seed, ": operations: ", operations,
                ", crash states so far: ", crashCount().states);
    } while (!fixed && crashCount().states < wanted);
    CHECK((fixed || crashCount().states >= wanted));
}
