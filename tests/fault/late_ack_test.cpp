// At every I/O operation the question: is all that anyone can see, or was told, on the medium?

#include <doctest/doctest.h>

#include "fault/sim_server.h"

using namespace fluxion;

namespace {

// Notes when the engine speaks.
struct Ear : Mailbox {
    std::vector<Done> heard;
    void deliver(std::vector<Done> done) override
    {
        heard.insert(heard.end(), done.begin(), done.end());
    }
    void roomAgain() override {}
    void keysChanged() override {}
};

// What a server would find if the power went now, nothing of the operation under way kept.
struct OnMedium {
    uint64_t seq = 0;
    uint64_t hash = 0;
};

OnMedium lookAtMedium(const SimDisk& disk, const EngineOptions& options)
{
    SimServer probe(disk.clone()->afterCrash({}), options);
    const Status status = probe.open();
    REQUIRE_MESSAGE(status.ok(), (status ? "" : status.error().text));
    return {probe.engine().appliedSeq(), probe.hash()};
}

} // namespace

TEST_CASE("nothing is told or seen before the write that covers it has returned")
{
    const Script script = fixedScript(Durability::Always);
    const auto disk = SimDisk::create();
    const auto directory = disk->directory();
    SimClock clock;
    uint64_t batchWrites = 0;
    uint64_t looks = 0;
    auto engine =
        std::move(Engine::open(script.options, directory.get(), clock, nullSink()).value());
    Ear ear;
    Ear waiting;
    engine->addMailbox(ear);
    disk->setHook([&](const SimOp& op) {
        const OnMedium medium = lookAtMedium(*disk, script.options);
        ++looks;
        batchWrites += op.kind == SimOp::Write && op.durable && op.offset > 0 ? 1 : 0;
        CAPTURE(describe(op));
        CHECK(engine->appliedSeq() <= medium.seq);
        CHECK(contentHash(engine->openCut()) == medium.hash);
        for (const auto* mailbox : {&ear, &waiting}) {
            for (const Mailbox::Done& done : mailbox->heard) {
                if (done.outcome.status)
                    CHECK(done.outcome.seq <= medium.seq);
            }
        }
    });
    size_t told = 0;
    for (const Script::Turn& turn : script.turns) {
        for (size_t i = 0; i < turn.changes.size(); ++i)
            (void)engine->propose({{}, toWish(turn.changes[i]), &ear, i});
        engine->awaitSeq(engine->appliedSeq() + 1, waiting, 1);
        engine->step();
        engine->cancelAwait(waiting, 1);
        if (turn.kind == Script::Turn::Kind::Checkpoint)
            CHECK(engine->checkpoint().ok());
        told += turn.changes.size();
        CHECK(ear.heard.size() == told);
    }
    CHECK(batchWrites >= 40);
    CHECK(looks > batchWrites);
    CHECK(waiting.heard.size() >= 40);
    disk->setHook(nullptr);
}

TEST_CASE("of a batch that fails nothing is seen, and nobody is told that it holds")
{
    const auto disk = SimDisk::create();
    SimServer server(disk);
    REQUIRE(server.open().ok());
    Deed change;
    change.collection = "c";
    change.name = "k";
    change.value = "before";
    REQUIRE(server.submit({change})[0].status.ok());
    const uint64_t hash = server.hash();
    const uint64_t seq = server.engine().appliedSeq();

    disk->setPlan({0, {SimFailure{}}});
    change.value = "after";
    Deed nothing = change;
    nothing.kind = Deed::Kind::RemoveKey;
    nothing.name = "not there";
    const std::vector<Outcome> outcomes = server.submit({change, change, nothing});
    REQUIRE(outcomes.size() == 3);
    for (const Outcome& outcome : outcomes) {
        REQUIRE_FALSE(outcome.status.ok());
        CHECK(outcome.status.error().code == Code::ReadOnly);
    }
    CHECK(server.hash() == hash);
    CHECK(server.engine().appliedSeq() == seq);
    CHECK(server.engine().readOnly());
}
