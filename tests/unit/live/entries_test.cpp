// The log's own entries as a subscription: all of them, each once, in order, and no further than
// was asked for.

#include <doctest/doctest.h>

#include <algorithm>

#include "unit/live/live_fixture.h"
#include "unit/store/model_seed.h"

using namespace fluxion;

namespace {

struct LogReader : EventSink {
    Hub& hub;
    uint64_t connection;
    size_t room = SIZE_MAX; // frames
    uint64_t id = 0;
    uint64_t start = 0;
    uint64_t position = 0;
    uint64_t entries = 0;
    size_t frames = 0;
    std::string lastText;
    bool isDone = false;
    std::optional<EventEnd> ended;

    explicit LogReader(LiveFixture& f, uint64_t connection_ = 1)
        : hub(*f.hub), connection(connection_)
    {
    }
    Status subscribe(uint64_t after, EntryWish wish = {})
    {
        Filter filter;
        filter.kind = WatchKind::Entries;
        SubscribeFrom from;
        from.seq = after;
        from.entries = wish;
        auto subscribed = hub.subscribe(filter, from, *this);
        if (!subscribed)
            return subscribed.status();
        id = subscribed.value().id;
        start = position = subscribed.value().seq;
        CHECK(start == after);
        return {};
    }
    bool takesEvents() override { return room > 0; }
    int64_t stalledUs() override { return room > 0 ? 0 : INT64_MAX; }
    uint64_t client() const override { return connection; }
    void send(uint64_t subscription, const EventFrame& frame) override
    {
        REQUIRE((subscription == id || id == 0));
        REQUIRE(room > 0);
        REQUIRE_FALSE(isDone);
        REQUIRE_FALSE(frame.more);
        REQUIRE_FALSE(frame.snapshot);
        room -= room != SIZE_MAX;
        ++frames;
        for (const SharedEvent& event : frame.events) {
            const std::string begin = "{\"seq\":" + std::to_string(position + 1) + ",";
            REQUIRE(event->text().substr(0, begin.size()) == begin);
            ++position;
            ++entries;
            lastText = event->text();
        }
        CHECK(frame.seq == position);
        isDone = frame.last;
    }
    void end(uint64_t, const EventEnd& last) override { ended = last; }
};

} // namespace

TEST_CASE("entries: what the log holds, then what comes")
{
    LiveFixture f;
    f.write({set("c", "a", "1"), set("c", "b", "2")});
    LogReader all(f), late(f);
    REQUIRE(all.subscribe(0).ok());
    REQUIRE(late.subscribe(2).ok());
    f.settle();
    CHECK(all.entries == 2);
    CHECK(all.lastText.find("\"type\":\"key_set\",\"col\":\"c\",\"key\":\"b\"") != SIZE_MAX);
    CHECK(late.frames == 0);
    f.write(insert({{"c", "d", 1}}));
    f.write(drop("c"));
    f.settle();
    CHECK(all.position == 4);
    CHECK(late.position == 4);
    CHECK(late.entries == 2);
    CHECK(late.lastText.find("\"type\":\"collection_dropped\"") != SIZE_MAX);
    CHECK(f.shared->subscriptions == 2);
    CHECK(f.hub->unsubscribe(all.id) == 4);
    CHECK(f.hub->unsubscribe(late.id) == 4);
    CHECK(f.shared->backfillBytes == 0);
}

TEST_CASE("entries: a range ends the subscription, with a word that it does")
{
    LiveFixture f;
    for (int i = 0; i < 5; ++i)
        f.write(set("c", "a"));
    LogReader within(f), few(f), later(f), both(f);
    REQUIRE(within.subscribe(1, {3, UINT64_MAX}).ok());
    REQUIRE(few.subscribe(0, {UINT64_MAX, 2}).ok());
    REQUIRE(later.subscribe(4, {7, UINT64_MAX}).ok());
    REQUIRE(both.subscribe(4, {100, 3}).ok());
    f.settle();
    CHECK(within.isDone);
    CHECK(within.position == 3);
    CHECK(few.isDone);
    CHECK(few.position == 2);
    for (int i = 0; i < 2; ++i) {
        CHECK_FALSE(later.isDone);
        CHECK_FALSE(both.isDone);
        f.write(set("c", "a"));
        f.settle();
    }
    f.write({set("c", "a"), set("c", "a")}); // further than both want
    f.settle();
    CHECK(later.isDone);
    CHECK(later.position == 7);
    CHECK(both.isDone);
    CHECK(both.position == 7);
    CHECK(f.shared->subscriptions == 0);
    CHECK(f.hub->unsubscribe(later.id) == 0);
}

TEST_CASE("entries: beyond the end, and before what the log holds")
{
    LiveFixture f({}, liveOptions(2000));
    f.write(set("c", "a"));
    LogReader reader(f);
    CHECK(reader.subscribe(2).error().code == Code::Compacted);
    for (int i = 0; i < 100; ++i)
        f.write(set("c", "a", std::string(100, 'v')));
    const uint64_t oldest = f.engine().oldestSeq();
    REQUIRE(oldest > 10);
    CHECK(reader.subscribe(oldest - 2).error().code == Code::Compacted);
    CHECK(reader.subscribe(oldest - 1).ok());
    // It takes nothing until what comes next is gone.
    f.reads.clear();
    LogReader slow(f, 2);
    slow.room = 0;
    REQUIRE(slow.subscribe(f.engine().appliedSeq()).ok());
    f.settle();
    for (int i = 0; i < 100; ++i)
        f.write(set("c", "a", std::string(100, 'v')));
    f.settle();
    slow.room = SIZE_MAX;
    f.hub->resume(slow.id);
    f.settle();
    REQUIRE(slow.ended);
    CHECK(slow.ended->error.code == Code::Compacted);
    CHECK(slow.ended->oldestSeq + 1 == f.engine().oldestSeq());
    CHECK(slow.ended->seq == slow.start);
}

TEST_CASE("entries: readers of every pace and start see each one once")
{
    std::mt19937_64 random = seededRandom("entries");
    for (const bool inMemory : {true, false}) {
        LiveLimits limits;
        limits.piece = {2000, 4000};
        limits.frameBytes = 1000;
        limits.maxCatchUps = 2;
        limits.maxTotalBytes = 20'000; // what a thread is told of is lost to it now and then
        LiveFixture f(limits, liveOptions(64 << 20, 16384), inMemory);
        std::deque<LogReader> readers;
        std::vector<std::string> wanted;
        for (int turn = 0; turn < 300; ++turn) {
            std::vector<Wish> wishes;
            for (uint64_t n = random() % 30; n > 0; --n)
                wishes.push_back(set("c", "k" + std::to_string(n), std::string(n * 10, 'v')));
            if (!wishes.empty())
                f.write(wishes);
            if (turn % 10 == 0) {
                LogReader& reader = readers.emplace_back(f, random() % 3 + 1);
                reader.room = random() % 2 == 0 ? SIZE_MAX : 1;
                REQUIRE(reader.subscribe(random() % (f.engine().appliedSeq() + 1)).ok());
            }
            for (uint64_t steps = random() % 20; steps > 0; --steps)
                random() % 2 == 0 ? f.tasks.step() : f.reads.step();
            LogReader& reader = readers[random() % readers.size()];
            reader.room = std::max<size_t>(reader.room, 1);
            f.hub->resume(reader.id);
        }
        for (LogReader& reader : readers) {
            reader.room = SIZE_MAX;
            f.hub->resume(reader.id);
        }
        f.settle();
        f.hub->tick(); // those who had no memory
        f.settle();
        for (LogReader& reader : readers) {
            CHECK_FALSE(reader.ended);
            CHECK(reader.position == f.engine().appliedSeq());
            CHECK(reader.entries == reader.position - reader.start);
        }
        CHECK(f.shared->eventBytes == 0);
    }
}

TEST_CASE("entries: who follows a busy log leaves the turn to others")
{
    LiveLimits limits;
    limits.maxCatchUps = 1;
    limits.piece = {500, SIZE_MAX};
    LiveFixture f(limits);
    for (int i = 0; i < 50; ++i)
        f.write(set("c", "a", std::string(100, 'v')));
    LogReader busy(f);
    REQUIRE(busy.subscribe(0).ok());
    TestClient other;
    other.connection = 1;
    SubscribeFrom from;
    from.seq = 0;
    other.subscribe(*f.hub, from);
    while (other.changes.size() < 50) {
        f.write(set("c", "a", std::string(1000, 'v')));
        REQUIRE(f.engine().appliedSeq() < 500); // there is always something left for the first
        for (int i = 0; i < 2; ++i) {
            f.tasks.step();
            f.reads.step();
        }
    }
    CHECK(busy.position < f.engine().appliedSeq());
    f.settle();
    CHECK(busy.position == f.engine().appliedSeq());
    other.check(f.log);
}

TEST_CASE("entries: one that rests has bookmarks, holds no memory, and goes on")
{
    LiveFixture f({}, liveOptions(), false);
    f.write(set("c", "a"));
    LogReader reader(f);
    REQUIRE(reader.subscribe(0).ok());
    f.settleAll();
    const size_t frames = reader.frames;
    CHECK(frames >= 2);
    CHECK(reader.entries == 1);
    CHECK(f.shared->backfillBytes == 0);
    CHECK(f.shared->queuedEvents == 0);
    f.write(set("c", "b"));
    f.settle();
    CHECK(reader.entries == 2);
    CHECK(reader.frames == frames + 1);
}

TEST_CASE("entries: who takes nothing for long is let go")
{
    LiveLimits limits;
    limits.frameBytes = 500;
    LiveFixture f(limits);
    LogReader reader(f);
    for (int i = 0; i < 10; ++i)
        f.write(set("c", "a", std::string(300, 'v')));
    reader.room = 1;
    REQUIRE(reader.subscribe(0).ok());
    f.settle();
    CHECK(reader.frames == 1);
    CHECK(f.shared->queuedEvents > 0);
    f.clock().advanceUs(limits.catchUpStallUs + 1);
    f.hub->tick();
    REQUIRE(reader.ended);
    CHECK(reader.ended->error.code == Code::Evicted);
    CHECK(reader.ended->seq == reader.position);
    CHECK(f.shared->queuedEvents == 0);
    CHECK(f.shared->backfillBytes == 0);
}
