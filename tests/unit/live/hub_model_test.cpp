// Random operations, subscribers that come and go, clients that are full, and the steps of two hubs
// and their reader in any order: each subscriber hears what the log says.

#include <doctest/doctest.h>

#include <list>

#include "unit/live/live_wishes.h"
#include "unit/store/model_seed.h"

using namespace fluxion;

namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

struct Counts {
    uint64_t steps = 0, subscribed = 0, evicted = 0, fellBehind = 0, compacted = 0, refused = 0,
             events = 0, snapshots = 0, left = 0;
};

LiveLimits randomLimits(LiveWishes& dice)
{
    LiveLimits limits;
    if (dice.below(2) == 0)
        limits.maxQueueEvents = 1 + dice.below(60);
    if (dice.below(3) == 0)
        limits.maxQueueBytes = 200 + dice.below(8000);
    if (dice.below(3) == 0)
        limits.maxTotalBytes = 3000 + dice.below(20'000);
    if (dice.below(2) == 0)
        limits.frameBytes = 1 + dice.below(1000);
    if (dice.below(2) == 0)
        limits.maxRecentBatches = dice.below(6);
    limits.piece = {1 + dice.below(dice.below(2) == 0 ? 300 : 20'000), 1 + dice.below(20'000)};
    limits.bookmarkIntervalUs = 20'000;
    if (dice.below(3) == 0)
        limits.catchUpStallUs = 50'000;
    limits.maxCatchUps = 1 + dice.below(3);
    if (dice.below(2) == 0)
        limits.sliceUs = 0;
    if (dice.below(3) == 0)
        limits.filterUs = -1; // no time at all
    return limits;
}

EngineOptions randomOptions(LiveWishes& dice, bool& keepsAll)
{
    keepsAll = dice.below(3) != 0;
    return keepsAll ? liveOptions(64 << 20, 16384) : liveOptions(12'000, 4096);
}

// One server's life.
class Round {
  public:
    Round(std::mt19937_64& random, Counts& counts)
        : m_dice(random), m_counts(counts),
          m_f(randomLimits(m_dice), randomOptions(m_dice, m_keepsAll), m_dice.below(3) != 0),
          m_other(*m_f.shared, m_otherTasks)
    {
    }

    void play(int steps)
    {
        const uint64_t writes = 1 + m_dice.below(40); // of 100 steps
        const uint64_t readers = 1 + m_dice.below(40);
        for (int i = 0; i < steps; ++i) {
            const uint64_t dice = m_dice.below(100);
            if (dice < writes)
                write();
            else if (dice < writes + readers)
                (m_dice.below(2) == 0 ? m_f.reads : m_otherTasks).step();
            else if (dice < 88)
                (m_dice.below(3) != 0 ? m_f.tasks : m_f.reads).step();
            else if (dice < 95)
                turn();
            else if (dice < 97)
                pass();
            else
                comeOrGo();
        }
        finish();
        m_counts.steps += static_cast<uint64_t>(steps);
    }

  private:
    struct Member {
        TestClient client;
        Hub* hub = nullptr;
    };

    void write()
    {
        std::vector<Wish> batch;
        for (uint64_t n = 0; n <= m_dice.below(3); ++n)
            batch.push_back(m_dice.next(m_f.engine().store()));
        m_f.write(batch, m_dice.below(20) == 0 ? 1 : 0);
        if (m_dice.below(200) == 0)
            CHECK(m_f.engine().checkpoint().ok()); // the log may be shortened after that
    }
    void pass()
    {
        m_f.clock().advanceUs(static_cast<int64_t>(m_dice.below(15'000)));
        (m_dice.below(2) == 0 ? *m_f.hub : m_other).tick();
        leaveEnded();
    }
    // A client that is full takes some frames more, or one that takes all does no longer.
    void turn()
    {
        if (m_members.empty())
            return;
        Member& m = any();
        m.client.room = m_dice.below(3) == 0 ? SIZE_MAX : m_dice.below(4);
        m.client.stalled = m_dice.below(2) == 0 ? INT64_MAX : 0;
        if (m.client.room > 0 && !m.client.ended)
            m.hub->resume(m.client.id);
        leaveEnded();
    }
    void comeOrGo()
    {
        leaveEnded();
        if (m_members.size() > 3 + m_dice.below(6))
            return leave(any());
        Member& m = m_members.emplace_back();
        m.hub = m_dice.below(2) == 0 ? m_f.hub.get() : &m_other;
        m.client.wanted = m_dice.wanted(m_keepsAll);
        m.client.connection = m_dice.below(3);
        m.client.room = m_dice.below(3) == 0 ? m_dice.below(3) : SIZE_MAX;
        m.client.stalled = m_dice.below(2) == 0 ? INT64_MAX : 0;
        SubscribeFrom from;
        const uint64_t kind = m_dice.below(4);
        from.snapshot = kind == 0;
        if (kind == 1)
            from.seq = m_dice.below(m_f.log.through() + 2);
        if (kind == 2 && !m_leftAt.empty()) // from where someone was
            from.seq = m_leftAt[m_dice.below(m_leftAt.size())];
        const uint64_t oldest = m_f.engine().oldestSeq();
        if (from.seq && (*from.seq > m_f.log.through() || *from.seq + 1 < oldest)) {
            const auto refused = m.hub->subscribe(m.client.wanted.filter(), from, m.client);
            CHECK_FALSE(refused.ok());
            ++m_counts.refused;
            m_members.pop_back();
            return;
        }
        m.client.subscribe(*m.hub, from);
        ++m_counts.subscribed;
    }

    Member& any()
    {
        auto at = m_members.begin();
        std::advance(at, m_dice.below(m_members.size()));
        return *at;
    }
    void judge(const Member& m, uint64_t upTo)
    {
        m.client.check(m_f.log, upTo);
        m_counts.events += m.client.changes.size();
        if (m.client.stateSeq) {
            m.client.checkState(m_f.log, m_f.engine().nowUs());
            ++m_counts.snapshots;
        }
        if (m_keepsAll && (!m.client.snapshot || m.client.stateSeq))
            m_leftAt.push_back(upTo);
    }
    void leave(Member& m)
    {
        // Nothing more comes after it; what came before it is what the log says up to there.
        const uint64_t seq = m.hub->unsubscribe(m.client.id);
        CHECK((seq == 0 || !m.client.snapshot || m.client.stateSeq));
        judge(m, seq);
        ++m_counts.left;
        std::erase_if(m_members, [&](const Member& other) { return &other == &m; });
    }
    void leaveEnded()
    {
        for (Member& m : m_members) {
            if (!m.client.ended)
                continue;
            const Code code = m.client.ended->error.code;
            CHECK((code == Code::Evicted || (code == Code::Compacted && !m_keepsAll)));
            ++(code == Code::Evicted ? m_counts.evicted : m_counts.compacted);
            judge(m, m.client.ended->seq);
        }
        std::erase_if(m_members, [](const Member& m) { return m.client.ended.has_value(); });
    }
    // All take what there is, and come to the end.
    void finish()
    {
        for (int n = 0; n < 4; ++n) {
            for (Member& m : m_members) {
                m.client.room = SIZE_MAX;
                if (!m.client.ended)
                    m.hub->resume(m.client.id);
            }
            settle();
            m_f.clock().advanceUs(m_f.shared->limits.bookmarkIntervalUs);
            m_f.hub->tick();
            m_other.tick();
            settle();
        }
        leaveEnded();
        for (Member& m : m_members) {
            CHECK(m.client.through() == m_f.log.through());
            judge(m, m_f.log.through());
            m.hub->unsubscribe(m.client.id);
        }
        m_members.clear();
        settle();
        m_counts.fellBehind += m_f.shared->fellBehind;
        CHECK(m_f.shared->queuedEvents == 0);
        CHECK(m_f.shared->subscriptions == 0);
        CHECK(m_f.shared->cuts.summary().count == 0);
        CHECK(m_f.shared->eventBytes == 0);
        CHECK_FALSE(m_f.engine().broadcast().begin(m_f.log.through()));
    }
    void settle()
    {
        while (m_f.tasks.step() || m_otherTasks.step() || m_f.reads.step())
            continue;
    }

    LiveWishes m_dice;
    Counts& m_counts;
    bool m_keepsAll = true; // of the log
    LiveFixture m_f;
    StepExecutor m_otherTasks;
    Hub m_other;
    std::list<Member> m_members; // sinks stay where they are
    std::vector<uint64_t> m_leftAt;
};

} // namespace

TEST_CASE("random subscribers, in any order of steps, hear what the log says")
{
    std::mt19937_64 random = seededRandom("hubs in any order");
    Counts counts;
    const uint64_t steps = kSanitized || std::getenv("FLUXION_QUICK") ? 25'000 : 600'000;
    while (counts.steps < steps)
        Round(random, counts).play(1500);
    MESSAGE(counts.subscribed, " subscribed, ", counts.snapshots, " with a state, ", counts.events,
            " events, ", counts.evicted, " evicted, ", counts.fellBehind, " times behind, ",
            counts.compacted, " compacted, ", counts.refused, " refused, ", counts.left, " left");
    CHECK(counts.subscribed > steps / 100);
    CHECK(counts.snapshots > steps / 1000);
    CHECK(counts.events > steps / 10);
    CHECK(counts.evicted > (steps < 100'000 ? 0 : steps / 5000));
    CHECK(counts.fellBehind > (steps < 100'000 ? 0 : steps / 2000));
    CHECK(counts.left > steps / 500);
    CHECK((counts.compacted > 0 || steps < 100'000));
    CHECK(counts.refused > 0);
}
