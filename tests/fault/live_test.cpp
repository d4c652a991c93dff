// What subscribers are told, beside a disk that may lose its power at any operation: only what
// lasts, each event once, and positions from which the rest can be had.

#include <doctest/doctest.h>

#include "unit/live/live_wishes.h"

using namespace fluxion;

namespace {

EngineOptions options()
{
    return liveOptions(64 * 1024 * 1024, 16384);
}

void write(LiveFixture& f, LiveWishes& wishes, uint64_t count)
{
    std::vector<Wish> batch;
    for (uint64_t n = 0; n < count; ++n)
        batch.push_back(wishes.next(f.engine().store()));
    f.write(batch);
}

} // namespace

TEST_CASE("no event leaves before the write that covers it has returned, nor what power could take")
{
    std::mt19937_64 random(1);
    LiveWishes wishes(random);
    LiveFixture f({}, options(), false);
    TestClient live;
    TestClient resumed;
    live.subscribe(*f.hub);
    resumed.subscribe(*f.hub, {false, 0});
    uint64_t writes = 0;
    f.files.disk->setHook([&](const SimOp& op) {
        f.settle(); // the hub and the reader get as far as they can
        const uint64_t seq = f.engine().appliedSeq();
        CHECK(live.through() <= seq);
        CHECK(resumed.through() <= seq);
        CHECK((live.changes.empty() || live.changes.back().seq <= seq));
        writes += op.kind == SimOp::Write && op.durable && op.offset > 0 ? 1 : 0;
        if (writes % 8 != 0)
            return;
        EngineFixture probe;
        probe.disk = f.files.disk->clone()->afterCrash({});
        probe.mustOpen(options());
        CHECK(probe.engine->appliedSeq() >= live.through());
    });
    for (int turn = 0; turn < 100; ++turn) {
        write(f, wishes, 1 + wishes.below(3));
        f.clock().advanceUs(static_cast<int64_t>(wishes.below(3000)));
    }
    f.files.disk->setHook(nullptr);
    f.settleAll();
    CHECK(writes >= 100);
    CHECK(live.changes.size() > 100);
    live.check(f.log, f.log.through());
    resumed.check(f.log, f.log.through());
}

TEST_CASE("who resumes at the position of any frame gets the rest, each event once")
{
    std::mt19937_64 random(2);
    LiveWishes wishes(random);
    LiveLimits limits;
    limits.frameBytes = 100; // an event or two
    limits.maxQueueEvents = 10;
    limits.piece.eventBytes = 500;
    LiveFixture f(limits, options(), false);
    TestClient client;
    client.stalled = 0; // slow, and never so much that it is let go
    client.subscribe(*f.hub);
    std::vector<std::unique_ptr<TestClient>> others;
    const auto resumeAt = [&](uint64_t seq) {
        others.push_back(std::make_unique<TestClient>());
        others.back()->subscribe(*f.hub, {false, seq});
    };
    for (int turn = 0; turn < 60; ++turn) {
        client.room = wishes.below(4);
        write(f, wishes, 3 + wishes.below(6));
        f.tasks.step();
        if (wishes.below(2) == 0)
            resumeAt(client.through());
        f.reads.step();
        f.hub->resume(client.id);
    }
    resumeAt(f.hub->unsubscribe(client.id));
    f.settleAll();
    client.check(f.log);
    CHECK(f.shared->fellBehind > 0);
    CHECK(others.size() > 5);
    for (const auto& other : others) {
        if (!other->ended)
            CHECK(other->through() == f.log.through());
        other->check(f.log, other->resumeSeq());
    }
}

TEST_CASE("a snapshot is the state at its seq, also when it is read while others write")
{
    std::mt19937_64 random(3);
    LiveWishes wishes(random);
    LiveLimits limits;
    limits.piece.eventBytes = 100;
    LiveFixture f(limits, options(), false);
    for (int round = 0; round < 20; ++round) {
        write(f, wishes, 10);
        TestClient keys;
        TestClient documents;
        documents.wanted.documents = true;
        keys.subscribe(*f.hub, {true, {}});
        documents.subscribe(*f.hub, {true, {}});
        while (f.reads.step() || f.tasks.step())
            if (wishes.below(2) == 0 && f.log.through() < 2000)
                write(f, wishes, 2);
        f.settleAll();
        for (const TestClient* client : {&keys, &documents}) {
            client->checkState(f.log, f.engine().nowUs());
            client->check(f.log, f.log.through());
            f.hub->unsubscribe(client->id);
        }
    }
}
