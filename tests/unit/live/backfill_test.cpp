// History from the log is what was told live; a snapshot is one moment, whatever goes on.

#include <doctest/doctest.h>

#include "live/backfill.h"
#include "unit/live/live_wishes.h"
#include "unit/store/model_seed.h"

using namespace fluxion;

namespace {

// All that a backfill tells, through `client`'s eyes; how many pieces it took.
size_t readAll(Backfill& backfill, std::vector<QueuedEvent>& events, uint64_t& through)
{
    for (size_t pieces = 1; pieces < 100'000; ++pieces) {
        BackfillPiece piece = backfill.next();
        REQUIRE(piece.status.ok());
        if (!events.empty() && events.back().seq > through) // more of its seq was promised
            CHECK((!piece.events.empty() && piece.events[0].seq == events.back().seq));
        if (!piece.events.empty() && !piece.atEnd)
            CHECK(piece.events.back().seq <= piece.through + 1);
        else
            CHECK((piece.events.empty() || piece.events.back().seq <= piece.through));
        for (QueuedEvent& event : piece.events)
            events.push_back(std::move(event));
        through = piece.through;
        if (piece.atEnd)
            return pieces;
    }
    FAIL("it does not end");
    return 0;
}

std::shared_ptr<const Filter> share(const Wanted& wanted)
{
    return std::make_shared<const Filter>(wanted.filter());
}

} // namespace

TEST_CASE("the log tells what was told live: random operations, every filter, from every seq")
{
    std::mt19937_64 random = seededRandom("live and from the log");
    for (const bool inMemory : {true, false}) {
        LiveLimits limits;
        limits.maxQueueEvents = SIZE_MAX;
        LiveFixture f(limits, liveOptions(64 << 20, 16384), inMemory);
        LiveWishes wishes(random);
        std::vector<TestClient> clients(40);
        for (TestClient& client : clients) {
            client.wanted = wishes.wanted();
            client.subscribe(*f.hub);
        }
        for (int turn = 0; turn < 400; ++turn) {
            std::vector<Wish> batch;
            for (uint64_t n = 0; n <= wishes.below(4); ++n)
                batch.push_back(wishes.next(f.engine().store()));
            f.write(batch);
            f.settle();
            f.clock().advanceUs(static_cast<int64_t>(wishes.below(5000)));
        }
        for (const TestClient& client : clients) {
            client.check(f.log, f.log.through());
            const uint64_t after = wishes.below(2) == 0 ? 0 : wishes.below(f.log.through() + 1);
            const PieceLimits small{1 + wishes.below(3000), 1 + wishes.below(9000)};
            ChangeBackfill backfill(f.engine(), f.shared->eventBytes, share(client.wanted), after,
                                    small);
            std::vector<QueuedEvent> events;
            uint64_t through = 0;
            readAll(backfill, events, through);
            CHECK(through == f.log.through());
            size_t first = 0; // of the live ones
            while (first < client.changes.size() && client.changes[first].seq <= after)
                ++first;
            REQUIRE(events.size() == client.changes.size() - first);
            for (size_t i = 0; i < events.size(); ++i) {
                CHECK(events[i].text->text() == client.changes[first + i].text);
                CHECK(events[i].seq == client.changes[first + i].seq);
            }
        }
        CHECK(f.log.through() > 400);
    }
}

TEST_CASE("a piece ends where it is enough, and says how far it looked")
{
    LiveFixture f;
    for (int i = 0; i < 10; ++i)
        f.write({set("c", "k", std::string(900, 'v')), set("e", "k", std::string(900, 'v'))});
    Wanted wanted;
    wanted.collection = "c";
    ChangeBackfill byEvents(f.engine(), f.shared->eventBytes, share(wanted), 3, {1500, SIZE_MAX});
    BackfillPiece piece = byEvents.next();
    CHECK(piece.events.size() == 2); // of seqs 5 and 7
    CHECK(piece.through == 7);
    CHECK_FALSE(piece.atEnd);
    CHECK(piece.events[0].seq == 5);
    std::vector<QueuedEvent> events;
    uint64_t through = 0;
    CHECK(readAll(byEvents, events, through) == 4);
    CHECK(events.size() == 6);
    CHECK(through == 20);
    // What comes later is found later.
    f.write({set("e", "k"), set("c", "k")});
    piece = byEvents.next();
    CHECK(piece.events.size() == 1);
    CHECK(piece.through == 22);
    CHECK(piece.atEnd);
    CHECK(byEvents.next().atEnd);

    // Bytes read count also where nothing is found.
    wanted.collection = "none";
    ChangeBackfill byBytes(f.engine(), f.shared->eventBytes, share(wanted), 0, {SIZE_MAX, 5000});
    events.clear();
    CHECK(readAll(byBytes, events, through) == 4);
    CHECK(events.empty());
    CHECK(through == 22);

    ChangeBackfill whole(f.engine(), f.shared->eventBytes, share({}), 0);
    CHECK(readAll(whole, events, through) == 1);
    CHECK(events.size() == 22);
}

TEST_CASE("a piece ends within an entry only where more of it is to be told")
{
    LiveFixture f;
    std::vector<TestRecord> list;
    for (int64_t ts = 0; ts < 30; ++ts)
        list.push_back({"c", "d", ts, ts < 20 ? "red" : "blue"});
    f.write({set("c", "k"), insert(list), insert({{"c", "d", 50, "red"}})});
    Wanted wanted;
    wanted.documents = true;
    wanted.has = "red";
    ChangeBackfill one(f.engine(), f.shared->eventBytes, share(wanted), 0, {1, SIZE_MAX});
    for (size_t i = 0; i < 21; ++i) {
        const BackfillPiece piece = one.next();
        REQUIRE(piece.events.size() == 1);
        // Behind the last red one of the entry it is known to be the last.
        CHECK(piece.through == (i < 19 ? 1 : i == 19 ? 2 : 3));
        CHECK(piece.events[0].seq == (i < 20 ? 2 : 3));
        CHECK(piece.events[0].text->index() == (i < 20 ? i : 0));
        CHECK_FALSE(piece.atEnd);
    }
    const BackfillPiece last = one.next();
    CHECK((last.events.empty() && last.atEnd && last.through == 3));
    CHECK(f.shared->eventBytes == 0); // also the batch is let go

    ChangeBackfill within(f.engine(), f.shared->eventBytes, share(wanted), {1, 7});
    const BackfillPiece rest = within.next();
    CHECK(rest.events.size() == 14);
    CHECK(rest.events[0].text->index() == 7);
    CHECK(rest.through == 3);
}

TEST_CASE("what the log has dropped: an end, or a past that is not known")
{
    LiveFixture f({}, liveOptions(20'000, 20'000));
    f.write(set("c", "k", "red"));
    ChangeBackfill early(f.engine(), f.shared->eventBytes, share({}), 0, {500, SIZE_MAX});
    CHECK(early.next().through == 1);
    for (int i = 0; i < 40; ++i)
        f.write(set("c", "other", std::string(900, 'v')));
    const BackfillPiece piece = early.next();
    REQUIRE_FALSE(piece.status.ok());
    CHECK(piece.status.error().code == Code::Compacted);
    CHECK(piece.through == 1);
    CHECK(piece.events.empty());
    // It may have been in sight: told as if it was, without what nobody knows.
    f.write(set("c", "k", "blue"));
    f.write(set("c", "k", "red"));
    Wanted wanted;
    wanted.name = "k";
    wanted.has = "red";
    wanted.fields.previous = true;
    ChangeBackfill late(f.engine(), f.shared->eventBytes, share(wanted), 41);
    std::vector<QueuedEvent> events;
    uint64_t through = 0;
    readAll(late, events, through);
    REQUIRE(events.size() == 2);
    CHECK(events[0].text->text() ==
          R"({"seq":42,"i":0,"op":"set","col":"c","key":"k","ver":2,"left":true})");
    CHECK(events[1].text->text() ==
          R"({"seq":43,"i":0,"op":"set","col":"c","key":"k","ver":3,"entered":true,)"
          R"("value":"red","previous":"blue"})");
}

TEST_CASE("a snapshot is one moment, while writes go on between its pieces")
{
    std::mt19937_64 random = seededRandom("snapshots");
    LiveWishes wishes(random);
    for (int round = 0; round < 60; ++round) {
        LiveLimits limits;
        limits.piece.eventBytes = 1 + wishes.below(1000);
        limits.frameBytes = 1 + wishes.below(1000);
        LiveFixture f(limits);
        const auto write = [&](uint64_t count) {
            std::vector<Wish> batch;
            for (uint64_t n = 0; n < count; ++n)
                batch.push_back(wishes.next(f.engine().store()));
            f.write(batch);
        };
        write(wishes.below(60));
        std::vector<TestClient> clients(4);
        for (TestClient& client : clients) {
            client.wanted = wishes.wanted();
            client.subscribe(*f.hub, {true, {}});
        }
        while (f.reads.step() || f.tasks.step()) {
            if (wishes.below(2) == 0 && f.log.through() < 300)
                write(1 + wishes.below(3));
            f.clock().advanceUs(static_cast<int64_t>(wishes.below(2000)));
        }
        f.settleAll();
        for (const TestClient& client : clients) {
            client.checkState(f.log, f.engine().nowUs());
            client.check(f.log, f.log.through());
        }
    }
}

TEST_CASE("a snapshot of many pages: split, whole, and none of what is over")
{
    LiveFixture f;
    constexpr size_t kKeys = 2000;
    for (size_t i = 0; i < kKeys; ++i)
        f.write(SetKeyProposal{
            "c", "k" + std::to_string(i), std::string(100, 'v'), {}, i % 4 == 0 ? 1000 : 0});
    f.write({insert({{"c", "d", 1, "old"}, {"c", "d", 3, "new"}, {"c", "d", 2, "mid"}}),
             removeKey("c", "k1")});
    f.clock().advanceUs(1000); // over, but no entry says so yet
    SnapshotBackfill keys(f.engine(), f.shared->cuts, f.shared->eventBytes, share({}),
                          f.engine().appliedSeq(), {5000, 1 << 20});
    const BackfillPiece first = keys.next();
    CHECK(first.events.size() > 20);
    CHECK(first.events.size() < 50); // a part of a page
    CHECK_FALSE(first.atEnd);
    CHECK(first.through == kKeys + 2);
    f.write(drop("c"));
    std::vector<QueuedEvent> events;
    uint64_t through = 0;
    CHECK(readAll(keys, events, through) > 20);
    CHECK(through == kKeys + 2);
    CHECK(first.events.size() + events.size() == kKeys - kKeys / 4 - 1);

    Wanted wanted;
    wanted.documents = true;
    SnapshotBackfill after(f.engine(), f.shared->cuts, f.shared->eventBytes, share(wanted),
                           f.engine().appliedSeq());
    events.clear();
    CHECK(readAll(after, events, through) == 1);
    CHECK(events.empty());
    f.write(insert({{"c", "d", 1, "old"}, {"c", "d", 3, "new"}, {"e", "d", 2, "mid"}}));
    wanted.has = "o"; // of the latest record, not of any
    SnapshotBackfill none(f.engine(), f.shared->cuts, f.shared->eventBytes, share(wanted),
                          f.engine().appliedSeq());
    readAll(none, events, through);
    CHECK(events.empty());
    wanted.has = "new";
    SnapshotBackfill one(f.engine(), f.shared->cuts, f.shared->eventBytes, share(wanted),
                         f.engine().appliedSeq());
    readAll(one, events, through);
    REQUIRE(events.size() == 1);
    CHECK(events[0].text->text() ==
          R"({"seq":0,"i":0,"op":"inserted","col":"c","doc":"d","ts":3,"data":"new"})");
}

TEST_CASE("snapshots share a cut that is new enough for both, and are counted")
{
    LiveLimits limits;
    limits.piece.eventBytes = 1;
    LiveFixture f(limits);
    f.write({set("c", "a"), set("c", "b")});
    CHECK(f.shared->cuts.summary().count == 0);
    TestClient clients[4];
    for (TestClient& client : clients)
        client.room = 0;
    for (int i = 0; i < 3; ++i)
        clients[i].subscribe(*f.hub, {true, {}});
    f.write(set("c", "a", "later"));
    f.settle(); // the first one opens it, behind the write
    CHECK(f.shared->cuts.summary().count == 1);
    f.clock().advanceUs(5000);
    CHECK(f.shared->cuts.summary().oldestUs == 5000);
    f.write(set("c", "b", "later still"));
    clients[3].subscribe(*f.hub, {true, {}}); // sees every write of before
    f.settle();
    CHECK(f.shared->cuts.summary().count == 2);
    CHECK(f.shared->cuts.summary().oldestUs == 5000);
    for (int i = 3; i >= 0; --i) {
        clients[i].room = SIZE_MAX;
        f.hub->resume(clients[i].id);
        f.settle();
        CHECK(*clients[i].stateSeq == (i == 3 ? 4 : 3));
        clients[i].checkState(f.log, f.engine().nowUs());
        clients[i].check(f.log, 4);
        CHECK(f.shared->cuts.summary().count == (i == 0 ? 0 : 1));
    }
    CHECK(f.shared->cuts.summary().oldestUs == 0);
}

TEST_CASE("what a backfill remembers of keys is counted, bounded, and given back")
{
    LiveFixture f;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 100; ++i)
            f.write(set("c", "k" + std::to_string(i), "red" + std::string(1000, 'v')));
    }
    Wanted wanted;
    wanted.has = "red";
    wanted.fields = {false, false, true, false};
    std::vector<std::string> texts[2];
    for (const size_t seenBytes : {size_t{1} << 20, size_t{20'000}}) {
        PieceLimits limits{3000, SIZE_MAX};
        limits.seenBytes = seenBytes;
        std::vector<std::string>& told = texts[seenBytes < 100'000];
        ChangeBackfill backfill(f.engine(), f.shared->backfillBytes, share(wanted), 0, limits);
        uint64_t most = 0;
        for (bool end = false; !end;) {
            BackfillPiece piece = backfill.next();
            REQUIRE(piece.status.ok());
            end = piece.atEnd;
            for (const QueuedEvent& event : piece.events)
                told.push_back(event.text->text());
            piece.events.clear();
            most = std::max<uint64_t>(most, f.shared->backfillBytes);
        }
        CHECK(most > (seenBytes < 100'000 ? 10'000 : 100'000));
        CHECK(most < (seenBytes < 100'000 ? 20'000 : 140'000));
        CHECK(f.shared->backfillBytes > 0);
        backfill.rest();
        CHECK(f.shared->backfillBytes == 0);
        f.write(set("c", "k1", "red"));
        CHECK(backfill.next().events.size() == 1); // it goes on where it was
    }
    CHECK(f.shared->backfillBytes == 0);
    CHECK(texts[0].size() == 200);
    texts[1].erase(texts[1].begin() + 200, texts[1].end()); // the one written in between
    CHECK(texts[0] == texts[1]);                            // forgetting costs time only
}

TEST_CASE("memory full of what backfills remember: they go on without it")
{
    LiveLimits limits;
    limits.maxTotalBytes = 30'000;
    limits.piece.eventBytes = 1000;
    limits.frameBytes = 1;
    LiveFixture f(limits);
    for (int i = 0; i < 60; ++i)
        f.write(set("c", "k" + std::to_string(i), std::string(1000, 'v')));
    TestClient clients[4];
    for (TestClient& client : clients) {
        client.wanted.fields.previous = true;
        client.subscribe(*f.hub, {false, 0});
    }
    TestClient stalled; // holds what it was given, and no more
    stalled.wanted.fields.previous = true;
    stalled.room = 5;
    stalled.stalled = 0;
    stalled.subscribe(*f.hub, {false, 0});
    for (int i = 0; i < 500 && clients[0].through() + clients[3].through() < 120; ++i) {
        f.settle();
        f.hub->tick();
    }
    for (const TestClient& client : clients)
        client.check(f.log, 60);
    CHECK(f.shared->backfillBytes <= limits.maxTotalBytes);
}
