// The engine from proposal to outcome. Without threads where they do not matter; over a simulated
// disk, so that writes can be counted, held up and made to fail.

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

std::vector<uint64_t> seqsOf(const std::vector<Outcome>& outcomes)
{
    std::vector<uint64_t> seqs;
    for (const Outcome& outcome : outcomes)
        seqs.push_back(outcome.seq);
    return seqs;
}

SimFailure failing(SimOp::Kind kind, SimFailure::Fault fault, const std::string& nameStart,
                   bool forEver)
{
    SimFailure failure;
    failure.kind = kind;
    failure.fault = fault;
    failure.nameStart = nameStart;
    failure.forEver = forEver;
    return failure;
}

} // namespace

TEST_CASE("what waits becomes one batch, one write")
{
    EngineFixture f;
    f.mustOpen(smallOptions(Durability::Always, 65536));
    f.disk->setPlan({});
    std::vector<Wish> wishes;
    for (int i = 0; i < 100; ++i)
        wishes.push_back(set("c", "k" + std::to_string(i)));
    const auto outcomes = f.submit(wishes);
    CHECK(f.disk->operations() == 1);
    CHECK(f.disk->count(SimOp::Write) == 1);
    CHECK(f.mailbox.letters() == 1);
    for (size_t i = 0; i < outcomes.size(); ++i)
        CHECK(outcomes[i].seq == i + 1);
    CHECK(f.engine->appliedSeq() == 100);
}

TEST_CASE("what is more than a segment holds becomes several batches, in order")
{
    EngineFixture f;
    f.mustOpen();
    std::vector<Wish> wishes;
    for (int i = 0; i < 40; ++i)
        wishes.push_back(set("c", "k", std::string(500, static_cast<char>('A' + i))));
    const auto outcomes = f.submit(wishes);
    for (size_t i = 0; i < outcomes.size(); ++i) {
        CHECK(outcomes[i].seq == i + 1);
        CHECK(outcomes[i].version == i + 1);
    }
    CHECK(f.mailbox.letters() > 4);
    CHECK(f.value("c", "k")[0] == 'A' + 39);
}

TEST_CASE("an outcome's seq is that of its entry; of what changes nothing, the last one before it")
{
    EngineFixture f;
    f.mustOpen();
    CHECK(seqsOf(f.submit({removeKey("c", "k"), set("c", "k"), removeKey("c", "no"),
                           removeApiKey(1), set("c", "k"), drop("no")})) ==
          std::vector<uint64_t>{0, 1, 1, 1, 2, 2});
    CHECK(seqsOf(f.submit({drop("no"), insert({}), removeKey("c", "k"), set("c", "k")})) ==
          std::vector<uint64_t>{2, 2, 3, 4});
    // Across a split.
    CHECK(seqsOf(f.submit({set("c", "k"), drop("c"), drop("c"), set("c", "k")})) ==
          std::vector<uint64_t>{5, 6, 6, 7});
}

TEST_CASE("each mailbox gets its outcomes in the order it proposed, once per batch")
{
    EngineFixture f;
    f.mustOpen();
    TestMailbox other;
    for (uint64_t i = 0; i < 10; ++i) {
        f.engine->propose({{}, set("c", "k"), &f.mailbox, 2 * i});
        f.engine->propose({{}, removeKey("c", i % 2 ? "k" : "no"), &other, 2 * i + 1});
        f.engine->propose({{}, set("c", "nobody hears of this"), nullptr, 0});
    }
    f.engine->step();
    CHECK(f.mailbox.letters() == 1);
    CHECK(other.letters() == 1);
    const auto mine = f.mailbox.take();
    const auto others = other.take();
    REQUIRE(mine.size() == 10);
    REQUIRE(others.size() == 10);
    for (uint64_t i = 0; i < 10; ++i) {
        CHECK(mine[i].ticket == 2 * i);
        CHECK(others[i].ticket == 2 * i + 1);
        CHECK(mine[i].outcome.seq <= others[i].outcome.seq);
    }
}

TEST_CASE("the queue is bounded: first a pause, then no")
{
    EngineFixture f;
    EngineOptions options = smallOptions(Durability::Always, 65536);
    const uint64_t one = sizeOf(set("c", "k"));
    options.pauseQueueBytes = 3 * one;
    options.maxQueueBytes = 5 * one;
    f.mustOpen(options);
    TestMailbox other;
    const auto propose = [&](TestMailbox& mailbox, uint64_t ticket) {
        return f.engine->propose({{}, set("c", "k"), &mailbox, ticket});
    };
    for (int round = 1; round <= 3; ++round) {
        CAPTURE(round);
        for (uint64_t i = 0; i < 3; ++i)
            CHECK(propose(f.mailbox, i) == Accepted::Yes);
        CHECK(propose(other, 3) == Accepted::Pause);
        CHECK(propose(other, 4) == Accepted::Pause);
        CHECK(propose(f.mailbox, 5) == Accepted::No);
        CHECK(propose(other, 6) == Accepted::No);
        f.engine->step();
        CHECK(f.mailbox.take().size() == 3);
        CHECK(other.take().size() == 2);
        CHECK(f.mailbox.rooms() == 0); // was not told to pause
        CHECK(other.rooms() == static_cast<size_t>(round));
    }
    CHECK(f.engine->appliedSeq() == 15);
}

TEST_CASE("whoever waits for a seq hears of it once the views are there")
{
    EngineFixture f;
    f.mustOpen();
    TestMailbox waiting;
    f.engine->awaitSeq(0, waiting, 1);
    CHECK(waiting.take().size() == 1); // at once
    f.engine->awaitSeq(1, waiting, 2);
    f.engine->awaitSeq(3, waiting, 3);
    f.engine->awaitSeq(2, waiting, 4);
    f.engine->awaitSeq(2, f.mailbox, 4);
    f.engine->cancelAwait(waiting, 4);
    f.engine->cancelAwait(waiting, 99);
    CHECK(waiting.waiting() == 0);
    f.submit({set("c", "k")});
    auto done = waiting.take();
    REQUIRE(done.size() == 1);
    CHECK(done[0].ticket == 2);
    CHECK(done[0].outcome.seq == 1);
    CHECK(done[0].outcome.status.ok());
    f.engine->propose({{}, set("c", "k"), nullptr, 0});
    f.engine->step();
    CHECK(waiting.waiting() == 0);
    done = f.mailbox.take();
    REQUIRE(done.size() == 1);
    CHECK(done[0].ticket == 4);
    f.submit({set("c", "k")});
    done = waiting.take();
    REQUIRE(done.size() == 1);
    CHECK(done[0].ticket == 3);
    f.engine->cancelAwait(waiting, 3); // too late, and no harm
}

TEST_CASE("no wake-up is lost between a wait and the batch that ends it")
{
    SimClock clock;
    auto engine = std::move(Engine::open({}, nullptr, clock, nullSink()).value());
    engine->start();
    TestMailbox outcomes;
    TestMailbox waiting;
    // Two threads meet at every round: one proposes, the other waits for what that makes. Where
    // others have the cores a round takes long, and fewer must do.
    constexpr uint64_t kRounds = 20'000;
    constexpr uint64_t kLeastRounds = 500;
    const auto enough = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::atomic<uint64_t> round{0};
    std::atomic<bool> over{false};
    std::thread waiter([&] {
        for (uint64_t n = 1; n <= kRounds; ++n) {
            while (round.load() < n) {
                if (over)
                    return;
                std::this_thread::yield();
            }
            engine->awaitSeq(n, waiting, n);
        }
    });
    uint64_t rounds = 0;
    uint64_t woken = 0;
    while (rounds < kRounds && woken == rounds &&
           (rounds < kLeastRounds || std::chrono::steady_clock::now() < enough)) {
        ++rounds;
        engine->propose({{}, set("c", "k"), &outcomes, rounds});
        round = rounds;
        woken += waiting.take(1).size();
    }
    over = true;
    CHECK(rounds >= kLeastRounds);
    CHECK(woken == rounds);
    waiter.join();
    CHECK(engine->stop().ok());
}
TEST_CASE("mailboxes that asked for it hear of changed API keys, before the outcome")
{
    EngineFixture f;
    f.mustOpen();
    f.engine->addMailbox(f.mailbox);
    f.submit({set("c", "k"), removeApiKey(1)});
    CHECK(f.mailbox.keyChanges() == 0);
    f.submit({set("c", "k"), setApiKey(1, Scope::ReadOnly)});
    CHECK(f.mailbox.keyChanges() == 1);
    CHECK(f.mailbox.doneAtKeyChange() == 0);
    f.submit({setApiKey(1, Scope::ReadOnly)});
    CHECK(f.mailbox.keyChanges() == 1);
    f.submit({setApiKey(1, Scope::ReadWrite), removeApiKey(1)}); // two batches
    CHECK(f.mailbox.keyChanges() == 3);
}

TEST_CASE("time never goes back, whatever the clock does, also across restarts")
{
    EngineFixture f;
    const int64_t start = f.clock.wallUs();
    f.mustOpen();
    f.mustSubmit({set("c", "k")});
    CHECK(f.engine->store().appliedTimeUs() == start);
    f.clock.setWallUs(start - 1'000'000);
    f.mustSubmit({set("c", "k")});
    CHECK(f.engine->store().appliedTimeUs() == start);
    f.kill(); // back from the log
    f.mustOpen();
    CHECK(f.engine->store().appliedTimeUs() == start);
    f.mustSubmit({set("c", "k")});
    CHECK(f.engine->store().appliedTimeUs() == start);
    f.clock.setWallUs(start + 7);
    f.mustSubmit({set("c", "k")});
    CHECK(f.engine->store().appliedTimeUs() == start + 7);
    f.mustStop(); // back from a checkpoint
    f.clock.setWallUs(1);
    f.mustOpen();
    CHECK(f.engine->store().appliedTimeUs() == start + 7);
    f.mustSubmit({set("c", "k")});
    CHECK(f.engine->store().appliedTimeUs() == start + 7);
}

TEST_CASE("after a write that failed nothing is written until a restart; reads go on")
{
    EngineFixture f;
    f.mustOpen();
    f.mustSubmit({set("c", "k", "before")});
    f.disk->setPlan({0, {failing(SimOp::Write, SimFailure::Fault::Io, "", false)}});
    for (const Outcome& outcome : f.submit({set("c", "k", "after"), removeKey("c", "no")}))
        CHECK(tokenOf(outcome.status) == "read_only");
    CHECK(f.engine->readOnly());
    CHECK(f.value("c", "k") == "before");
    const uint64_t operations = f.disk->operations();
    for (const Outcome& outcome : f.submit({set("c", "k"), removeKey("c", "no"), drop("c")}))
        CHECK(tokenOf(outcome.status) == "read_only");
    CHECK(tokenOf(f.engine->stop()) == "read_only");
    CHECK(f.disk->operations() == operations);
    CHECK(f.files("closed").empty());

    f.crash();
    f.mustOpen();
    CHECK_FALSE(f.engine->readOnly());
    CHECK(f.value("c", "k") == "before");
    f.mustSubmit({set("c", "k", "after")});
}

TEST_CASE("a short write is continued, and nobody notices")
{
    EngineFixture f;
    f.mustOpen();
    f.disk->setPlan({0, {failing(SimOp::Write, SimFailure::Fault::ShortWrite, "", false)}});
    f.mustSubmit({set("c", "k", "value")});
    CHECK(f.disk->count(SimOp::Write) == 2);
    f.crash();
    f.mustOpen();
    CHECK(f.value("c", "k") == "value");
}

TEST_CASE("a full disk refuses writes until there is room; what was taken stays")
{
    EngineFixture f;
    f.mustOpen();
    f.disk->setPlan({0, {failing(SimOp::Create, SimFailure::Fault::NoSpace, "spare-", true)}});
    const Wish wish = set("c", "k", std::string(900, 'x'));
    uint64_t taken = 0;
    while (f.submit({wish})[0].status)
        ++taken;
    CHECK(taken == 3); // what the segment at hand had room for
    for (int i = 0; i < 3; ++i) {
        const auto outcomes = f.submit({wish, removeKey("c", "no"), removeApiKey(1)});
        CHECK(tokenOf(outcomes[0].status) == "storage_full");
        CHECK(tokenOf(outcomes[1].status) == "storage_full"); // its batch did not come to be
        CHECK(tokenOf(outcomes[2].status) == "not_found");
        CHECK_FALSE(f.engine->readOnly());
        CHECK(f.engine->appliedSeq() == taken);
        CHECK(f.value("c", "k").size() == 900);
    }
    f.disk->setPlan({});
    const auto outcomes = f.submit({wish, wish});
    CHECK(seqsOf(outcomes) == std::vector<uint64_t>{taken + 1, taken + 2});
    CHECK(outcomes[0].version == taken + 1);
    const uint64_t hash = f.hash();
    f.crash();
    f.mustOpen();
    CHECK(f.hash() == hash);
}

TEST_CASE("a checkpoint that finds no room leaves nothing behind, and the log as it is")
{
    EngineFixture f;
    f.mustOpen();
    f.mustSubmit({set("c", "k")});
    f.disk->setPlan({0, {failing(SimOp::Write, SimFailure::Fault::NoSpace, "checkpoint", true)}});
    CHECK(tokenOf(f.engine->checkpoint()) == "storage_full");
    CHECK(f.files("checkpoint").empty());
    f.mustSubmit({set("c", "k")});
    CHECK(f.engine->stop().ok()); // says that there is no checkpoint, and closes the log
    CHECK(f.saidLineWith("no checkpoint at the stop"));
    f.engine.reset();
    f.disk->setPlan({});
    f.mustOpen();
    CHECK(f.engine->appliedSeq() == 2);
}

TEST_CASE("two checkpoints are kept, and of the log what the older one needs")
{
    EngineFixture f;
    f.mustOpen();
    const auto fill = [&] {
        for (int i = 0; i < 10; ++i)
            f.mustSubmit({set("c", "k" + std::to_string(i), std::string(900, 'x'))});
    };
    fill();
    CHECK(f.files("", ".seg").size() == 4);
    REQUIRE(f.engine->checkpoint().ok());
    CHECK(f.files("", ".seg").size() == 4); // without a second one, all of it
    fill();
    const size_t segments = f.files("", ".seg").size();
    REQUIRE(f.engine->checkpoint().ok());
    CHECK(f.files("checkpoint-").size() == 2);
    CHECK(f.files("", ".seg").size() == segments - 3);
    CHECK(f.files("spare-").size() == 2);
    const auto older = f.files("checkpoint-").front();
    fill();
    REQUIRE(f.engine->checkpoint().ok());
    CHECK(f.files("checkpoint-").size() == 2);
    CHECK(f.disk->contents(older) == std::nullopt);
    const uint64_t hash = f.hash();
    f.crash();
    f.mustOpen();
    CHECK(f.hash() == hash);
    CHECK(f.engine->appliedSeq() == 30);
}

TEST_CASE("a damaged checkpoint falls back to the one before")
{
    // At each: header, a block, the end.
    for (const int place : {20, -60, -1}) {
        CAPTURE(place);
        EngineFixture f;
        f.mustOpen();
        for (int i = 0; i < 3; ++i) {
            for (int n = 0; n < 10; ++n)
                f.mustSubmit({set("c", "k" + std::to_string(n), std::string(900, 'x'))});
            REQUIRE(f.engine->checkpoint().ok());
        }
        f.mustSubmit({set("c", "last")});
        const uint64_t hash = f.hash();
        f.kill();
        const std::string newest = f.files("checkpoint-").back();
        const std::string older = f.files("checkpoint-").front();
        std::string bytes = *f.disk->contents(newest);
        bytes[place < 0 ? bytes.size() - static_cast<size_t>(-place) : 20] ^= 1;
        f.disk->setContents(newest, bytes);

        f.mustOpen();
        CHECK(f.saidLineWith(newest + ": damaged at offset"));
        CHECK(f.hash() == hash);
        f.mustSubmit({set("c", "k", "more")});
        // The next one takes the place of the damaged one, not of the good one.
        REQUIRE(f.engine->checkpoint().ok());
        CHECK(f.files("checkpoint-").size() == 2);
        CHECK(f.disk->contents(newest) == std::nullopt);
        CHECK(f.disk->contents(older) != std::nullopt);

        // Both damaged: the log does not reach back.
        f.kill();
        for (const std::string& name : f.files("checkpoint-")) {
            bytes = *f.disk->contents(name);
            bytes[30] ^= 1;
            f.disk->setContents(name, bytes);
        }
        const Status status = f.open();
        REQUIRE(tokenOf(status) == "damaged");
    }
}

TEST_CASE("a checkpoint made anew where a damaged one stood is kept")
{
    EngineFixture f;
    f.mustOpen();
    f.mustSubmit({set("c", "k")});
    REQUIRE(f.engine->checkpoint().ok());
    f.mustSubmit({set("c", "k")});
    REQUIRE(f.engine->checkpoint().ok());
    f.kill();
    const std::string newest = f.files("checkpoint-").back();
    std::string bytes = *f.disk->contents(newest);
    bytes.back() ^= 1;
    f.disk->setContents(newest, bytes);
    f.mustOpen();
    f.mustStop(); // the same seq, the same name
    CHECK(f.files("checkpoint-").back() == newest);
    CHECK(f.files("checkpoint-").size() == 2);
    f.lines.clear();
    f.mustOpen();
    CHECK_FALSE(f.saidLineWith("damaged"));
    CHECK(f.engine->appliedSeq() == 2);
}

TEST_CASE("the installation's secret stays; without it there can be no API keys")
{
    EngineFixture f;
    f.mustOpen();
    const std::string secret = f.engine->installationSecret();
    CHECK(secret.size() == 32);
    f.kill();
    f.mustOpen();
    CHECK(f.engine->installationSecret() == secret);
    f.kill();

    f.disk->removeContents("installation"); // no API key hangs on it
    f.mustOpen();
    CHECK(f.engine->installationSecret() != secret);
    f.mustSubmit({setApiKey(1, Scope::ReadOnly)});
    f.kill();
    const std::string bytes = *f.disk->contents("installation");

    f.disk->removeContents("installation");
    Status status = f.open();
    REQUIRE(tokenOf(status) == "damaged");
    CHECK(status.error().text.find("/installation: missing") != std::string::npos);
    CHECK(f.files("installation").empty());
    for (size_t i = 0; i <= bytes.size(); ++i) {
        std::string wrong = bytes.substr(0, i);
        if (i == bytes.size())
            wrong += "x";
        f.disk->setContents("installation", wrong);
        status = f.open();
        REQUIRE(tokenOf(status) == "damaged");
    }
    f.disk->setContents("installation", bytes);
    f.mustOpen();
    CHECK(f.engine->store().apiKeys().count() == 1);
}

TEST_CASE("without a folder everything is in memory")
{
    EngineFixture f;
    std::string history;
    for (int i = 0; i < 2; ++i) {
        f.engine = std::move(Engine::open({}, nullptr, f.clock, nullSink()).value());
        CHECK_FALSE(f.engine->durable());
        CHECK(f.engine->history() != history); // of each start its own
        history = f.engine->history();
        CHECK(f.engine->installationSecret().size() == 32);
        const auto outcomes = f.submit({set("c", "k"), setApiKey(1, Scope::ReadOnly), drop("c")});
        CHECK(seqsOf(outcomes) == std::vector<uint64_t>{1, 2, 3});
        CHECK(f.engine->checkpoint().ok());
        CHECK(f.engine->stop().ok());
    }
}

TEST_CASE("a stop answers all that was taken, and takes no more")
{
    for (const bool threads : {false, true}) {
        CAPTURE(threads);
        EngineFixture f;
        f.mustOpen(smallOptions(Durability::Always, 65536));
        if (threads)
            f.engine->start();
        uint64_t taken = 0;
        for (; taken < 2000; ++taken)
            REQUIRE(f.engine->propose({{}, set("c", "k"), &f.mailbox, taken}) == Accepted::Yes);
        CHECK(f.engine->stop().ok());
        CHECK(f.engine->propose({{}, set("c", "k"), &f.mailbox, 0}) == Accepted::No);
        const auto done = f.mailbox.take();
        REQUIRE(done.size() == taken);
        CHECK(done.back().outcome.seq == taken);
        const uint64_t hash = f.hash();
        CHECK(f.files("closed").size() == 1);
        f.crash();
        f.mustOpen();
        CHECK(f.hash() == hash);
        CHECK(f.engine->appliedSeq() == taken);
        CHECK(f.lines.empty()); // an orderly stop gives nothing to complain about
    }
}

TEST_CASE("an engine that goes without a stop stops in order")
{
    EngineFixture f;
    f.mustOpen();
    f.engine->start();
    f.engine->propose({{}, set("c", "k"), &f.mailbox, 0});
    f.engine.reset();
    CHECK(f.mailbox.take().size() == 1);
    CHECK(f.files("closed").size() == 1);
}
