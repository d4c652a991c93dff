// Keys across restarts: versions, conditions, merges and expiries are after each what they were
// before it, and what a reader has seen gone stays gone.

#include <doctest/doctest.h>

#include "base/random.h"
#include "fault/sim_server.h"

using namespace fluxion;

namespace {

using Kind = Deed::Kind;

Deed keyChange(Kind kind, std::string value = "{}", std::optional<uint64_t> version = {})
{
    Deed change;
    change.kind = kind;
    change.collection = "c";
    change.name = "k";
    change.value = std::move(value);
    change.version = version;
    return change;
}

KeyState seen(SimServer& server)
{
    KeyState state = server.engine().store().find(0, "c")->get("k");
    state.endIfOver(server.engine().nowUs());
    return state;
}

} // namespace

TEST_CASE("the fixed script does to keys what the crashes are for")
{
    const Script script = fixedScript(Durability::Always);
    size_t held = 0;
    size_t failed = 0;
    size_t merged = 0;
    size_t several = 0;
    size_t expired = 0;
    size_t n = 0;
    for (const Script::Turn& turn : script.turns) {
        for (const Deed& change : turn.changes) {
            const bool changed = script.models[n + 1] != script.models[n];
            held += change.kind == Kind::SetIfVersion && changed ? 1 : 0;
            failed += change.kind == Kind::SetIfVersion && !changed ? 1 : 0;
            merged += change.kind == Kind::PatchKey && changed ? 1 : 0;
            several += change.kind == Kind::WriteKeys && changed ? 1 : 0;
            expired += change.kind == Kind::Wait && changed ? 1 : 0;
            ++n;
        }
    }
    CHECK(held >= 1);
    CHECK(failed >= 1);
    CHECK(merged >= 2);
    CHECK(several >= 2);
    CHECK(expired >= 1);
}

TEST_CASE("keys after thousands of changes and many restarts are what the model says")
{
    const uint64_t seed = randomU64() % 1'000'000'000;
    INFO("seed ", seed);
    std::mt19937_64 random(seed);
    auto disk = SimDisk::create();
    const auto clock = std::make_shared<SimClock>();
    auto server = std::make_unique<SimServer>(disk, faultOptions(), clock);
    REQUIRE(server->open().ok());
    Model model;
    for (int i = 0; i < 4000; ++i) {
        const Deed change = randomChange(random, 100);
        const auto outcomes = server->submit({change});
        REQUIRE(outcomes.size() == 1);
        REQUIRE(answered(outcomes[0]));
        model.apply(change);
        REQUIRE_MESSAGE(server->model() == model, describe(change));
        const uint64_t dice = random() % 100;
        if (dice == 0)
            REQUIRE(server->engine().checkpoint().ok());
        if (dice > 3)
            continue;
        const uint64_t hash = server->hash();
        if (dice == 3)
            REQUIRE(server->stop().ok());
        server.reset();
        disk = dice == 1 ? disk->afterKill() : disk->afterCrash({});
        server = std::make_unique<SimServer>(disk, faultOptions(), clock);
        REQUIRE(server->open().ok());
        REQUIRE(server->hash() == hash);
        REQUIRE(server->model() == model);
    }
}

TEST_CASE("an expired key is never seen, though the disk takes no entry that says so")
{
    const auto clock = std::make_shared<SimClock>();
    auto disk = SimDisk::create();
    auto server = std::make_unique<SimServer>(disk, faultOptions(), clock);
    REQUIRE(server->open().ok());
    REQUIRE(server->submit({keyChange(Kind::SetExpiring)})[0].status.ok());
    REQUIRE(seen(*server).found);
    SimFailure failure;
    failure.forEver = true;
    disk->setPlan({0, {failure}});
    clock->advanceUs(kLifetimeUs - 1);
    CHECK(seen(*server).found);
    clock->advanceUs(1);
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(seen(*server).found);
        CHECK(seen(*server).value.empty());
        CHECK(seen(*server).version == 2);
        server->engine().step();
    }
    CHECK(server->engine().readOnly());
    server.reset();
    disk = disk->afterCrash({});
    server = std::make_unique<SimServer>(disk, faultOptions(), clock);
    REQUIRE(server->open().ok());
    CHECK_FALSE(seen(*server).found);
    CHECK(server->submit({keyChange(Kind::SetIfVersion, "!", 2)})[0].version == 3);
}

TEST_CASE("a conflict with what its own batch did not bring about is not told")
{
    for (const bool full : {false, true}) {
        CAPTURE(full);
        const auto disk = SimDisk::create();
        SimServer server(disk);
        REQUIRE(server.open().ok());
        SimFailure failure;
        failure.forEver = true;
        if (full) {
            failure.kind = SimOp::Create;
            failure.fault = SimFailure::Fault::NoSpace;
            failure.nameStart = "spare-";
        }
        disk->setPlan({0, {failure}});
        Deed other = keyChange(Kind::SetKey, std::string(1200, '!'));
        other.name = "other";
        while (full && server.submit({other})[0].status)
            continue;
        const uint64_t seq = server.engine().appliedSeq();
        const auto outcomes =
            server.submit({keyChange(Kind::PatchKey, "{\"a\":\"" + std::string(1200, 'x') + "\"}"),
                           keyChange(Kind::SetIfVersion, "!", 0)});
        CHECK(server.engine().appliedSeq() == seq);
        REQUIRE(outcomes.size() == 2);
        const Code code = full ? Code::StorageFull : Code::ReadOnly;
        for (const Outcome& outcome : outcomes) {
            REQUIRE_FALSE(outcome.status.ok());
            CHECK(outcome.status.error().code == code);
            CHECK_FALSE(outcome.conflict);
        }
    }
}
