// With threads, and a disk that takes its time: nothing is visible or told before the write that
// covers it has returned, and a slow sync holds up nobody who does not wait for it.

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

bool isBatchWrite(const SimOp& op)
{
    return op.kind == SimOp::Write && op.durable && op.offset > 0; // behind the header
}

// Waits for what another thread does; a minute at most.
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

// Remembers the highest seq that anyone was told of.
struct Listener : Mailbox {
    std::atomic<uint64_t> toldSeq{0};
    std::atomic<uint64_t> outcomes{0};
    std::atomic<uint64_t> failed{0};

    void deliver(std::vector<Done> done) override
    {
        for (const Done& one : done) {
            failed += one.outcome.status ? 0 : 1;
            if (one.outcome.status && one.outcome.seq > toldSeq)
                toldSeq = one.outcome.seq;
        }
        outcomes += done.size();
    }
    void roomAgain() override {}
    void keysChanged() override {}
};

Wish nthWrite(uint64_t n)
{
    if (n % 3 == 0)
        return insert({{"c", "d" + std::to_string(n % 7), static_cast<int64_t>(n)}});
    return set("c", "k" + std::to_string(n % 11), std::string(n % 200, 'v'));
}

// What a server would find on the disk if the power went (or only the process ended) now.
uint64_t seqFound(const std::shared_ptr<SimDisk>& disk, const EngineOptions& options)
{
    EngineFixture probe;
    probe.disk = disk;
    const Status status = probe.open(options);
    return status ? probe.engine->appliedSeq() : 0;
}

constexpr int kProposers = 3;

// Proposes `each` writes from every thread, at most kUnderWay of them unanswered at a time: however
// slow the machine is, there are batches enough.
constexpr uint64_t kUnderWay = 60;

void proposeFromThreads(Engine& engine, Listener& listener, uint64_t each)
{
    std::atomic<uint64_t> proposed{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kProposers; ++t) {
        threads.emplace_back([&, t] {
            for (uint64_t n = 0; n < each; ++n) {
                const uint64_t place = proposed++;
                if (!comes([&] { return listener.outcomes + kUnderWay > place; }))
                    return;
                (void)engine.propose(
                    {{}, nthWrite(n * kProposers + static_cast<uint64_t>(t)), &listener, n});
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
}

} // namespace

TEST_CASE("while a batch is being written nothing of it is seen or told")
{
    EngineFixture f;
    const EngineOptions options = smallOptions(Durability::Always, 16384);
    f.mustOpen(options);
    Listener listener;
    Listener waiting;
    std::atomic<uint64_t> looks{0};
    std::atomic<uint64_t> early{0};  // seen or told while the write was under way
    std::atomic<uint64_t> unsafe{0}; // seen or told, and not on the medium
    f.disk->setHook([&](const SimOp& op) {
        if (!isBatchWrite(op))
            return;
        Engine& engine = *f.engine;
        const uint64_t before = engine.appliedSeq();
        const uint64_t hash = contentHash(engine.openCut()); // this is the commit thread
        engine.awaitSeq(before + 1, waiting, 0);
        std::this_thread::sleep_for(std::chrono::milliseconds(looks % 8 == 0 ? 5 : 0));
        if (listener.toldSeq > before || waiting.toldSeq > before ||
            engine.appliedSeq() != before || contentHash(engine.openCut()) != hash)
            ++early;
        if (looks % 4 == 0 && seqFound(f.disk->clone()->afterCrash({}), options) < before)
            ++unsafe;
        ++looks;
    });
    f.engine->start();
    constexpr uint64_t kEach = 400;
    proposeFromThreads(*f.engine, listener, kEach);
    CHECK(comes([&] { return listener.outcomes == kProposers * kEach; }));
    CHECK(f.engine->stop().ok());
    f.disk->setHook(nullptr);
    CHECK(listener.failed == 0);
    CHECK(listener.toldSeq == kProposers * kEach);
    CHECK(waiting.outcomes == looks); // each batch woke who waited for it
    CHECK(looks >= kProposers * kEach / kUnderWay);
    CHECK(early == 0);
    CHECK(unsafe == 0);
}

TEST_CASE("while one batch is written the next one gathers")
{
    EngineFixture f;
    f.mustOpen(smallOptions(Durability::Always, 65536));
    Listener listener;
    std::atomic<uint64_t> writes{0};
    std::atomic<bool> all{false};
    f.disk->setHook([&](const SimOp& op) {
        if (isBatchWrite(op) && ++writes == 1)
            comes([&] { return all.load(); });
    });
    f.engine->start();
    f.engine->propose({{}, set("c", "first"), &listener, 0});
    CHECK(comes([&] { return writes == 1; }));
    for (uint64_t i = 0; i < 200; ++i)
        f.engine->propose({{}, set("c", "k" + std::to_string(i)), &listener, i});
    CHECK(listener.outcomes == 0);
    CHECK(f.engine->appliedSeq() == 0);
    all = true;
    CHECK(comes([&] { return listener.outcomes == 201; }));
    CHECK(writes == 2);
    CHECK(f.engine->stop().ok());
}

TEST_CASE("of writes that fail under many hands none is told to hold but those on the medium")
{
    EngineFixture f;
    const EngineOptions options = smallOptions(Durability::Always, 16384);
    f.mustOpen(options);
    Listener listener;
    std::atomic<uint64_t> writes{0};
    f.disk->setHook([&](const SimOp& op) {
        if (isBatchWrite(op) && ++writes == 5)
            f.disk->cutPower();
    });
    f.engine->start();
    constexpr uint64_t kEach = 300;
    proposeFromThreads(*f.engine, listener, kEach);
    CHECK(comes([&] { return listener.outcomes == kProposers * kEach; }));
    CHECK(f.engine->readOnly());
    CHECK(listener.failed > 0);
    const uint64_t seen = f.engine->appliedSeq();
    CHECK(listener.toldSeq <= seen);
    CHECK_FALSE(f.engine->stop().ok());
    CHECK(seqFound(f.disk->afterCrash({}), options) == seen);
}

TEST_CASE("under interval a slow sync holds up no write, and what it covers then lasts")
{
    EngineFixture f;
    EngineOptions options = smallOptions(Durability::Interval, 65536);
    options.syncIntervalUs = 0; // with every look of the maintenance thread
    f.mustOpen(options);
    Listener listener;
    std::atomic<uint64_t> syncs{0};
    std::atomic<bool> goOn{false};
    f.disk->setHook([&](const SimOp& op) {
        if (op.kind == SimOp::Sync && ++syncs == 1)
            comes([&] { return goOn.load(); });
    });
    f.engine->start();
    const auto write = [&](uint64_t n) {
        f.engine->propose({{}, nthWrite(n), &listener, n});
        CHECK(comes([&] { return listener.outcomes == n; }));
    };
    write(1);
    CHECK(comes([&] { return syncs == 1; }));
    for (uint64_t n = 2; n <= 20; ++n)
        write(n);
    CHECK(listener.toldSeq == 20);
    // Told, and there after the end of the process, but not on the medium.
    CHECK(seqFound(f.disk->clone()->afterCrash({}), options) == 0);
    CHECK(seqFound(f.disk->clone()->afterKill(), options) == 20);
    goOn = true;
    CHECK(comes([&] { return syncs >= 2; })); // it began after the 20 writes
    write(21);
    CHECK(comes([&] { return syncs >= 3; })); // so the second has ended
    CHECK(seqFound(f.disk->clone()->afterCrash({}), options) >= 20);
    CHECK(f.engine->stop().ok());
}

TEST_CASE("a slow checkpoint holds up no write, and counts only when all of it is there")
{
    EngineFixture f;
    EngineOptions options = smallOptions(Durability::Always, 65536);
    options.checkpointLogBytes = 1000;
    f.mustOpen(options);
    Listener listener;
    std::atomic<bool> begun{false};
    std::atomic<bool> goOn{false};
    f.disk->setHook([&](const SimOp& op) {
        if (op.kind == SimOp::Sync && op.name.starts_with("checkpoint") && !begun.exchange(true))
            comes([&] { return goOn.load(); });
    });
    f.engine->start();
    uint64_t n = 0;
    const auto write = [&] {
        f.engine->propose({{}, nthWrite(++n), &listener, n});
        CHECK(comes([&] { return listener.outcomes == n; }));
    };
    for (int i = 0; i < 20; ++i)
        write();
    CHECK(comes([&] { return begun.load(); }));
    for (int i = 0; i < 20; ++i)
        write();
    CHECK(f.files("checkpoint-").empty());
    goOn = true;
    CHECK(comes([&] { return !f.files("checkpoint-").empty(); }));
    CHECK(f.engine->stop().ok());
    const uint64_t hash = f.hash();
    f.disk->setHook(nullptr);
    f.crash();
    f.mustOpen(options);
    CHECK(f.hash() == hash);
}
