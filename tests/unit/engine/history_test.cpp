// The name of the history: kept while nothing that a client saw can be gone, new when it can.

#include <doctest/doctest.h>

#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

enum class End { Stop, Kill, Crash };

struct Case {
    Durability before;
    End end;
    Durability after;
    bool sameHistory;
};

constexpr Durability kAlways = Durability::Always;
constexpr Durability kInterval = Durability::Interval;
constexpr Durability kNone = Durability::None;

void end(EngineFixture& f, End how)
{
    switch (how) {
    case End::Stop:
        f.mustStop();
        break;
    case End::Kill:
        f.kill();
        break;
    case End::Crash:
        f.crash();
        break;
    }
}

// An unclean stop of a server that synced only at a checkpoint.
struct Unclean {
    EngineFixture f;
    std::string history;
    std::vector<uint64_t> hashes; // by seq
    uint64_t synced = 0;

    explicit Unclean(Durability durability)
    {
        f.mustOpen(smallOptions(durability));
        history = f.engine->history();
        hashes.push_back(f.hash());
        for (int i = 0; i < 12; ++i) {
            f.mustSubmit({set("c", "k" + std::to_string(i % 5), std::string(600, 'x'))});
            hashes.push_back(f.hash());
            if (i == 3 || i == 8)
                REQUIRE(f.engine->checkpoint().ok());
        }
        synced = 9;
    }
};

} // namespace

TEST_CASE("a history keeps its name, but after an unclean stop without a sync of every write")
{
    const Case cases[] = {
        {kAlways, End::Stop, kAlways, true},
        {kAlways, End::Kill, kAlways, true},
        {kAlways, End::Crash, kAlways, true},
        {kInterval, End::Stop, kInterval, true},
        {kInterval, End::Kill, kInterval, false},
        {kInterval, End::Crash, kInterval, false},
        {kNone, End::Stop, kNone, true},
        {kNone, End::Kill, kNone, false},
        {kNone, End::Crash, kNone, false},
        // It counts what the server before did, not what this one does.
        {kInterval, End::Kill, kAlways, false},
        {kAlways, End::Kill, kInterval, true},
        {kInterval, End::Stop, kAlways, true},
        {kNone, End::Crash, kAlways, false},
    };
    for (const Case& c : cases) {
        CAPTURE(static_cast<int>(c.before));
        CAPTURE(static_cast<int>(c.end));
        CAPTURE(static_cast<int>(c.after));
        EngineFixture f;
        f.mustOpen(smallOptions(c.before));
        CHECK(f.engine->durable() == (c.before == kAlways));
        f.mustSubmit({set("c", "k", "1")});
        REQUIRE(f.engine->checkpoint().ok());
        f.mustSubmit({set("c", "k", "2")});
        const std::string history = f.engine->history();
        end(f, c.end);
        f.mustOpen(smallOptions(c.after));
        CHECK((f.engine->history() == history) == c.sameHistory);
        const bool lost = c.before != kAlways && c.end == End::Crash;
        CHECK(f.value("c", "k") == (lost ? "1" : "2"));
        // It goes on from there, and what follows is found again.
        const uint64_t seq = f.engine->appliedSeq();
        const auto outcomes = f.submit({set("c", "k", "3")});
        CHECK(outcomes[0].seq == seq + 1);
        const std::string named = f.engine->history();
        f.mustStop();
        f.mustOpen(smallOptions(c.after));
        CHECK(f.engine->history() == named);
        CHECK(f.value("c", "k") == "3");
        CHECK(f.engine->appliedSeq() == seq + 1);
    }
}

TEST_CASE("a new history begins with a checkpoint and leaves nothing of the old log")
{
    Unclean before(kInterval);
    EngineFixture& f = before.f;
    f.kill();
    f.mustOpen(smallOptions(kInterval));
    CHECK(f.saidLineWith("this is a new history from seq 13"));
    CHECK(f.engine->history() != before.history);
    CHECK(f.hash() == before.hashes[12]);
    CHECK(f.files("", ".seg") == std::vector<std::string>{"00000000000000000013.seg"});
    // The old history's checkpoints go with the next one.
    f.mustSubmit({set("c", "k")});
    REQUIRE(f.engine->checkpoint().ok());
    const auto names = f.files("checkpoint-");
    REQUIRE(names.size() == 2);
    for (const std::string& name : names)
        CHECK(name.ends_with("-" + f.engine->history().substr(0, 8)));
}

TEST_CASE("a crash at every step of naming a new history, with every survival")
{
    for (const Durability after : {kInterval, kNone, kAlways}) {
        CAPTURE(static_cast<int>(after));
        Unclean before(kInterval);
        before.f.kill();
        const auto left = before.f.disk;
        SurvivalOptions options; // the log is only read here: no byte of a batch is at stake
        options.maxPrefixes = 6;
        options.maxSectors = 6;
        uint64_t steps = 0;
        uint64_t states = 0;
        for (bool crashed = true; crashed; ++steps) {
            EngineFixture f;
            f.disk = left->afterKill();
            f.disk->setPlan({steps + 1, {}});
            const Status status = f.open(smallOptions(after));
            crashed = f.disk->powerOff();
            CHECK(status.ok() == !crashed);
            const std::string named = f.engine ? f.engine->history() : "";
            f.engine.reset();
            f.disk->cutPower();
            for (const Survival& survival : f.disk->survivals(options)) {
                CAPTURE(steps + 1);
                CAPTURE(describe(survival));
                ++states;
                EngineFixture next;
                next.disk = f.disk->afterCrash(survival);
                next.mustOpen(smallOptions(after));
                const uint64_t seq = next.engine->appliedSeq();
                REQUIRE(seq >= before.synced);
                REQUIRE(seq < before.hashes.size());
                REQUIRE(next.hash() == before.hashes[seq]);
                // Nobody may take it for the history that had more.
                REQUIRE(next.engine->history() != before.history);
                if (!crashed && after == kAlways)
                    REQUIRE(next.engine->history() == named);
                next.mustSubmit({set("c", "new", "value")});
                next.mustStop();
                next.mustOpen(smallOptions(after));
                REQUIRE(next.engine->appliedSeq() == seq + 1);
                REQUIRE(next.value("c", "new") == "value");
            }
        }
        CHECK(steps > 15);
        CHECK(states > 100);
        MESSAGE("steps: ", steps, ", crash states: ", states);
    }
}
