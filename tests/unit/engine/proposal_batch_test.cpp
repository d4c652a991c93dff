#include "engine/proposal_batch.h"
#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

constexpr uint64_t kAtOnce = 32; // so many leave without a flush()

struct BatchFixture : EngineFixture {
    std::unique_ptr<ProposalBatch> batch;
    uint64_t nextTicket = 0;

    explicit BatchFixture(EngineOptions options = smallOptions())
    {
        mustOpen(options);
        batch = std::make_unique<ProposalBatch>(*engine);
    }
    Accepted add(size_t valueBytes = 1)
    {
        return batch->add(
            {{}, set("c", "k", std::string(valueBytes, 'v')), &mailbox, nextTicket++});
    }
    // Tickets of what has been decided since the last call.
    std::vector<uint64_t> decided()
    {
        engine->step();
        std::vector<uint64_t> tickets;
        for (const Mailbox::Done& done : mailbox.take()) {
            CHECK(done.outcome.status.ok());
            tickets.push_back(done.ticket);
        }
        return tickets;
    }
};

uint64_t bytesOf(size_t valueBytes)
{
    return sizeOf(set("c", "k", std::string(valueBytes, 'v')));
}

std::vector<uint64_t> tickets(uint64_t first, uint64_t end)
{
    std::vector<uint64_t> all;
    for (; first < end; ++first)
        all.push_back(first);
    return all;
}

} // namespace

TEST_CASE("a full batch is handed over at once, the rest with flush()")
{
    BatchFixture f;
    for (uint64_t i = 0; i + 1 < kAtOnce; ++i)
        CHECK(f.add() == Accepted::Yes);
    CHECK(f.decided().empty());
    CHECK(f.add() == Accepted::Yes);
    CHECK(f.decided() == tickets(0, kAtOnce));

    for (uint64_t i = 0; i < kAtOnce + 3; ++i)
        CHECK(f.add() == Accepted::Yes);
    CHECK(f.decided() == tickets(kAtOnce, 2 * kAtOnce));
    f.batch->flush();
    CHECK(f.decided() == tickets(2 * kAtOnce, 2 * kAtOnce + 3));
    f.batch->flush();
    CHECK(f.decided().empty());
}

TEST_CASE("what a batch holds counts in the queue's bounds before it is handed over")
{
    EngineOptions options = smallOptions();
    options.pauseQueueBytes = 2 * bytesOf(1);
    options.maxQueueBytes = 3 * bytesOf(1);
    BatchFixture f(options);
    TestMailbox other;
    CHECK(f.add() == Accepted::Yes);
    CHECK(f.add() == Accepted::Yes);
    CHECK(f.add() == Accepted::Pause);
    CHECK(f.add() == Accepted::No);
    CHECK(f.engine->propose({{}, set("c", "k"), &other, 0}) == Accepted::No);
    CHECK(f.mailbox.rooms() == 0);

    f.batch->flush();
    CHECK(f.decided() == tickets(0, 3)); // not what was refused
    CHECK(f.mailbox.rooms() == 1);
    CHECK(other.rooms() + other.waiting() == 0);
    CHECK(f.add() == Accepted::Yes);
    CHECK(f.engine->propose({{}, set("c", "k"), &other, 0}) == Accepted::Yes);
    CHECK(f.add() == Accepted::Pause);
}

TEST_CASE("a batch takes one that is larger than the cap when the queue is empty")
{
    EngineOptions options = smallOptions(Durability::Always, 64 * 1024);
    options.pauseQueueBytes = bytesOf(1);
    options.maxQueueBytes = 2 * bytesOf(1);
    BatchFixture f(options);
    CHECK(f.add() == Accepted::Yes);
    CHECK(f.add(4096) == Accepted::No);
    CHECK(f.add() == Accepted::Pause);
    f.batch->flush();
    CHECK(f.decided() == std::vector<uint64_t>{0, 2});

    CHECK(f.add(4096) == Accepted::Pause);
    CHECK(f.add() == Accepted::No);
    f.batch->flush();
    CHECK(f.decided() == std::vector<uint64_t>{3});
    CHECK(f.value("c", "k").size() == 4096);
    CHECK(f.add() == Accepted::Yes);
}

TEST_CASE("what was handed over before the stop is decided, and nothing is taken after it")
{
    BatchFixture f;
    CHECK(f.add() == Accepted::Yes);
    f.batch->flush();
    const Status stopped = f.engine->stop();
    REQUIRE(stopped.ok());
    REQUIRE(f.mailbox.waiting() == 1);
    CHECK(f.mailbox.take()[0].outcome.status.ok());
    const uint64_t seq = f.engine->appliedSeq();

    for (uint64_t i = 0; i < 2 * kAtOnce; ++i)
        CHECK(f.add() == Accepted::No);
    f.batch->flush();
    CHECK(f.decided().empty());
    CHECK(f.engine->appliedSeq() == seq);
}
