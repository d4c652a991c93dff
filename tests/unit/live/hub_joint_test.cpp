// Where what was meets the news: writes at every point between publishing, reading a piece,
// delivering it and draining, in every order there is.

#include <doctest/doctest.h>

#include <string>

#include "unit/live/choices.h"
#include "unit/live/live_fixture.h"

using namespace fluxion;

namespace {

struct Plan {
    SubscribeFrom from;
    std::vector<std::vector<Wish>> before;
    std::vector<std::vector<Wish>> writes; // one after the other, at any point
    LiveLimits limits = {};
    std::vector<Wanted> wanted = {{}};
    bool takesTurns = false; // the client may be full, and take more, at any point
    bool leaves = false;     // unsubscribes at any point, and resumes from there
    bool others = false;     // another subscription, made at any point
    bool alone = true;       // nobody else keeps the hub listening
};

// One run of a plan: all that can be done next is a choice.
class Run {
  public:
    Run(const Plan& plan, Choices& choices) : m_plan(plan), m_choices(choices), m_f(plan.limits)
    {
        for (const auto& wishes : plan.before)
            m_f.write(wishes);
        if (!plan.alone)
            m_keeper.subscribe(*m_f.hub);
        for (TestClient* client : {&m_keeper, &m_first, &m_second, &m_other})
            client->stalled = 0; // full for moments only
        m_first.wanted = m_second.wanted = m_other.wanted = plan.wanted.front();
        m_other.wanted = plan.wanted.back();
    }

    void play()
    {
        m_first.subscribe(*m_f.hub, m_plan.from);
        while (true) {
            std::vector<void (Run::*)()> able;
            if (m_written < m_plan.writes.size())
                able.push_back(&Run::write);
            if (m_f.reads.size() > 0)
                able.push_back(&Run::read);
            if (m_f.tasks.size() > 0)
                able.push_back(&Run::task);
            if (able.empty())
                break;
            if (m_plan.takesTurns && m_turns < 2)
                able.push_back(&Run::turn);
            if (m_plan.leaves && !m_left)
                able.push_back(&Run::leave);
            if (m_plan.others && !m_otherMade)
                able.push_back(&Run::subscribeOther);
            (this->*able[m_choices.of(able.size())])();
        }
        m_first.room = SIZE_MAX;
        m_f.hub->resume(m_first.id);
        m_f.settleAll();
        check();
    }

  private:
    void write() { m_f.write(m_plan.writes[m_written++]); }
    void read() { m_f.reads.step(); }
    void task() { m_f.tasks.step(); }
    void turn()
    {
        ++m_turns;
        if (m_first.room == SIZE_MAX) {
            m_first.room = 0;
        } else {
            m_first.room = SIZE_MAX;
            m_f.hub->resume(m_first.id);
        }
    }
    void leave()
    {
        m_left = true;
        const bool finished = !m_first.snapshot || m_first.stateSeq;
        m_leftAt = m_f.hub->unsubscribe(m_first.id);
        if (!finished)
            CHECK(m_leftAt == 0);
        m_second.subscribe(*m_f.hub, finished ? SubscribeFrom{false, m_leftAt} : m_plan.from);
    }
    void subscribeOther()
    {
        m_otherMade = true;
        m_other.subscribe(*m_f.hub, {false, 0});
    }

    void check()
    {
        const NaiveLog& log = m_f.log;
        m_first.check(log, m_left ? m_leftAt : log.through());
        if (m_left)
            m_second.check(log, log.through());
        if (m_otherMade)
            m_other.check(log, log.through());
        for (const TestClient* client : {&m_first, &m_second}) {
            if (client->stateSeq)
                client->checkState(log, m_f.engine().nowUs());
        }
        const TestClient& last = m_left ? m_second : m_first;
        CHECK_FALSE(last.ended);
        CHECK(last.through() == log.through());
        CHECK(last.snapshot == last.stateSeq.has_value());
        CHECK(m_f.shared->queuedEvents == 0);
    }

    const Plan& m_plan;
    Choices& m_choices;
    LiveFixture m_f;
    TestClient m_keeper, m_first, m_second, m_other;
    size_t m_written = 0;
    int m_turns = 0;
    bool m_left = false;
    uint64_t m_leftAt = 0;
    bool m_otherMade = false;
};

void playAll(const Plan& plan, uint64_t atLeast)
{
    Choices choices;
    uint64_t runs = 0;
    do {
        Run(plan, choices).play();
        ++runs;
    } while (choices.next() && runs < 200'000);
    MESSAGE(runs, " ways");
    CHECK(runs >= atLeast);
    CHECK(runs < 200'000);
}

const std::vector<std::vector<Wish>> kBefore = {
    {set("c", "a", "red"), set("c", "b", "blue")}, {set("c", "a", "blue")}, {removeKey("c", "b")}};
const std::vector<std::vector<Wish>> kWrites = {
    {set("c", "a", "red"), insert({{"c", "d", 1}})}, {set("c", "b", "red")}, {drop("c")}};

Wanted changesOfRed()
{
    Wanted wanted;
    wanted.has = "red";
    wanted.fields.previous = true;
    return wanted;
}

LiveLimits tinyPieces()
{
    LiveLimits limits;
    limits.piece.eventBytes = 1; // an event each
    return limits;
}

} // namespace

TEST_CASE("every order: from now on")
{
    Plan plan{{}, kBefore, kWrites};
    playAll(plan, 4);
    plan.takesTurns = true;
    plan.leaves = true;
    playAll(plan, 100);
}

TEST_CASE("every order: from a seq")
{
    Plan plan{{false, 1}, kBefore, kWrites};
    playAll(plan, 10);
    plan.wanted = {changesOfRed()};
    plan.limits = tinyPieces();
    playAll(plan, 100);
    plan.alone = false;
    playAll(plan, 100);
    plan.takesTurns = true;
    plan.writes.pop_back();
    playAll(plan, 1000);
}

TEST_CASE("every order: from a seq, with nothing kept of the news for those who join")
{
    Plan plan{{false, 0}, kBefore, kWrites};
    plan.limits = tinyPieces();
    plan.limits.maxRecentBatches = 0;
    playAll(plan, 100);
    plan.limits.maxRecentBatches = 1;
    plan.alone = false;
    playAll(plan, 100);
}

TEST_CASE("every order: a snapshot, then the news")
{
    Plan plan{{true, {}}, kBefore, kWrites};
    playAll(plan, 20);
    plan.limits = tinyPieces();
    playAll(plan, 20);
    plan.wanted = {changesOfRed()};
    plan.takesTurns = true;
    playAll(plan, 1000);
    plan.wanted[0] = {};
    plan.wanted[0].documents = true;
    plan.limits.maxRecentBatches = 0;
    playAll(plan, 1000);
}

TEST_CASE("every order: more than the queue holds, then from the log to the news again")
{
    const auto records = [](int64_t from, int64_t to) {
        std::vector<TestRecord> list;
        for (int64_t ts = from; ts < to; ++ts)
            list.push_back({"c", "d", ts});
        return insert(list);
    };
    Plan plan{{}, kBefore, {{set("c", "a"), records(0, 3)}, {records(3, 4)}, {records(4, 7)}}};
    plan.wanted[0].documents = true;
    plan.limits.maxQueueEvents = 2;
    playAll(plan, 10);
    plan.takesTurns = true;
    plan.limits.frameBytes = 1;
    playAll(plan, 500);
    plan.limits.maxQueueEvents = 1;
    plan.limits.piece.eventBytes = 100; // two events
    plan.writes.pop_back();
    playAll(plan, 200);
    plan.takesTurns = false;
    plan.leaves = true;
    plan.alone = false;
    playAll(plan, 100);
    plan.wanted = {changesOfRed()};
    plan.writes = {{set("c", "a", "red"), set("c", "a", "blue"), set("c", "b", "red")},
                   {removeKey("c", "a"), set("c", "b", "blue")}};
    playAll(plan, 100);
    plan.leaves = false;
    plan.takesTurns = true;
    playAll(plan, 1000);
}

TEST_CASE("every order: a turn of the loop between any two events")
{
    const Wish two = insert({{"c", "d", 1}, {"c", "d", 2}});
    Plan plan{{}, kBefore, {{set("c", "a", "red"), two}, {drop("c")}}};
    plan.limits.sliceUs = 0;
    plan.alone = false;
    plan.wanted[0].documents = true;
    plan.takesTurns = true;
    plan.limits.frameBytes = 1;
    playAll(plan, 100);
    plan.takesTurns = false;
    plan.leaves = true;
    playAll(plan, 50);
    plan.leaves = false;
    plan.others = true;
    plan.limits.maxQueueEvents = 1;
    playAll(plan, 50);
    plan.from = {false, 2};
    plan.limits.piece.eventBytes = 1;
    plan.others = false;
    playAll(plan, 50);
    plan.from = {true, {}};
    plan.wanted = {changesOfRed()};
    playAll(plan, 50);
}

TEST_CASE("every order: the news pile up before this thread sees them")
{
    Plan plan{{}, kBefore, kWrites};
    plan.limits.maxTotalBytes = 300; // two batches in the inbox are too many
    playAll(plan, 4);
    plan.takesTurns = true;
    plan.limits.frameBytes = 1;
    playAll(plan, 100);
}

TEST_CASE("every order: gone at any moment, and back from where it was left")
{
    Plan plan{{false, 1}, kBefore, kWrites};
    plan.limits = tinyPieces();
    plan.leaves = true;
    plan.writes.pop_back();
    playAll(plan, 500);
    plan.alone = false; // the hub goes on listening in between
    playAll(plan, 500);
    plan.from = {true, {}};
    plan.alone = true;
    playAll(plan, 500);
}

TEST_CASE("every order: another one comes while the first reads")
{
    Plan plan{{false, 2}, kBefore, kWrites};
    plan.others = true;
    plan.wanted = {Wanted(), changesOfRed()};
    playAll(plan, 300);
    plan.from = {true, {}};
    playAll(plan, 300);
}
