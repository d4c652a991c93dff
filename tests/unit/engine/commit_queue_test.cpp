#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "engine/commit_queue.h"
#include "unit/engine/wishes.h"

using namespace fluxion;

namespace {

constexpr uint64_t kPauseBytes = 100;
constexpr uint64_t kMaxBytes = 200;

std::string told(Accepted accepted)
{
    return accepted == Accepted::Yes ? "yes" : accepted == Accepted::Pause ? "pause" : "no";
}

std::vector<Proposal> proposals(uint64_t firstTicket, size_t count = 1)
{
    std::vector<Proposal> made(count);
    for (Proposal& one : made)
        one.ticket = firstTicket++;
    return made;
}

struct Queue : CommitQueue {
    TestMailbox mailbox;

    Queue() : CommitQueue(kPauseBytes, kMaxBytes) {}
    std::string room(uint64_t bytes, Mailbox* asks = nullptr) { return told(reserve(bytes, asks)); }
    void give(uint64_t bytes, uint64_t firstTicket = 0, size_t count = 1)
    {
        std::vector<Proposal> given = proposals(firstTicket, count);
        push(given, bytes);
        CHECK(given.empty());
    }
    std::vector<uint64_t> tickets(int timeoutMs = 0)
    {
        std::vector<uint64_t> all;
        for (const Proposal& one : take(timeoutMs, wantsRoom))
            all.push_back(one.ticket);
        return all;
    }
    std::vector<Mailbox*> wantsRoom; // as of the last tickets()
};

using Tickets = std::vector<uint64_t>;
using Mailboxes = std::vector<Mailbox*>;

} // namespace

TEST_CASE("above the first bound givers are told to pause, and each is named once to be told more")
{
    Queue queue;
    TestMailbox other, third;
    CHECK(queue.room(kPauseBytes, &third) == "yes");
    CHECK(queue.room(1, &queue.mailbox) == "pause");
    CHECK(queue.room(1, &other) == "pause");
    CHECK(queue.room(1, &queue.mailbox) == "pause");
    CHECK(queue.room(1) == "pause");
    queue.give(kPauseBytes + 4);
    CHECK(queue.tickets() == Tickets{0});
    CHECK(queue.wantsRoom == Mailboxes{&queue.mailbox, &other});

    CHECK(queue.room(kPauseBytes, &queue.mailbox) == "yes");
    CHECK(queue.tickets().empty());
    CHECK(queue.wantsRoom.empty());
}

TEST_CASE("nothing is taken past the cap until what waits was taken")
{
    Queue queue;
    CHECK(queue.room(kMaxBytes - 1) == "pause");
    CHECK(queue.room(2, &queue.mailbox) == "no");
    CHECK(queue.room(1) == "pause");
    CHECK(queue.room(1) == "no");
    queue.give(kMaxBytes);
    CHECK(queue.room(1) == "no");
    CHECK(queue.tickets() == Tickets{0});
    CHECK(queue.wantsRoom.empty()); // who was refused is not told
    CHECK(queue.room(kMaxBytes) == "pause");
}

TEST_CASE("one that is larger than the cap is taken when nothing else is there")
{
    Queue queue;
    CHECK(queue.room(1) == "yes");
    CHECK(queue.room(10 * kMaxBytes) == "no");
    queue.give(1);
    CHECK(queue.room(10 * kMaxBytes) == "no");
    CHECK(queue.tickets().size() == 1);

    CHECK(queue.room(10 * kMaxBytes, &queue.mailbox) == "pause");
    CHECK(queue.room(1) == "no");
    queue.give(10 * kMaxBytes);
    CHECK(queue.tickets().size() == 1);
    CHECK(queue.wantsRoom == Mailboxes{&queue.mailbox});
    CHECK(queue.room(kPauseBytes) == "yes");
}

TEST_CASE("a refused one leaves the room to smaller ones")
{
    Queue queue;
    CHECK(queue.room(60) == "yes");
    for (int i = 0; i < 3; ++i)
        CHECK(queue.room(kMaxBytes) == "no");
    CHECK(queue.room(40) == "yes");
    CHECK(queue.room(100) == "pause");
    CHECK(queue.room(1) == "no");
}

TEST_CASE("room that was made counts until what it was made for was taken")
{
    Queue queue;
    CHECK(queue.room(150) == "pause");
    CHECK(queue.tickets().empty());
    CHECK(queue.room(100) == "no");
    queue.give(150);
    CHECK(queue.room(100) == "no");
    CHECK(queue.tickets().size() == 1);
    CHECK(queue.room(100) == "yes");
}

TEST_CASE("proposals come in the order they were given, all at once")
{
    Queue queue;
    queue.give(0, 0, 3);
    queue.give(0, 3, 1);
    queue.give(0, 4, 2);
    CHECK(queue.tickets() == Tickets{0, 1, 2, 3, 4, 5});
    CHECK(queue.tickets().empty());
    queue.give(0, 6, 1);
    CHECK(queue.tickets() == Tickets{6});
}

TEST_CASE("a closed queue makes no room, and yields what waits, without waiting for more")
{
    Queue queue;
    CHECK(queue.room(1) == "yes");
    CHECK_FALSE(queue.closed());
    queue.close();
    CHECK(queue.closed());
    CHECK(queue.room(1, &queue.mailbox) == "no");
    CHECK(queue.room(0) == "no");
    queue.give(1, 7);
    const auto begun = std::chrono::steady_clock::now();
    CHECK(queue.tickets(60'000) == Tickets{7});
    CHECK(queue.tickets(60'000).empty());
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(60));
    CHECK(queue.wantsRoom.empty());
}

TEST_CASE("who waits for proposals wakes up for one, for wake() and for close()")
{
    constexpr int kForEverMs = 60'000;
    Queue queue;
    const auto begun = std::chrono::steady_clock::now();
    queue.wake();
    CHECK(queue.tickets(kForEverMs).empty());
    std::thread other([&queue] { queue.give(0, 1); });
    CHECK(queue.tickets(kForEverMs) == Tickets{1});
    other.join();
    other = std::thread([&queue] { queue.wake(); });
    CHECK(queue.tickets(kForEverMs).empty());
    other.join();
    other = std::thread([&queue] { queue.close(); });
    CHECK(queue.tickets(kForEverMs).empty());
    other.join();
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(kForEverMs));
}

TEST_CASE("from many threads: never past the cap, nothing lost, each giver's order kept")
{
    constexpr uint64_t kGivers = 3;
    constexpr uint64_t kEach = 3000;
    constexpr uint64_t kBytes = 30; // six fit below the cap
    Queue queue;
    std::atomic<bool> ended{false};
    std::vector<std::thread> givers;
    for (uint64_t giver = 0; giver < kGivers; ++giver) {
        givers.emplace_back([&queue, &ended, giver] {
            for (uint64_t n = 0; n < kEach; ++n) {
                while (queue.reserve(kBytes, &queue.mailbox) == Accepted::No) {
                    if (ended)
                        return;
                    std::this_thread::yield();
                }
                std::vector<Proposal> one = proposals(giver * kEach + n);
                queue.push(one, kBytes);
            }
        });
    }
    std::vector<uint64_t> next(kGivers);
    uint64_t taken = 0, pastTheCap = 0, outOfOrder = 0;
    while (taken < kGivers * kEach) {
        const Tickets some = queue.tickets(60'000);
        if (some.empty())
            break;
        taken += some.size();
        pastTheCap += some.size() * kBytes > kMaxBytes ? 1 : 0;
        for (const uint64_t ticket : some)
            outOfOrder += next[ticket / kEach]++ == ticket % kEach ? 0 : 1;
    }
    ended = true;
    for (std::thread& giver : givers)
        giver.join();
    CHECK(taken == kGivers * kEach);
    CHECK(pastTheCap == 0);
    CHECK(outOfOrder == 0);
    CHECK(queue.room(10 * kMaxBytes) == "pause"); // only an empty queue takes it
}
