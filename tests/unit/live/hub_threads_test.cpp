// Hubs on threads of their own, a reading thread, and an engine at work: what a subscriber hears,
// and that nothing is heard before the write that covers it has returned.

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>

#include "live/read_thread.h"
#include "unit/live/live_wishes.h"
#include "unit/store/model_seed.h"

using namespace fluxion;

namespace {

// A hub with its thread. What it does is posted; run() waits for it.
class HubThread {
  public:
    explicit HubThread(LiveShared& shared) : m_hub(std::make_unique<Hub>(shared, m_thread)) {}
    ~HubThread()
    {
        run([this](Hub&) { m_hub.reset(); });
        m_thread.stop();
    }
    void run(const std::function<void(Hub&)>& job)
    {
        // Shared: the waiting one may go on while it is still being woken.
        const auto done = std::make_shared<std::promise<void>>();
        m_thread.post([&job, done, this] {
            job(*m_hub);
            done->set_value();
        });
        done->get_future().wait();
    }

  private:
    ReadThread m_thread; // runs what it is given, in order
    std::unique_ptr<Hub> m_hub;
};

// Gives up after a minute.
template <class Condition> bool comes(Condition condition)
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
}

// Proposes random operations, some at a time.
class Writer {
  public:
    Writer(Engine& engine, uint64_t seed) : m_engine(engine), m_random(seed), m_wishes(m_random) {}
    void write(uint64_t count)
    {
        for (uint64_t i = 0; i < count; ++i) {
            const Wish wish = m_wishes.next(m_engine.store());
            CHECK(m_engine.propose({{}, wish, &m_mailbox, i}) == Accepted::Yes);
            if (i % 8 == 7)
                m_mailbox.take(8);
        }
        m_mailbox.take(count % 8);
    }

  private:
    Engine& m_engine;
    TestMailbox m_mailbox;
    std::mt19937_64 m_random;
    LiveWishes m_wishes;
};

void checkOnThreads(bool inMemory)
{
    std::mt19937_64 random = seededRandom("hubs on threads");
    EngineFixture files;
    const EngineOptions options = liveOptions(64 << 20, 65536);
    if (inMemory)
        files.engine = std::move(Engine::open(options, nullptr, files.clock, nullSink()).value());
    else
        files.mustOpen(options);
    Engine& engine = *files.engine;
    ReadThread reader;
    LiveLimits limits;
    limits.piece.eventBytes = 2000;
    LiveShared shared(engine, files.clock, limits, reader);
    std::list<TestClient> clients;
    {
        HubThread hubs[2] = {HubThread(shared), HubThread(shared)};
        engine.start();
        const uint64_t seeds[2] = {random(), random()};
        std::thread writers[2];
        for (int i = 0; i < 2; ++i)
            writers[i] = std::thread([&, i] { Writer(engine, seeds[i]).write(1500); });
        LiveWishes dice(random);
        std::vector<std::pair<HubThread*, TestClient*>> staying;
        for (int i = 0; i < 120; ++i) {
            TestClient& client = clients.emplace_back();
            client.wanted = dice.wanted();
            client.connection = 1 + dice.below(6);
            HubThread& hub = hubs[dice.below(2)];
            SubscribeFrom from;
            from.snapshot = dice.below(3) == 0;
            if (!from.snapshot && dice.below(2) == 0)
                from.seq = dice.below(engine.appliedSeq() + 1);
            hub.run([&](Hub& h) { client.subscribe(h, from); });
            staying.emplace_back(&hub, &client);
            if (dice.below(3) == 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(dice.below(3000)));
                const size_t which = dice.below(staying.size());
                const auto [its, leaving] = staying[which];
                its->run([&, who = leaving](Hub& h) { h.unsubscribe(who->id); });
                staying.erase(staying.begin() + static_cast<ptrdiff_t>(which));
            }
            files.clock.advanceUs(static_cast<int64_t>(dice.below(3000)));
        }
        for (std::thread& writer : writers)
            writer.join();
        for (const auto& [its, client] : staying) {
            CHECK(comes([&, hub = its, who = client] {
                bool there = false;
                hub->run([&](Hub& h) {
                    files.clock.advanceUs(limits.bookmarkIntervalUs);
                    h.tick();
                    there = who->through() >= engine.appliedSeq();
                });
                return there;
            }));
        }
        reader.stop(); // before the threads that it hands to
    }
    CHECK(engine.stop().ok());
    NaiveLog log;
    log.catchUp(engine);
    CHECK(log.through() > 1000);
    for (const TestClient& client : clients) {
        CHECK_FALSE(client.ended);
        client.check(log, client.through());
        if (client.stateSeq)
            client.checkState(log, engine.nowUs());
    }
    CHECK(shared.subscriptions == 0);
    CHECK(shared.eventBytes == 0);
}

} // namespace

TEST_CASE("hubs on threads: subscribers come and go while others write")
{
    checkOnThreads(true);
    checkOnThreads(false);
}

TEST_CASE("no event is heard before the write that covers it has returned")
{
    EngineFixture f;
    f.mustOpen(liveOptions(64 << 20, 65536));
    // What was written before the start is no news.
    f.mustSubmit({set("c", "k"), set("c", "k")});
    f.crash();
    std::atomic<uint64_t> heard{0};
    struct Ear : EventSink {
        std::atomic<uint64_t>& heard;
        uint64_t events = 0;
        explicit Ear(std::atomic<uint64_t>& h) : heard(h) {}
        bool takesEvents() override { return true; }
        int64_t stalledUs() override { return 0; }
        uint64_t client() const override { return reinterpret_cast<uintptr_t>(this); }
        void send(uint64_t, const EventFrame& frame) override
        {
            events += frame.events.size();
            if (frame.seq > heard)
                heard = frame.seq;
        }
        void end(uint64_t, const EventEnd&) override {}
    } live(heard), resumed(heard);
    f.mustOpen(liveOptions(64 << 20, 65536));
    ReadThread reader;
    LiveShared shared(*f.engine, f.clock, {}, reader);
    std::atomic<uint64_t> writes{0};
    std::atomic<uint64_t> early{0};
    {
        HubThread hub(shared);
        hub.run([&](Hub& h) { CHECK(h.subscribe({}, {}, live).value().seq == 2); });
        f.disk->setHook([&](const SimOp& op) {
            if (op.kind != SimOp::Write || !op.durable || op.offset == 0)
                return;
            ++writes;
            const uint64_t before = f.engine->appliedSeq();
            std::this_thread::sleep_for(std::chrono::milliseconds(3));
            if (heard > before)
                ++early;
        });
        f.engine->start();
        TestMailbox mailbox;
        for (uint64_t i = 0; i < 150; ++i) {
            // At most eight of them unanswered: however slow the writes are, there are enough.
            CHECK(comes([&] { return mailbox.waiting() + 8 > i; }));
            CHECK(f.engine->propose({{}, set("c", "k"), &mailbox, i}) == Accepted::Yes);
            if (i == 40) // reads the log beside the writer
                hub.run([&](Hub& h) { CHECK(h.subscribe({}, {false, 0}, resumed).ok()); });
            if (i % 2 == 0)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        CHECK(mailbox.take(150).size() == 150);
        CHECK(comes([&] {
            bool all = false;
            hub.run([&](Hub&) { all = live.events == 150 && resumed.events == 152; });
            return all;
        }));
        reader.stop();
    }
    f.disk->setHook(nullptr);
    CHECK(f.engine->stop().ok());
    CHECK(heard == 152);
    CHECK(writes >= 150 / 8);
    CHECK(early == 0);
}
