// What happens to those who cannot keep up, and to those for whom the log no longer reaches back.

#include <doctest/doctest.h>

#include "unit/live/live_fixture.h"

using namespace fluxion;

namespace {

// A client that resumes where the ended one may gets exactly what that one did not.
void checkRest(LiveFixture& f, const TestClient& ended)
{
    REQUIRE(ended.ended);
    ended.check(f.log);
    TestClient next;
    next.wanted = ended.wanted;
    next.subscribe(*f.hub, {false, ended.ended->seq});
    f.settleAll();
    next.check(f.log, f.log.through());
    const size_t missing = f.log.told(ended.wanted, ended.ended->seq, f.log.through()).size();
    CHECK(next.changes.size() == missing);
    CHECK(missing > 0);
    f.hub->unsubscribe(next.id);
}

// Takes two frames of one event each, then no more.
LiveLimits smallLimits()
{
    LiveLimits limits;
    limits.frameBytes = 1;
    return limits;
}

struct Crowd {
    TestClient slow, quick, other;

    explicit Crowd(LiveFixture& f)
    {
        slow.room = 2;
        other.wanted.name = "none"; // has nothing to take, and so cannot be late
        other.room = 0;
        for (TestClient* client : {&slow, &quick, &other})
            client->subscribe(*f.hub);
    }
};

} // namespace

TEST_CASE("who has too many events waiting is let go, alone")
{
    LiveLimits limits = smallLimits();
    limits.maxQueueEvents = 5;
    LiveFixture f(limits);
    Crowd crowd(f);
    for (int i = 0; i < 7; ++i) {
        f.write(set("c", "k"));
        f.settle();
    }
    CHECK_FALSE(crowd.slow.ended);
    CHECK(f.shared->queuedEvents == 5);
    f.write(set("c", "k"));
    f.settle();
    REQUIRE(crowd.slow.ended);
    CHECK(crowd.slow.ended->error.code == Code::Evicted);
    CHECK(crowd.slow.ended->seq == 2);
    CHECK(crowd.slow.ended->oldestSeq == 0);
    CHECK(f.shared->evictions == 1);
    CHECK(f.shared->queuedEvents == 0);
    CHECK(f.shared->subscriptions == 2);
    CHECK(f.hub->unsubscribe(crowd.slow.id) == 0);
    f.hub->resume(crowd.slow.id); // too late, and no harm
    checkRest(f, crowd.slow);
    crowd.quick.check(f.log, 8);
    CHECK_FALSE(crowd.quick.ended);
    CHECK_FALSE(crowd.other.ended);
}

TEST_CASE("who has too many bytes waiting is let go, alone")
{
    LiveLimits limits = smallLimits();
    limits.maxQueueBytes = 10'000;
    LiveFixture f(limits);
    Crowd crowd(f);
    for (int i = 0; i < 20 && !crowd.slow.ended; ++i) {
        f.write(set("c", "k", std::string(1900, 'v')));
        f.settle();
    }
    CHECK(f.log.through() == 8); // 5 fit
    CHECK(crowd.slow.ended->error.code == Code::Evicted);
    CHECK(crowd.slow.ended->seq == 2);
    CHECK(f.shared->eventBytes == 0);
    checkRest(f, crowd.slow);
    CHECK_FALSE(crowd.quick.ended);
    CHECK_FALSE(crowd.other.ended);
}

TEST_CASE("when all that waits is too much, those go who have something waiting")
{
    LiveLimits limits = smallLimits();
    limits.maxTotalBytes = 30'000;
    LiveFixture f(limits);
    Crowd crowd(f);
    TestClient slower[2];
    slower[0].wanted.fields.time = true; // a text of its own
    slower[1].wanted.collection = "e";
    for (TestClient& client : slower) {
        client.room = 0;
        client.subscribe(*f.hub);
    }
    while (f.shared->evictions == 0 && f.log.through() < 100) {
        f.write(set("c", "k", std::string(1900, 'v')));
        f.settle();
        CHECK(f.shared->eventBytes <= limits.maxTotalBytes);
    }
    CHECK(f.log.through() > 7);
    CHECK(f.log.through() < 12);
    CHECK_FALSE(crowd.quick.ended);
    CHECK_FALSE(crowd.other.ended);
    CHECK_FALSE(slower[1].ended);
    for (const TestClient* client : {&crowd.slow, &slower[0]}) {
        if (client->ended)
            checkRest(f, *client);
    }
    crowd.quick.check(f.log, f.log.through());
}

TEST_CASE("when all that waits is too much, who holds most of it goes first")
{
    LiveLimits limits = smallLimits();
    limits.maxTotalBytes = 10'000;
    LiveFixture f(limits);
    TestClient hog;   // has stopped reading, and hears of nothing new
    TestClient brief; // is a little behind
    hog.wanted.name = "x";
    brief.wanted.name = "y";
    hog.room = brief.room = 0;
    hog.subscribe(*f.hub);
    brief.subscribe(*f.hub);
    const auto write = [&](const char* key) {
        f.write(set("c", key, std::string(900, 'v')));
        f.settle();
    };
    for (int i = 0; i < 9; ++i)
        write("x");
    CHECK_FALSE(hog.ended);
    write("y");
    CHECK_FALSE(hog.ended);
    write("y");
    REQUIRE(hog.ended);
    CHECK(hog.ended->error.code == Code::Evicted);
    CHECK_FALSE(brief.ended);
    brief.room = SIZE_MAX;
    f.hub->resume(brief.id);
    brief.check(f.log, f.log.through());
    checkRest(f, hog);

    // What others read from the log is counted apart.
    TestClient idle;
    TestClient reading;
    idle.wanted.name = "x";
    reading.wanted.fields.time = true;
    idle.room = reading.room = 0;
    idle.subscribe(*f.hub);
    for (int i = 0; i < 8; ++i)
        write("x");
    reading.subscribe(*f.hub, {false, 0});
    f.settle();
    CHECK(f.shared->eventBytes <= limits.maxTotalBytes);
    CHECK(f.shared->backfillBytes > 0);
    f.hub->tick();
    CHECK_FALSE(idle.ended);
    reading.room = SIZE_MAX;
    f.hub->resume(reading.id);
    f.settleAll();
    reading.check(f.log, f.log.through());
    idle.check(f.log);
}

TEST_CASE("who is let go in the middle of a seq gets that seq again, from its start")
{
    LiveLimits limits;
    limits.frameBytes = 1000;
    limits.maxQueueEvents = 50;
    LiveFixture f(limits);
    TestClient client;
    client.wanted.documents = true;
    client.subscribe(*f.hub);
    client.room = 3;
    f.write(insert({{"c", "d", 1}}));
    std::vector<TestRecord> list;
    for (int64_t ts = 0; ts < 100; ++ts)
        list.push_back({"c", "d", ts, std::string(100, 'x')});
    f.write(insert(list));
    f.settle();
    CHECK_FALSE(client.ended); // it took some
    f.hub->tick();
    REQUIRE(client.ended);
    CHECK(client.frames.back().more);
    CHECK(client.ended->seq == 1);
    checkRest(f, client);
}

TEST_CASE("a thread that falls too far behind: all go on from the log, but who takes nothing")
{
    LiveLimits limits = smallLimits();
    limits.maxTotalBytes = 20'000;
    LiveFixture f(limits);
    f.write({set("c", "k"), set("c", "k")});
    TestClient live;
    TestClient slow;
    TestClient idle;
    TestClient late;
    live.subscribe(*f.hub);
    slow.subscribe(*f.hub);
    idle.wanted.name = "none";
    idle.subscribe(*f.hub);
    late.subscribe(*f.hub, {false, 1});
    f.write(set("c", "k"));
    f.settle();
    CHECK(late.through() == 3);
    TestClient reading;
    TestClient state;
    reading.subscribe(*f.hub, {false, 0});
    state.subscribe(*f.hub, {true, {}});
    slow.room = 0;
    for (int i = 0; i < 30; ++i)
        f.write(set("c", "k", std::string(1900, 'v')));
    f.settleAll();
    REQUIRE(slow.ended);
    CHECK(slow.ended->error.code == Code::Evicted);
    CHECK(slow.ended->seq == 3);
    CHECK(f.shared->evictions == 1);
    CHECK(f.shared->fellBehind == 4);
    checkRest(f, slow);
    for (const TestClient* client : {&live, &idle, &late, &reading, &state}) {
        CHECK_FALSE(client->ended);
        client->check(f.log, f.log.through());
        CHECK(client->through() == f.log.through());
    }
    state.checkState(f.log, f.engine().nowUs());
    f.write(set("c", "k"));
    f.settle();
    for (const TestClient* client : {&live, &late, &reading})
        client->check(f.log, 34);
}

TEST_CASE("more events at once than a queue holds: no one goes who takes them")
{
    LiveLimits limits;
    limits.maxQueueEvents = 5;
    limits.frameBytes = 300;
    limits.piece.eventBytes = 1000;
    LiveFixture f(limits);
    TestClient quick; // of one entry's records
    TestClient brief; // the same, but does not take them at once
    TestClient keys;  // of one batch's entries
    quick.wanted.documents = brief.wanted.documents = true;
    brief.stalled = 0;
    for (TestClient* client : {&quick, &brief, &keys})
        client->subscribe(*f.hub);
    brief.room = 1;
    std::vector<TestRecord> list;
    for (int64_t ts = 0; ts < 40; ++ts)
        list.push_back({"c", "d", ts, std::string(80, 'x')});
    std::vector<Wish> batch = {insert({{"c", "d", 77}}), insert(list), insert({{"c", "d", 78}})};
    for (int i = 0; i < 20; ++i)
        batch.push_back(set("c", "k"));
    f.write(batch);
    CHECK(f.tasks.step());
    CHECK(f.shared->fellBehind == 3);
    CHECK(f.shared->queuedEvents == 0); // it waits in the log
    CHECK(f.shared->eventBytes == 0);
    f.settle();
    f.hub->tick();
    CHECK(brief.changes.size() < 10);
    for (int i = 0; i < 100 && brief.through() < f.log.through(); ++i) {
        brief.room = 1;
        f.hub->resume(brief.id);
        f.settle();
    }
    f.write({set("c", "k"), insert({{"c", "d", 79}})});
    brief.room = SIZE_MAX;
    f.hub->resume(brief.id);
    f.settle();
    for (const TestClient* client : {&quick, &brief, &keys}) {
        CHECK_FALSE(client->ended);
        client->check(f.log, f.log.through());
        CHECK(client->through() == f.log.through());
    }
    CHECK(f.shared->evictions == 0);
    CHECK(f.shared->fellBehind == 3); // the last came live
}

TEST_CASE("who falls behind within a seq gets the rest of it, and nothing twice")
{
    LiveLimits limits = smallLimits();
    limits.maxQueueEvents = 5;
    LiveFixture f(limits);
    TestClient client;
    client.wanted.documents = true;
    client.stalled = 0;
    client.subscribe(*f.hub);
    client.room = 2;
    f.write(insert({{"c", "d", 1}, {"c", "d", 2}, {"c", "d", 3}, {"c", "d", 4}}));
    f.settle();
    CHECK(client.frames.back().more);
    f.write(insert({{"c", "d", 1}, {"c", "d", 2}, {"c", "d", 3}, {"c", "d", 4}}));
    f.settle();
    CHECK(f.shared->fellBehind == 1);
    client.room = SIZE_MAX;
    f.hub->resume(client.id);
    f.settle();
    client.check(f.log, 2);
    CHECK(client.changes.size() == 8);
}

TEST_CASE("who fell behind may take its time, but not take nothing")
{
    LiveLimits limits = smallLimits();
    limits.maxQueueEvents = 5;
    LiveFixture f(limits);
    TestClient client;
    client.stalled = limits.slowUs;
    client.subscribe(*f.hub);
    client.room = 2;
    for (int i = 0; i < 9; ++i)
        f.write(set("c", "k"));
    f.settle();
    f.hub->tick();
    CHECK_FALSE(client.ended);
    CHECK(client.through() == 2);
    client.room = 1;
    f.hub->resume(client.id);
    CHECK(client.through() == 3);
    ++client.stalled;
    f.hub->tick();
    REQUIRE(client.ended);
    CHECK(client.ended->error.code == Code::Evicted);
    CHECK(client.ended->seq == 3);
    CHECK(f.shared->evictions == 1);
    CHECK(f.shared->backfillBytes == 0);
    checkRest(f, client);
}

TEST_CASE("a snapshot, or the log, of which nothing is taken is ended; one that moves is not")
{
    LiveLimits limits = smallLimits();
    limits.piece.eventBytes = 1;
    LiveFixture f(limits);
    for (int i = 0; i < 10; ++i)
        f.write(set("c", "k" + std::to_string(i)));
    TestClient sleeping;
    TestClient moving;
    TestClient reading; // the log
    for (TestClient* client : {&sleeping, &moving, &reading}) {
        client->stalled = 0; // some bytes leave
        client->room = 1;
        client->subscribe(*f.hub,
                          client == &reading ? SubscribeFrom{false, 0} : SubscribeFrom{true, {}});
    }
    TestClient live;
    live.room = 0; // its queue has room
    live.subscribe(*f.hub);
    f.write(set("c", "k"));
    f.settle();
    CHECK(f.shared->cuts.summary().count == 1);
    for (int i = 0; i < 3; ++i) {
        f.clock().advanceUs(limits.catchUpStallUs / 2);
        f.hub->tick();
        f.settle();
        moving.room = 1;
        f.hub->resume(moving.id);
        CHECK(sleeping.ended.has_value() == (i == 2));
    }
    REQUIRE((sleeping.ended && reading.ended));
    CHECK(sleeping.ended->error.code == Code::Evicted);
    CHECK(sleeping.ended->seq == 0); // nothing to resume from
    CHECK(reading.ended->seq == 1);
    CHECK(f.shared->evictions == 2);
    checkRest(f, reading);
    CHECK_FALSE((moving.ended || live.ended));
    CHECK(f.shared->cuts.summary().count == 1);
    moving.room = SIZE_MAX;
    f.hub->resume(moving.id);
    f.settleAll();
    moving.checkState(f.log, f.engine().nowUs());
    CHECK(f.shared->cuts.summary().count == 0);
    CHECK(f.shared->backfillBytes == 0);
}

TEST_CASE("of one connection some catch up at a time, and all in turn")
{
    LiveLimits limits;
    limits.maxCatchUps = 2;
    limits.piece.eventBytes = 1000;
    LiveFixture f(limits);
    for (int i = 0; i < 40; ++i)
        f.write(set("c", "k" + std::to_string(i), std::string(400, 'v')));
    std::vector<TestClient> greedy(12);
    TestClient other;
    for (size_t i = 0; i < greedy.size(); ++i) {
        greedy[i].connection = 1;
        greedy[i].wanted.fields.previous = i % 3 == 0;
        greedy[i].subscribe(*f.hub, i % 4 == 3 ? SubscribeFrom{true, {}} : SubscribeFrom{false, 0});
    }
    CHECK(f.reads.size() == 2);
    other.subscribe(*f.hub, {false, 0});
    uint64_t steps = 0; // of reading, until the other one is there
    size_t most = 0;    // that were in the midst of the log at a time
    for (bool more = true; more;) {
        while (f.tasks.step())
            continue;
        CHECK(f.reads.size() <= 3);
        size_t begun = 0;
        for (const TestClient& client : greedy)
            begun += !client.snapshot && client.through() > 0 && client.through() < 40;
        most = std::max(most, begun);
        steps += other.through() < 40;
        more = f.reads.step();
    }
    CHECK(steps < 50);
    CHECK(most > 6); // of the log they take turns
    f.hub->unsubscribe(greedy[0].id);
    for (TestClient& client : greedy) {
        client.check(f.log, 40);
        CHECK(client.through() == 40);
        if (client.stateSeq)
            client.checkState(f.log, f.engine().nowUs());
    }
    CHECK(f.shared->backfillBytes == 0);

    // Who waits may leave, and who holds a turn; the next one has it.
    std::vector<TestClient> leaving(6);
    for (TestClient& client : leaving) {
        client.connection = 2;
        client.subscribe(*f.hub, {false, 0});
    }
    for (const size_t i : {0, 3, 1})
        f.hub->unsubscribe(leaving[i].id);
    f.settle();
    for (const size_t i : {2, 4, 5})
        leaving[i].check(f.log, 40);
}

TEST_CASE("one that cannot join the news leaves its turn to the others of its client")
{
    LiveLimits limits;
    limits.maxCatchUps = 1;
    limits.maxQueueEvents = 4; // so that three that came since it read are too many
    LiveFixture f(limits);
    f.write(set("c", "k"));
    TestClient dear;
    TestClient other;
    for (TestClient* const client : {&dear, &other}) {
        client->connection = 1;
        client->subscribe(*f.hub, {false, 0});
    }
    const std::vector<Wish> some(3, set("c", "k"));
    for (int i = 0; other.changes.empty(); ++i) {
        REQUIRE(i < 10);
        f.write(some);
        f.reads.step();
        f.write(some); // seen before what was read is taken
        while (f.tasks.step())
            continue;
    }
    f.settle();
    dear.check(f.log);
    other.check(f.log);
}

TEST_CASE("one event larger than a queue is told live; another one behind it is not")
{
    LiveLimits limits;
    limits.maxQueueBytes = 1000;
    LiveFixture f(limits);
    TestClient client;
    client.subscribe(*f.hub);
    f.write(set("c", "k", std::string(5000, 'v')));
    f.settle();
    CHECK(f.shared->fellBehind == 0);
    f.write({set("c", "k", std::string(5000, 'v')), set("c", "k")});
    f.settle();
    CHECK(f.shared->fellBehind == 1);
    client.check(f.log, 3);
    CHECK(client.through() == 3);
}

TEST_CASE("all are let go, and the thread begins anew")
{
    LiveLimits limits;
    limits.maxTotalBytes = 5000;
    LiveFixture f(limits);
    TestClient first;
    first.subscribe(*f.hub);
    for (int i = 0; i < 5; ++i)
        f.write(set("c", "k", std::string(1900, 'v')));
    TestClient second;
    second.subscribe(*f.hub); // between the loss and its discovery
    first.room = second.room = 0;
    f.settle();
    CHECK((first.ended && second.ended));
    CHECK(f.shared->subscriptions == 0);
    TestClient third;
    third.subscribe(*f.hub);
    CHECK(third.start == 5);
    f.write(set("c", "k"));
    f.settle();
    third.check(f.log, 6);
    checkRest(f, first);
    checkRest(f, second);
}

TEST_CASE("who reads the log may be slow, and is not let go for it")
{
    LiveLimits limits = smallLimits();
    limits.maxQueueEvents = 5;
    limits.piece.eventBytes = 1000;
    LiveFixture f(limits);
    for (int i = 0; i < 20; ++i)
        f.write(set("c", "k", std::string(80, 'v')));
    TestClient client;
    TestClient quick; // so that there are news
    quick.subscribe(*f.hub);
    client.room = 0;
    client.subscribe(*f.hub, {false, 0});
    uint64_t n = 0;
    while (client.through() < f.log.through() && ++n < 1000) {
        if (n % 2 == 0 && n < 200) // as fast as it takes them
            f.write(set("c", "k", std::string(80, 'v')));
        f.settle();
        client.room = n < 200 ? 1 : 2;
        f.hub->resume(client.id);
    }
    CHECK(n < 1000);
    REQUIRE_FALSE(client.ended);
    client.check(f.log, f.log.through());
}

TEST_CASE("what comes while a slow one reads the log is no reason to let it go when it joins")
{
    LiveLimits limits = smallLimits();
    limits.maxQueueEvents = 5;
    LiveFixture f(limits);
    f.write({set("c", "k"), set("c", "k")});
    TestClient client;
    client.room = 0;
    client.subscribe(*f.hub, {false, 0});
    f.settle(); // the end of the log was reached; the two wait for their client
    for (int i = 0; i < 20; ++i) {
        f.write(set("c", "k"));
        f.settle();
    }
    client.room = 2; // enough to come to the join, and not for what came since
    f.hub->resume(client.id);
    f.settle();
    CHECK_FALSE(client.ended);
    for (int i = 0; i < 100 && client.through() < f.log.through(); ++i) {
        client.room = 1;
        f.hub->resume(client.id);
        f.settle();
    }
    CHECK_FALSE(client.ended);
    client.check(f.log, f.log.through());
}

TEST_CASE("when all that waits is too much nothing more is read, until it is less")
{
    LiveLimits limits = smallLimits();
    limits.maxTotalBytes = 3000;
    limits.piece.eventBytes = 2000;
    LiveFixture f(limits);
    for (int i = 0; i < 10; ++i)
        f.write(set("c", "k", std::string(900, 'v')));
    TestClient clients[4];
    for (TestClient& client : clients) {
        client.room = 0;
        client.subscribe(*f.hub, {false, 0});
    }
    f.settle();
    clients[0].room = SIZE_MAX;
    f.hub->resume(clients[0].id);
    f.settle();
    // However many read: what is over is the last piece.
    CHECK(f.shared->backfillBytes > 0);
    CHECK(f.shared->backfillBytes < limits.maxTotalBytes + 2 * limits.piece.eventBytes);
    for (TestClient& client : clients) {
        client.room = SIZE_MAX;
        f.hub->resume(client.id);
    }
    f.settleAll();
    for (TestClient& client : clients) {
        CHECK_FALSE(client.ended);
        client.check(f.log, 10);
    }
}

TEST_CASE("the log drops what a subscription was about to read")
{
    LiveLimits limits;
    limits.piece.eventBytes = 1500;
    LiveFixture f(limits, liveOptions(20'000, 20'000));
    const auto write = [&](int count) {
        for (int i = 0; i < count; ++i)
            f.write(set("c", "k", std::string(900, 'v')));
    };
    write(10);
    TestClient client;
    client.subscribe(*f.hub, {false, 0});
    CHECK(f.reads.step());
    CHECK(f.tasks.step());
    CHECK(client.through() == 2);
    write(40);
    REQUIRE(f.engine().oldestSeq() > 20);
    f.settle();
    REQUIRE(client.ended);
    CHECK(client.ended->error.code == Code::Compacted);
    CHECK(client.ended->seq == 2);
    CHECK(client.ended->oldestSeq == f.engine().oldestSeq() - 1);
    CHECK(client.ended->oldestSeq == f.hub->oldestResumeSeq());
    CHECK(f.shared->evictions == 0);
    client.check(f.log);
    // From the oldest on there is all that is held; from one before it nothing.
    TestClient next;
    const auto refused = f.hub->subscribe({}, {false, client.ended->oldestSeq - 1}, next);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Code::Compacted);
    next.subscribe(*f.hub, {false, client.ended->oldestSeq});
    f.settleAll();
    next.check(f.log, 50);
}
