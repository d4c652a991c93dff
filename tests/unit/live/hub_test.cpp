// One hub, step by step: what subscribers get, and in which frames.

#include <doctest/doctest.h>

#include "unit/live/live_fixture.h"

using namespace fluxion;

namespace {

std::string big(char c, size_t bytes = 100'000)
{
    return std::string(bytes, c);
}

Wish records(const std::string& doc, int64_t count, size_t bytes)
{
    std::vector<TestRecord> list;
    for (int64_t ts = 0; ts < count; ++ts)
        list.push_back({"c", doc, ts, std::string(bytes, 'x')});
    return insert(list);
}

// Does one step of all that is to be done; false if there was nothing.
bool step(LiveFixture& f)
{
    return f.tasks.step() || f.reads.step();
}

} // namespace

TEST_CASE("from now on: what comes is told, what was is not")
{
    LiveFixture f;
    f.write({set("c", "a"), set("c", "b")});
    TestClient client;
    client.subscribe(*f.hub);
    CHECK(client.start == 2);
    f.write({set("c", "a", "1"), removeKey("c", "b"), insert({{"c", "d", 1}})});
    CHECK(client.changes.empty());
    CHECK(step(f)); // all at once
    CHECK(f.tasks.size() == 0);
    CHECK(client.changes.size() == 2);
    REQUIRE(client.frames.size() == 1);
    CHECK(client.frames[0].seq == 5); // also the records were seen
    client.check(f.log, 5);
    CHECK(f.reads.size() == 0);
}

TEST_CASE("several hubs and subscriptions share an event's text")
{
    LiveFixture f;
    StepExecutor otherTasks;
    Hub other(*f.shared, otherTasks);
    TestClient clients[5];
    clients[1].wanted.collection = "c";
    clients[2].wanted.collection = "c";
    clients[2].wanted.name = "a";
    clients[3].wanted.fields.time = true;
    for (size_t i = 0; i < 5; ++i) {
        clients[i].room = 0;
        clients[i].subscribe(i == 4 ? other : *f.hub);
    }
    CHECK(f.shared->subscriptions == 5);
    f.write(set("c", "a", big('v')));
    f.settle();
    CHECK(f.shared->queuedEvents == 4);
    CHECK(f.shared->eventBytes < 210'000); // two texts
    CHECK(f.shared->eventBytes > 200'000);
    CHECK(otherTasks.step());
    CHECK(f.shared->queuedEvents == 5);
    for (size_t i = 0; i < 5; ++i) {
        clients[i].room = 1;
        (i == 4 ? other : *f.hub).resume(clients[i].id);
        clients[i].check(f.log, 1);
        CHECK(clients[i].changes.size() == 1);
    }
    CHECK(f.shared->queuedEvents == 0);
    CHECK(f.shared->eventBytes == 0);
}

TEST_CASE("of everything that can be asked, what the log says")
{
    std::vector<Wanted> wanted(12);
    wanted[1].collection = "c";
    wanted[2].collection = "none";
    wanted[3].collection = "c";
    wanted[3].name = "a";
    wanted[4].name = "a"; // in any collection
    wanted[5].nameHas = "b";
    wanted[6].has = "red";
    wanted[6].fields.previous = true;
    wanted[7].hasNot = "red";
    wanted[7].fields = {false, false, true, true};
    wanted[8].documents = true;
    wanted[9].documents = true;
    wanted[9].collection = "c";
    wanted[9].name = "d";
    wanted[10].documents = true;
    wanted[10].has = "red";
    wanted[11].documents = true;
    wanted[11].fields.value = false;
    const auto play = [](LiveFixture& f) {
        f.write({set("c", "a", "red"), set("e", "a", "blue"), set("c", "bb", "blue")});
        f.write({set("c", "a", "blue"), set("c", "a", "red"), removeKey("c", "a")}, 1);
        f.write({set("c", "a", "blue"), set("c", "bb", "red one"), set("c", "bb", "red two")});
        f.write(WriteKeysProposal{"c",
                                  {{WriteKeysProposal::Op::Set, "x", "red", {}, 5000},
                                   {WriteKeysProposal::Op::Remove, "a", ""}}});
        f.write(insert({{"c", "d", 1, "red"}, {"c", "e", 2, "blue"}, {"g", "d", 1, "red"}}));
        f.write({removeRecord("c", "d", 1), removeRange("g", "d", 0, 9)});
        f.clock().advanceUs(6000);
        f.write({insert({{"c", "d", 3, "blue"}}), removeDocument("d"), removeKey("c", "bb")});
        f.write({set("c", "y", "red"), drop("c"), set("c", "y", "red"), drop("e")});
    };
    LiveFixture f;
    std::vector<TestClient> live(wanted.size());
    std::vector<TestClient> resumed(wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
        live[i].wanted = resumed[i].wanted = wanted[i];
        live[i].subscribe(*f.hub);
    }
    play(f);
    f.settle();
    f.write(set("c", "a", "blue"));
    for (size_t i = 0; i < wanted.size(); ++i)
        resumed[i].subscribe(*f.hub, {false, 0});
    f.settleAll();
    for (size_t i = 0; i < wanted.size(); ++i) {
        CAPTURE(i);
        live[i].check(f.log, f.log.through());
        resumed[i].check(f.log, f.log.through());
        CHECK(live[i].changes.size() == resumed[i].changes.size());
        CHECK((i == 2 || live[i].changes.size() > 1));
        CHECK(live[i].through() == f.log.through());
        CHECK(resumed[i].through() == f.log.through());
    }
}

TEST_CASE("one seq of more than a frame: `more`, and a seq that is safe")
{
    for (const bool resumed : {false, true}) {
        LiveFixture f;
        f.write(set("c", "a"));
        TestClient client;
        client.wanted.documents = true;
        client.room = 0;
        if (!resumed)
            client.subscribe(*f.hub);
        f.write(records("d", 5000, 200));
        f.write({insert({{"c", "d", 1}}), insert({{"c", "d", 2}})});
        if (resumed)
            client.subscribe(*f.hub, {false, 1});
        f.settle();
        CHECK(client.frames.empty());
        for (int i = 0; i < 100 && client.through() < 4; ++i) {
            client.room = 1;
            f.hub->resume(client.id);
            f.settle();
        }
        client.check(f.log, 4);
        CHECK(client.changes.size() == 5002);
        REQUIRE(client.frames.size() >= 4);
        for (size_t i = 0; i + 1 < client.frames.size(); ++i) {
            const bool within = client.frames[i].seq == 1;
            CHECK(client.frames[i].more == within);
            CHECK((within || i + 2 >= client.frames.size()));
        }
        CHECK_FALSE(client.frames.back().more);
    }
}

TEST_CASE("a frame that ends between two seqs has nothing to follow")
{
    LiveLimits limits;
    limits.frameBytes = 200;
    LiveFixture f(limits);
    TestClient client;
    client.subscribe(*f.hub);
    client.room = 0;
    for (int i = 0; i < 8; ++i)
        f.write(set("c", "a", std::string(150, 'v'))); // one a frame
    f.settle();
    f.write(insert({{"c", "d", 1}})); // of no concern, and yet seen
    f.settle();
    client.room = SIZE_MAX;
    f.hub->resume(client.id);
    REQUIRE(client.frames.size() == 8);
    for (size_t i = 0; i < 8; ++i) {
        CHECK(client.frames[i].events == 1);
        CHECK(client.frames[i].seq == (i == 7 ? 9 : i + 1));
        CHECK_FALSE(client.frames[i].more);
    }
    client.check(f.log, 9);
}

TEST_CASE("a subscription that rests gets bookmarks, one that cannot take them does not")
{
    LiveFixture f;
    TestClient client;
    TestClient full;
    client.wanted.name = full.wanted.name = "never";
    client.subscribe(*f.hub);
    full.room = 0;
    full.subscribe(*f.hub);
    const int64_t interval = f.shared->limits.bookmarkIntervalUs;
    f.write(set("c", "a"));
    f.settle();
    f.clock().advanceUs(interval - 1);
    f.hub->tick();
    CHECK(client.frames.empty());
    f.clock().advanceUs(1);
    f.hub->tick();
    f.hub->tick();
    REQUIRE(client.frames.size() == 1);
    CHECK(client.frames[0].seq == 1);
    CHECK(client.frames[0].events == 0);
    CHECK_FALSE(client.frames[0].more);
    f.write({set("c", "a"), set("c", "never")});
    f.settle();
    CHECK(client.frames.size() == 2);
    f.clock().advanceUs(interval - 1); // from the last frame on
    f.hub->tick();
    CHECK(client.frames.size() == 2);
    f.clock().advanceUs(1);
    f.hub->tick();
    CHECK(client.frames.size() == 3);
    CHECK(full.frames.empty());
    client.check(f.log, 3);
    // A published batch that this thread has not seen yet is not promised.
    f.write(set("c", "never"));
    f.clock().advanceUs(interval);
    f.hub->tick();
    CHECK(client.through() == 3);
}

TEST_CASE("a snapshot, its end, and what came since")
{
    LiveLimits limits;
    limits.frameBytes = 300;
    limits.piece.eventBytes = 500;
    LiveFixture f(limits);
    for (int i = 0; i < 50; ++i)
        f.write({set("c", "k" + std::to_string(i), std::string(100, 'v')), set("e", "k"),
                 insert({{"c", "d" + std::to_string(i % 7), i}})});
    TestClient keys;
    TestClient documents;
    documents.wanted.documents = true;
    keys.subscribe(*f.hub, {true, {}});
    documents.subscribe(*f.hub, {true, {}});
    int n = 0;
    while (step(f)) {
        if (n++ < 40)
            f.write({set("c", "k" + std::to_string(n), "new"), insert({{"c", "d1", 1000 + n}})});
    }
    CHECK(n > 40);
    CHECK(keys.state.size() == 51);
    CHECK(documents.state.size() == 7);
    CHECK(*keys.stateSeq == 150);
    for (TestClient* client : {&keys, &documents}) {
        client->checkState(f.log, f.engine().nowUs());
        client->check(f.log, f.log.through());
        CHECK(client->changes.size() == (f.log.through() - *client->stateSeq) / 2);
    }
}

TEST_CASE("a snapshot of nothing, and the seq of one that was not finished")
{
    LiveFixture f;
    TestClient client;
    client.subscribe(*f.hub, {true, {}});
    f.settle();
    CHECK(client.stateSeq == uint64_t{0});
    CHECK(client.state.empty());
    f.write(set("c", "a"));
    f.settle();
    client.check(f.log, 1);
    TestClient other;
    other.subscribe(*f.hub, {true, {}});
    CHECK(f.hub->unsubscribe(other.id) == 0);
    f.settle();
    CHECK(other.state.empty());
    CHECK_FALSE(other.stateSeq);
}

TEST_CASE("a position that cannot be had is refused, and nobody listens after that")
{
    LiveFixture f;
    f.write({set("c", "a"), set("c", "b")});
    TestClient client;
    for (const uint64_t seq : {uint64_t{3}, uint64_t{1000}, UINT64_MAX}) {
        const auto subscribed = f.hub->subscribe({}, {false, seq}, client);
        REQUIRE_FALSE(subscribed.ok());
        CHECK(subscribed.error().code == Code::Compacted);
    }
    CHECK_FALSE(f.engine().broadcast().begin(2)); // batches are made for nobody
    CHECK(f.shared->subscriptions == 0);
    client.subscribe(*f.hub, {false, 2});
    f.write(set("c", "a"));
    f.settle();
    client.check(f.log, 3);
    CHECK(f.hub->unsubscribe(client.id) == 3);
    CHECK(f.hub->unsubscribe(client.id) == 0);
    CHECK(f.hub->unsubscribe(77) == 0);
    CHECK_FALSE(f.engine().broadcast().begin(3));
}

TEST_CASE("a position that is applied, but of which this thread has not heard")
{
    LiveFixture f;
    TestClient first;
    first.subscribe(*f.hub);
    f.write({set("c", "a"), set("c", "b"), set("c", "d")}); // published, not drained
    TestClient client;
    client.subscribe(*f.hub, {false, 2}); // in the middle of it
    TestClient last;
    last.subscribe(*f.hub, {false, 3});
    CHECK(f.reads.size() == 0);
    f.settle();
    f.write(set("c", "e"));
    f.settle();
    CHECK(client.changes.size() == 2);
    CHECK(last.changes.size() == 1);
    for (TestClient* c : {&first, &client, &last})
        c->check(f.log, 4);
}

TEST_CASE("what waits is counted, and no more once it is sent, dropped or gone with its hub")
{
    LiveFixture f;
    TestClient clients[3];
    for (TestClient& client : clients) {
        client.room = 0;
        client.subscribe(*f.hub);
    }
    f.write({set("c", "a"), set("c", "b")});
    f.settle();
    CHECK(f.shared->queuedEvents == 6);
    CHECK(f.shared->eventBytes > 0);
    clients[0].room = 1;
    f.hub->resume(clients[0].id);
    CHECK(f.shared->queuedEvents == 4);
    CHECK(f.hub->unsubscribe(clients[1].id) == 0); // nothing was sent
    CHECK(f.shared->queuedEvents == 2);
    CHECK(f.shared->subscriptions == 2);
    f.hub.reset();
    CHECK(f.shared->subscriptions == 0);
    CHECK(f.shared->queuedEvents == 0);
    CHECK(f.shared->eventBytes == 0);
}

TEST_CASE("equal filters are applied once to a change")
{
    LiveFixture f;
    std::vector<TestClient> clients(30);
    for (size_t i = 0; i < clients.size(); ++i) {
        clients[i].wanted.has = i % 3 == 2 ? "blue" : "red";
        clients[i].wanted.fields.time = i % 2 == 0; // what is told is another matter
        clients[i].subscribe(*f.hub);
    }
    f.write({set("c", "a", "red"), set("c", "b", "blue")});
    f.settle();
    CHECK(f.shared->verdicts == 4);
    for (int i = 0; i < 29; ++i)
        f.hub->unsubscribe(clients[static_cast<size_t>(i)].id);
    clients[0].subscribe(*f.hub); // its kind was forgotten
    f.write(set("c", "a", "red"));
    f.settle();
    CHECK(f.shared->verdicts == 6);
    clients[29].check(f.log, 3);
    clients[1].check(f.log, 2);
}

TEST_CASE("offering takes slices: what is complete leaves, who comes in between misses nothing")
{
    LiveLimits limits;
    limits.sliceUs = 0;
    LiveFixture f(limits);
    TestClient first;
    TestClient second;
    first.subscribe(*f.hub);
    second.subscribe(*f.hub);
    f.write(WriteKeysProposal{
        "c", {{WriteKeysProposal::Op::Set, "a", "1"}, {WriteKeysProposal::Op::Set, "b", "2"}}});
    f.write(set("c", "k"));
    REQUIRE(f.tasks.step());
    CHECK(f.tasks.size() == 1);   // it goes on in another turn
    CHECK(first.changes.empty()); // more of its seq may come
    TestClient between;
    between.subscribe(*f.hub);
    CHECK(between.start == 1);
    TestClient from;
    from.subscribe(*f.hub, {false, 0});
    uint64_t steps = 1;
    while (f.tasks.step())
        ++steps;
    CHECK(steps > 4);
    f.settle();
    CHECK(first.frames.front().more);
    for (const TestClient* client : {&first, &second, &between, &from}) {
        client->check(f.log, 2);
        CHECK(client->through() == 2);
    }
}
