#include <doctest/doctest.h>

#include "live/event_queue.h"

using namespace fluxion;

namespace {

QueuedEvent event(uint64_t seq, size_t bytes, EventBytes& alive)
{
    return {seq, std::make_shared<EventText>(std::string(bytes, 'x'), alive)};
}

} // namespace

TEST_CASE("a queue of events: in order, counted, and let go as they leave")
{
    EventBytes alive{0};
    EventQueue queue;
    CHECK(queue.empty());
    for (uint64_t seq = 1; seq <= 1000; ++seq)
        queue.push(event(seq, 10, alive));
    CHECK(queue.size() == 1000);
    CHECK(queue.bytes() == 10'000);
    for (uint64_t seq = 1; seq <= 999; ++seq) {
        CHECK(queue.nextSeq() == seq);
        CHECK(queue.pop().seq == seq);
        CHECK(queue.bytes() == alive);
    }
    CHECK(queue.size() == 1);
    queue.clear();
    CHECK(queue.empty());
    CHECK(queue.size() == 0);
    CHECK(queue.bytes() == 0);
    CHECK(alive == 0);
    queue.push(event(7, 3, alive));
    CHECK(queue.nextSeq() == 7);
    CHECK(queue.bytes() == 3);
}

TEST_CASE("a queue that is never empty does not grow for ever, an empty one keeps little")
{
    EventBytes alive{0};
    EventQueue queue;
    for (uint64_t held : {1, 3, 100}) {
        for (uint64_t seq = 1; seq <= 50'000; ++seq) {
            queue.push(event(seq, 1, alive));
            if (queue.size() <= held)
                continue;
            CHECK(queue.pop().seq + held == seq);
            CHECK(queue.room() <= 4 * (held + 64));
        }
        CHECK(queue.size() == held);
        queue.clear();
    }
    for (uint64_t seq = 0; seq < 10'000; ++seq)
        queue.push(event(seq, 1, alive));
    while (!queue.empty())
        queue.pop();
    CHECK(queue.room() <= 64);
    CHECK(alive == 0);
}
