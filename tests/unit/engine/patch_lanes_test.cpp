// Patches of large values take turns: others are not kept waiting by a row of them, nobody's order
// changes, and what waits counts in the queue's bounds.

#include <doctest/doctest.h>

#include "engine/patch_lanes.h"
#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

Proposal proposal(uint64_t source, uint64_t ticket)
{
    return {{}, set("c", "k"), nullptr, ticket, source};
}

// Tickets of those that need not wait.
std::vector<uint64_t> offer(PatchLanes& lanes, uint64_t source, uint64_t ticket, uint64_t bytes)
{
    Proposal one = proposal(source, ticket);
    return lanes.take(one, bytes) ? std::vector<uint64_t>() : std::vector<uint64_t>{ticket};
}

std::vector<uint64_t> ticketsOf(const std::vector<Proposal>& proposals)
{
    std::vector<uint64_t> tickets;
    for (const Proposal& one : proposals)
        tickets.push_back(one.ticket);
    return tickets;
}

using Tickets = std::vector<uint64_t>;

std::string object(size_t bytes)
{
    return R"({"text":")" + std::string(bytes, 'x') + R"("})";
}

Wish patch(const std::string& key, const std::string& value)
{
    return PatchKeyProposal{"c", key, value};
}

} // namespace

TEST_CASE("what is light waits for nobody but what is heavy of its own connection")
{
    PatchLanes lanes;
    lanes.beginTurn();
    CHECK(offer(lanes, 1, 1, 0) == Tickets{1});
    CHECK(offer(lanes, 1, 2, kHeavyMergeBytes) == Tickets{2});
    CHECK(lanes.empty());
    CHECK(offer(lanes, 1, 3, kHeavyMergeBytes + 1).empty());
    CHECK(offer(lanes, 1, 4, 0).empty());
    CHECK(offer(lanes, 2, 5, 0) == Tickets{5});
    CHECK(offer(lanes, 2, 6, 10) == Tickets{6});
    CHECK(lanes.bytes() == 2 * sizeOf(proposal(1, 0).wish));
    CHECK(ticketsOf(lanes.nextTurn()) == Tickets{3, 4});
    CHECK(lanes.empty());
    CHECK(lanes.bytes() == 0);
    CHECK(offer(lanes, 1, 7, 0) == Tickets{7});
}

TEST_CASE("one connection's heavy ones have a turn each, connections in rotation")
{
    PatchLanes lanes;
    lanes.beginTurn();
    for (uint64_t ticket = 10; ticket < 13; ++ticket)
        CHECK(offer(lanes, 1, ticket, kTurnMergeBytes).empty());
    CHECK(offer(lanes, 1, 13, 0).empty());
    CHECK(offer(lanes, 2, 20, kTurnMergeBytes).empty());
    CHECK(offer(lanes, 2, 21, 5).empty());
    CHECK(ticketsOf(lanes.nextTurn()) == Tickets{10});
    CHECK(ticketsOf(lanes.nextTurn()) == Tickets{20});
    CHECK(ticketsOf(lanes.nextTurn()) == Tickets{11});
    CHECK(ticketsOf(lanes.nextTurn()) == Tickets{21});
    CHECK(ticketsOf(lanes.nextTurn()) == Tickets{12, 13});
    CHECK(lanes.empty());
}

TEST_CASE("a turn merges so much, not more, whether by a few or by many")
{
    PatchLanes lanes;
    lanes.beginTurn();
    size_t now = 0;
    for (uint64_t ticket = 0; ticket < 100; ++ticket)
        now += offer(lanes, ticket, ticket, kHeavyMergeBytes).size();
    CHECK(now == kTurnMergeBytes / kHeavyMergeBytes);
    const size_t each = lanes.nextTurn().size();
    CHECK(each == kTurnMergeBytes / kHeavyMergeBytes);
    size_t left = 100 - now - each;
    while (!lanes.empty())
        left -= lanes.nextTurn().size();
    CHECK(left == 0);
    CHECK(lanes.bytes() == 0);
    lanes.beginTurn();
    CHECK(offer(lanes, 1, 1, 1) == Tickets{1});
}

TEST_CASE("others are answered between the patches of a large value")
{
    EngineFixture f;
    f.mustOpen(smallOptions(Durability::Always, 16 * 1024 * 1024));
    f.mustSubmit({set("c", "big", object(2 * kTurnMergeBytes)), set("c", "other", "{}")});
    constexpr uint64_t kPatches = 5;
    const auto propose = [&](Wish wish, uint64_t ticket, uint64_t source) {
        REQUIRE(f.engine->propose({{}, std::move(wish), &f.mailbox, ticket, source}) ==
                Accepted::Yes);
    };
    for (uint64_t n = 0; n < kPatches; ++n)
        propose(patch("big", R"({"n":)" + std::to_string(n) + "}"), n, 1);
    propose(set("c", "behind", "1"), 10, 1);
    propose(set("c", "other", "2"), 20, 2);
    propose(patch("other", "{}"), 21, 3);
    CHECK(f.engine->queuedBytes() > 0);
    const size_t before = f.mailbox.letters();
    f.engine->step();
    const size_t letters = f.mailbox.letters() - before;
    Tickets order;
    for (const Mailbox::Done& done : f.mailbox.take()) {
        CHECK(done.outcome.status.ok());
        order.push_back(done.ticket);
    }
    CHECK(order == Tickets{20, 21, 0, 1, 2, 3, 4, 10});
    CHECK(letters >= 1 + kPatches); // a batch each
    CHECK(f.engine->queuedBytes() == 0);
    CHECK(f.value("c", "behind") == "1");
    CHECK(f.value("c", "big").ends_with(R"(,"n":4})"));
    CHECK(f.engine->store().find(0, "c")->head("big").version == 1 + kPatches);

    const uint64_t hash = f.hash();
    f.kill();
    f.mustOpen(smallOptions(Durability::Always, 16 * 1024 * 1024));
    CHECK(f.hash() == hash);
}

TEST_CASE("what waits in a lane is told to pause, and that there is room when it is through")
{
    EngineFixture f;
    EngineOptions options = smallOptions(Durability::Always, 16 * 1024 * 1024);
    options.pauseQueueBytes = 600 * 1024;
    options.maxQueueBytes = 700 * 1024;
    f.mustOpen(options);
    f.mustSubmit({set("c", "big", object(kTurnMergeBytes / 2))});
    const std::string large = object(300 * 1024);
    CHECK(f.engine->propose({{}, patch("big", large), &f.mailbox, 0, 1}) == Accepted::Yes);
    CHECK(f.engine->propose({{}, patch("big", large), &f.mailbox, 1, 1}) == Accepted::Pause);
    CHECK(f.engine->propose({{}, patch("big", large), &f.mailbox, 2, 1}) == Accepted::No);
    f.engine->step();
    CHECK(f.mailbox.take().size() == 2);
    f.engine->step();
    CHECK(f.mailbox.rooms() == 1);
    CHECK(f.engine->queuedBytes() == 0);
}
