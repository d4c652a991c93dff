// Keys with a time to live: gone for readers the moment it is over, and soon after by an entry of
// the log, whatever comes between.

#include <chrono>

#include <doctest/doctest.h>

#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

constexpr int64_t kSecondUs = 1'000'000;

struct ExpiryFixture : EngineFixture {
    // As a reader sees it.
    KeyState view(const std::string& key, const std::string& collection = "c") const
    {
        const auto there = engine->store().find(0, collection);
        KeyState state = there ? there->get(key) : KeyState();
        state.endIfOver(engine->nowUs());
        return state;
    }
    bool found(const std::string& key) const { return view(key).found; }
    // "v3", "v3 gone", with " seq 7" of the change where the log has it.
    std::string told(const std::string& key) const
    {
        const KeyState state = view(key);
        const KeyHead head = engine->store().find(0, "c")->head(key);
        CHECK(state.version == head.version + (head.found && !state.found ? 1 : 0));
        return "v" + std::to_string(state.version) + (state.found ? "" : " gone") +
               (state.found == head.found ? " seq " + std::to_string(head.seq) : "");
    }
    uint64_t seq() const { return engine->appliedSeq(); }
    size_t pending() const { return engine->store().expiries().size(); }
};

Wish setFor(const std::string& key, int64_t ttlUs, const std::string& value = "v")
{
    return SetKeyProposal{"c", key, value, {}, ttlUs};
}

Wish patch(const std::string& key, const std::string& text, std::optional<int64_t> ttlUs = {})
{
    return PatchKeyProposal{"c", key, text, {}, ttlUs};
}

} // namespace

TEST_CASE("a key is gone for readers the moment its time is over, and then by an entry")
{
    ExpiryFixture f;
    f.mustOpen();
    f.mustSubmit({setFor("k", kSecondUs), set("c", "other")});
    CHECK(f.told("k") == "v1 seq 1");
    CHECK(f.view("k").expiryUs == f.clock.wallUs() + kSecondUs);
    f.clock.advanceUs(kSecondUs - 1);
    f.engine->step();
    CHECK(f.told("k") == "v1 seq 1");
    f.clock.advanceUs(1);
    CHECK(f.told("k") == "v2 gone");
    CHECK(f.view("k").value.empty());
    CHECK(f.view("k").expiryUs == 0);
    CHECK(f.seq() == 2);
    const int64_t over = f.clock.wallUs();
    f.clock.advanceUs(7);
    f.engine->step();
    CHECK(f.told("k") == "v2 gone seq 3");
    CHECK(f.engine->store().appliedTimeUs() == over + 7);
    CHECK(f.pending() == 0);
    f.engine->step();
    CHECK(f.seq() == 3); // once
    CHECK(f.told("other") == "v1 seq 2");
    f.mustSubmit({set("c", "k", "again")});
    CHECK(f.told("k") == "v3 seq 4");
    f.clock.advanceUs(10 * kSecondUs);
    f.engine->step();
    CHECK(f.told("k") == "v3 seq 4");
}

TEST_CASE("proposals that come with the time find the key gone, behind its entry")
{
    ExpiryFixture f;
    f.mustOpen();
    f.mustSubmit({setFor("k", 10, "{\"a\":1}"), setFor("l", 10)});
    f.clock.advanceUs(10);
    const auto outcomes = f.submit({
        SetKeyProposal{"c", "k", "v", 1},
        patch("k", "{\"b\":2}"),
        removeKey("c", "l"),
    });
    CHECK(tokenOf(outcomes[0].status) == "conflict");
    REQUIRE(outcomes[0].conflict);
    CHECK_FALSE(outcomes[0].conflict->found);
    CHECK(outcomes[0].conflict->version == 2);
    CHECK(outcomes[1].seq == 5); // behind both
    CHECK(outcomes[1].version == 3);
    CHECK(f.value("c", "k") == "{\"b\":2}");
    CHECK(outcomes[2].seq == 5);
    CHECK(outcomes[2].version == 0);
    CHECK(f.told("l") == "v2 gone seq 4");
    CHECK(f.view("k").expiryUs == 0);
    CHECK(f.pending() == 0);
}

TEST_CASE("what ends an expiry, moves it, keeps it")
{
    ExpiryFixture f;
    f.mustOpen();
    const int64_t start = f.clock.wallUs();
    f.mustSubmit({setFor("ended", 100), setFor("moved", 100), setFor("kept", 100, "{}"),
                  setFor("patched", 100, "{}"), setFor("removed", 100),
                  setFor("patched-to-end", 100, "{}")});
    CHECK(f.pending() == 6);
    f.clock.advanceUs(50);
    f.mustSubmit({set("c", "ended"), setFor("moved", 100), patch("kept", "{\"a\":1}"),
                  patch("patched", "{\"a\":1}", 200), removeKey("c", "removed"),
                  patch("patched-to-end", "{\"a\":1}", 0)});
    CHECK(f.pending() == 3);
    CHECK(f.view("kept").expiryUs == start + 100);
    const uint64_t before = f.seq();
    f.clock.advanceUs(50);
    CHECK_FALSE(f.found("kept"));
    CHECK(f.found("moved"));
    f.engine->step();
    CHECK(f.seq() == before + 1);
    f.clock.advanceUs(50);
    CHECK_FALSE(f.found("moved"));
    f.clock.advanceUs(100);
    CHECK_FALSE(f.found("patched"));
    f.engine->step();
    CHECK(f.seq() == before + 3);
    CHECK(f.found("ended"));
    CHECK(f.found("patched-to-end"));
    CHECK(f.told("removed") == "v2 gone seq 11");
    CHECK(f.pending() == 0);
}

TEST_CASE("keys go in the order of their times, those of one moment together")
{
    ExpiryFixture f;
    f.mustOpen();
    f.mustSubmit({setFor("late", 30), setFor("b", 20), setFor("early", 10), setFor("a", 20)});
    f.clock.advanceUs(20);
    f.disk->setPlan({});
    f.engine->step();
    CHECK(f.disk->count(SimOp::Write) == 1);
    CHECK(f.told("early") == "v2 gone seq 5");
    CHECK(f.told("a") == "v2 gone seq 6");
    CHECK(f.told("b") == "v2 gone seq 7");
    CHECK(f.told("late") == "v1 seq 1");
}

TEST_CASE("more keys than a batch takes, due at once")
{
    for (const uint64_t segmentBytes : {4096, 1024 * 1024}) {
        CAPTURE(segmentBytes);
        ExpiryFixture f;
        f.mustOpen(smallOptions(Durability::Always, segmentBytes));
        constexpr uint64_t kKeys = 3000;
        std::vector<Wish> wishes;
        for (uint64_t i = 0; i < kKeys; ++i)
            wishes.push_back(setFor("k" + std::to_string(i), 1000));
        f.mustSubmit(wishes);
        f.clock.advanceUs(1000);
        // Whatever the first batch holds: readers and proposals see none of them.
        const auto outcomes =
            f.submit({SetKeyProposal{"c", "k2999", "v", 1}, SetKeyProposal{"c", "k2999", "v", 0},
                      removeKey("c", "k2998")});
        CHECK(tokenOf(outcomes[0].status) == "conflict");
        CHECK(outcomes[1].status.ok());
        CHECK(outcomes[1].version == 3);
        CHECK(outcomes[2].version == 0);
        for (int turns = 0; turns < 100 && f.pending() > 0; ++turns)
            f.engine->step();
        CHECK(f.seq() == 2 * kKeys + 1);
        CHECK(f.pending() == 0);
        CHECK(f.engine->store().find(0, "c")->pinValues().liveCount == 1);
        const uint64_t hash = f.hash();
        f.crash();
        f.mustOpen(smallOptions(Durability::Always, segmentBytes));
        CHECK(f.hash() == hash);
        CHECK(f.pending() == 0);
    }
}

TEST_CASE("many keys that are over in one proposal cost one look at each")
{
    ExpiryFixture f;
    f.mustOpen(smallOptions(Durability::Always, 16 * 1024 * 1024));
    constexpr uint64_t kKeys = 8000;
    std::vector<Wish> wishes;
    WriteKeysProposal all{"c", {}};
    for (uint64_t i = 0; i < kKeys; ++i) {
        wishes.push_back(setFor("k" + std::to_string(i), 1000));
        all.writes.push_back({WriteKeysProposal::Op::Patch, "k" + std::to_string(i), "{\"a\":1}"});
    }
    f.mustSubmit(wishes);
    f.clock.advanceUs(1000);
    const auto begun = std::chrono::steady_clock::now();
    const auto outcomes = f.submit({all});
    // It took a minute and more when each of them was the beginning of all once more.
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(20));
    REQUIRE(outcomes[0].status.ok());
    CHECK(outcomes[0].versions->size() == kKeys);
    CHECK(outcomes[0].versions->back() == 3);
    CHECK(f.pending() == 0);
}

TEST_CASE("a restart before, at and after the moment; from the log and from a checkpoint")
{
    for (const bool checkpoint : {false, true}) {
        for (const bool crash : {false, true}) {
            CAPTURE(checkpoint);
            CAPTURE(crash);
            ExpiryFixture f;
            const auto restart = [&] {
                crash ? f.crash() : f.kill();
                f.mustOpen();
            };
            f.mustOpen();
            f.mustSubmit({setFor("k", 100), setFor("late", 1000, "{}"), setFor("l", 100)});
            if (checkpoint)
                REQUIRE(f.engine->checkpoint().ok());
            f.mustSubmit({set("c", "l")}); // behind the checkpoint
            restart();
            CHECK(f.pending() == 2);
            f.engine->step();
            CHECK(f.told("k") == "v1 seq 1");
            f.clock.advanceUs(50);
            restart();
            f.clock.advanceUs(50);
            CHECK(f.told("k") == "v2 gone");
            restart(); // over, and nobody has written it down
            CHECK(f.told("k") == "v2 gone");
            CHECK(f.seq() == 4);
            f.engine->step();
            CHECK(f.told("k") == "v2 gone seq 5");
            CHECK(f.told("l") == "v2 seq 4");
            f.clock.advanceUs(900);
            restart();
            const auto outcomes = f.submit({patch("late", "{\"a\":1}")});
            CHECK(outcomes[0].version == 3);
            CHECK(outcomes[0].seq == 7);
            CHECK(f.value("c", "late") == "{\"a\":1}");
            const uint64_t hash = f.hash();
            restart();
            CHECK(f.hash() == hash);
            CHECK(f.told("k") == "v2 gone seq 5");
            CHECK(f.pending() == 0);
        }
    }
}

TEST_CASE("an orderly stop writes down what is over")
{
    ExpiryFixture f;
    f.mustOpen();
    f.mustSubmit({setFor("k", 100), setFor("late", 1000)});
    f.clock.advanceUs(100);
    f.mustStop();
    f.mustOpen();
    CHECK(f.told("k") == "v2 gone seq 3");
    CHECK(f.pending() == 1);
    f.clock.advanceUs(900);
    CHECK(f.told("late") == "v2 gone");
}

TEST_CASE("a clock that is set back brings no key back")
{
    ExpiryFixture f;
    f.mustOpen();
    const int64_t start = f.clock.wallUs();
    f.mustSubmit({setFor("k", 100), setFor("late", 1000)});
    f.clock.setWallUs(start + 100);
    CHECK_FALSE(f.found("k"));
    f.clock.setWallUs(start - kSecondUs);
    CHECK_FALSE(f.found("k")); // whoever has seen it gone must not see it again
    CHECK(f.engine->nowUs() == start + 100);
    const auto outcomes = f.submit({SetKeyProposal{"c", "k", "v", 1}});
    CHECK(tokenOf(outcomes[0].status) == "conflict");
    CHECK(f.told("k") == "v2 gone seq 3");
    CHECK(f.engine->store().appliedTimeUs() == start + 100);
    CHECK(f.found("late"));
    f.kill();
    f.mustOpen();
    CHECK(f.told("k") == "v2 gone seq 3");
    CHECK(f.engine->nowUs() == start + 100);
    f.mustSubmit({setFor("new", 50)}); // counts from the log's time
    CHECK(f.view("new").expiryUs == start + 150);
    f.clock.setWallUs(start + 149);
    CHECK(f.found("new"));
    f.clock.setWallUs(start + 150);
    CHECK_FALSE(f.found("new"));
}

TEST_CASE("a full disk at the entry: tried again later, and never seen meanwhile")
{
    ExpiryFixture f;
    f.mustOpen();
    SimFailure full;
    full.kind = SimOp::Create;
    full.fault = SimFailure::Fault::NoSpace;
    full.nameStart = "spare-";
    full.forEver = true;
    const std::string key(100, 'k'); // its entry needs more than the smallest set
    f.mustSubmit({setFor(key, 100)});
    f.disk->setPlan({0, {full}});
    for (const size_t size : {900, 100, 10, 0}) {
        while (f.submit({set("c", "f", std::string(size, 'x'))})[0].status)
            continue;
    }
    const uint64_t before = f.seq();
    f.clock.advanceUs(100);
    f.engine->step();
    CHECK(f.seq() == before);
    CHECK(f.told(key) == "v2 gone");
    const uint64_t tried = f.disk->count(SimOp::Create);
    for (int i = 0; i < 9; ++i) {
        f.clock.advanceUs(kSecondUs / 10);
        f.engine->step();
        CHECK(f.told(key) == "v2 gone");
    }
    CHECK(f.disk->count(SimOp::Create) == tried); // no spin
    // Nobody is told of an expiry that could not be written down.
    const auto outcomes =
        f.submit({SetKeyProposal{"c", key, "v", 1}, SetKeyProposal{"c", key, "v", 2}});
    CHECK(tokenOf(outcomes[0].status) == "storage_full");
    CHECK(tokenOf(outcomes[1].status) == "storage_full");
    CHECK(f.told(key) == "v2 gone");
    const uint64_t triedAgain = f.disk->count(SimOp::Create);
    f.clock.advanceUs(2 * kSecondUs);
    f.engine->step();
    CHECK(f.disk->count(SimOp::Create) > triedAgain);
    CHECK(f.seq() == before);
    CHECK_FALSE(f.engine->readOnly());

    f.disk->setPlan({});
    f.engine->step();
    CHECK(f.seq() == before); // not yet
    f.clock.advanceUs(kSecondUs);
    f.engine->step();
    CHECK(f.told(key) == "v2 gone seq " + std::to_string(before + 1));
    f.crash();
    f.mustOpen();
    CHECK(f.told(key) == "v2 gone seq " + std::to_string(before + 1));
}

TEST_CASE("after a write that failed an expired key stays unseen, without an entry")
{
    ExpiryFixture f;
    f.mustOpen();
    f.mustSubmit({setFor("k", 100)});
    SimFailure broken;
    broken.kind = SimOp::Write;
    f.disk->setPlan({0, {broken}});
    f.clock.advanceUs(100);
    f.engine->step();
    CHECK(f.engine->readOnly());
    const uint64_t operations = f.disk->operations();
    f.clock.advanceUs(100 * kSecondUs);
    f.engine->step();
    CHECK(f.disk->operations() == operations);
    CHECK(f.told("k") == "v2 gone");
    f.crash();
    f.mustOpen();
    f.engine->step();
    CHECK(f.told("k") == "v2 gone seq 2");
}

TEST_CASE("a drop takes the expiries of its collection with it, of no other")
{
    ExpiryFixture f;
    f.mustOpen();
    f.mustSubmit({setFor("k", 100), SetKeyProposal{"d", "k", "v", {}, 100}, set("c", "stays")});
    f.mustSubmit({drop("c")});
    CHECK(f.told("k") == "v2 gone seq 4");
    CHECK(f.pending() == 1);
    f.mustSubmit({setFor("k", 200)});
    f.clock.advanceUs(100);
    f.engine->step();
    CHECK(f.seq() == 6); // of d alone
    CHECK(f.told("k") == "v3 seq 5");
    // A drop when its keys are over already: each changes once.
    f.clock.advanceUs(100);
    const auto outcomes = f.submit({drop("c"), SetKeyProposal{"c", "k", "v", 4}});
    CHECK(f.told("k") == "v5 seq 8");
    CHECK(outcomes[1].status.ok());
    const uint64_t hash = f.hash();
    f.kill();
    f.mustOpen();
    CHECK(f.hash() == hash);
}

TEST_CASE("a version never goes back, not even when its tombstone is forgotten")
{
    ExpiryFixture f;
    f.mustOpen();
    f.mustSubmit({setFor("k", 100), set("c", "l"), set("c", "l"), removeKey("c", "l")});
    f.clock.advanceUs(100);
    f.engine->step();
    f.mustSubmit({ForgetKeysProposal{"c", {{"k", 5}, {"l", 4}}}});
    CHECK(f.seq() == 6);
    const auto check = [&] {
        const auto there = f.engine->store().find(0, "c");
        REQUIRE(there);
        CHECK_FALSE(there->listed());
        CHECK_FALSE(there->bare());
        CHECK(there->pinValues().tombstoneCount == 0);
        for (const std::string name : {"k", "l", "new"}) {
            CHECK(f.view(name).version == 3);
            CHECK_FALSE(f.view(name).tombstone);
        }
    };
    check();
    f.kill();
    f.mustOpen(); // from the log
    check();
    f.mustStop();
    f.mustOpen(); // from a checkpoint
    check();
    const auto outcomes = f.submit({set("c", "k"), SetKeyProposal{"c", "l", "v", 0},
                                    SetKeyProposal{"c", "new", "v", 3}, drop("c"), set("c", "k")});
    const std::vector<uint64_t> versions = {4, 4, 4, 0, 6};
    for (size_t i = 0; i < outcomes.size(); ++i)
        CHECK(outcomes[i].version == versions[i]);
}

TEST_CASE("the commit thread wakes by itself when a key's time has come")
{
    for (const bool folder : {false, true}) {
        CAPTURE(folder);
        EngineFixture f;
        f.directory = f.disk->directory();
        auto opened = Engine::open(smallOptions(), folder ? f.directory.get() : nullptr,
                                   systemClock(), nullSink());
        REQUIRE(opened.ok());
        f.engine = std::move(opened.value());
        f.engine->start();
        f.engine->propose({{}, setFor("k", 30'000), &f.mailbox, 0});
        REQUIRE(f.mailbox.take(1).size() == 1);
        f.engine->awaitSeq(2, f.mailbox, 1);
        REQUIRE(f.mailbox.take(1).size() == 1);
        CHECK_FALSE(f.engine->store().find(0, "c")->get("k").found);
        CHECK(f.engine->stop().ok());
    }
}
