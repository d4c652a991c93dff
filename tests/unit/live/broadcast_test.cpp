#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>

#include "live/broadcast.h"

using namespace fluxion;

namespace {

SharedBatch batchOf(uint64_t first, uint64_t last)
{
    BatchView view;
    view.firstSeq = first;
    view.count = static_cast<uint32_t>(last - first + 1);
    return std::make_shared<EventBatch>(view);
}

// Keeps what it was told; looked at by the one who attached it, when nothing is being told.
struct Listener : Feed {
    uint64_t after = 0;
    std::vector<std::pair<uint64_t, uint64_t>> told; // first and last seqs

    void attachTo(Broadcast& broadcast) { after = broadcast.attach(*this); }
    void publish(const SharedBatch& batch) override
    {
        told.emplace_back(batch->firstSeq, batch->lastSeq);
    }
    uint64_t through() const { return told.empty() ? after : told.back().second; }
    // Each seq since attach() once, without a gap.
    bool whole() const
    {
        uint64_t seq = after;
        for (const auto& [first, last] : told) {
            if (first != seq + 1)
                return false;
            seq = last;
        }
        return true;
    }
};

} // namespace

TEST_CASE("a feed hears of all that comes after the seq it was given")
{
    Broadcast broadcast;
    broadcast.startAfter(10);
    Listener a;
    Listener b;
    a.attachTo(broadcast);
    CHECK(a.through() == 10);
    CHECK(broadcast.begin(12));
    b.attachTo(broadcast); // the batch is under way: it is told to both
    CHECK(b.through() == 10);
    broadcast.publish(batchOf(11, 12));
    CHECK(a.through() == 12);
    CHECK(b.through() == 12);
    broadcast.detach(a);
    CHECK(broadcast.begin(13));
    broadcast.publish(batchOf(13, 13));
    CHECK(a.told.size() == 1);
    CHECK(b.told.size() == 2);
    CHECK((a.whole() && b.whole()));
}

TEST_CASE("nothing is prepared while nobody listens")
{
    Broadcast broadcast;
    Listener a;
    CHECK_FALSE(broadcast.begin(3));
    a.attachTo(broadcast);
    CHECK(a.through() == 3); // that batch is told to nobody
    CHECK(broadcast.begin(4));
    broadcast.detach(a);
    Listener b;
    b.attachTo(broadcast); // in the middle of the batch, which is told
    CHECK(b.through() == 3);
    broadcast.publish(batchOf(4, 4));
    CHECK(b.through() == 4);
    CHECK(a.told.empty());
    CHECK(broadcast.begin(5));
    broadcast.detach(b);
    broadcast.publish(batchOf(5, 5)); // told to nobody, but passed
    Listener c;
    c.attachTo(broadcast);
    CHECK(c.through() == 5);
    broadcast.detach(c);
    CHECK_FALSE(broadcast.begin(6));
    CHECK((a.whole() && b.whole()));
}

TEST_CASE("from threads: no batch is missed or told twice, whenever a feed comes and goes")
{
    Broadcast broadcast;
    std::atomic<bool> stop{false};
    std::atomic<bool> whole{true};
    std::atomic<uint64_t> heard{0};
    std::atomic<uint64_t> turns{0};
    std::vector<std::thread> listeners;
    for (uint64_t t = 0; t < 3; ++t) {
        listeners.emplace_back([&, t] {
            std::mt19937_64 random(t);
            while (!stop) {
                Listener listener;
                listener.attachTo(broadcast);
                for (uint64_t n = random() % 50; n > 0; --n)
                    std::this_thread::yield();
                broadcast.detach(listener);
                if (!listener.whole())
                    whole = false;
                heard += listener.told.size();
                ++turns;
            }
        });
    }
    std::mt19937_64 random(99);
    uint64_t seq = 0;
    // Where others have the cores a turn takes long, and fewer must do.
    const auto begun = std::chrono::steady_clock::now();
    const auto goesOn = [&](uint64_t wanted, std::chrono::seconds limit) {
        return (turns < wanted || heard < wanted) &&
               std::chrono::steady_clock::now() < begun + limit;
    };
    while (goesOn(3000, std::chrono::seconds(10)) || goesOn(100, std::chrono::minutes(4))) {
        const uint64_t first = seq + 1;
        seq += 1 + random() % 3;
        if (broadcast.begin(seq))
            broadcast.publish(batchOf(first, seq));
        if (random() % 4 == 0)
            std::this_thread::yield();
    }
    stop = true;
    for (std::thread& thread : listeners)
        thread.join();
    CHECK(whole);
    CHECK(turns >= 100);
    CHECK(heard >= 100);
    Listener last;
    last.attachTo(broadcast);
    CHECK(last.through() == seq);
}
