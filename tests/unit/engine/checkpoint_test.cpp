// Files large enough to be read ahead, by a thread of their own.

#include "engine/checkpoint.h"

#include <doctest/doctest.h>

#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

struct Large {
    EngineFixture f;
    std::string name;
    std::string bytes;
    uint64_t hash = 0;

    Large()
    {
        f.mustOpen(smallOptions(Durability::Always, 1024 * 1024));
        for (int i = 0; i < 60; ++i) {
            const std::string number = std::to_string(i);
            f.mustSubmit({set("c", "large" + number, std::string(50000, 'x')),
                          set("c", "small" + number, number)});
            f.mustSubmit({insert({{"d", "doc" + number, i, std::string(1000, 'y')}})});
        }
        REQUIRE(f.engine->checkpoint().ok());
        hash = f.hash();
        f.kill();
        name = f.files("checkpoint-").back();
        bytes = *f.disk->contents(name);
        REQUIRE(bytes.size() > 2 * 1024 * 1024);
    }

    Status load(Store& store)
    {
        const auto directory = f.disk->directory();
        return loadCheckpoint(*directory, name, store).status();
    }
};

} // namespace

TEST_CASE("a large checkpoint brings all back")
{
    Large large;
    Store store;
    REQUIRE(large.load(store).ok());
    CHECK(contentHash(store.openCut()) == large.hash);
    SUBCASE("what is there already ends it in the midst")
    {
        const Status status = large.load(store);
        CHECK(tokenOf(status) == "damaged");
        CHECK(status.error().text.find("stored twice") != std::string::npos);
    }
    SUBCASE("and at a start")
    {
        large.f.mustOpen(smallOptions(Durability::Always, 1024 * 1024));
        CHECK(large.f.hash() == large.hash);
        CHECK_FALSE(large.f.saidLineWith("damaged"));
    }
}

TEST_CASE("a large checkpoint, damaged or cut short anywhere, is not taken")
{
    Large large;
    const size_t size = large.bytes.size();
    std::vector<size_t> places{0, 20, size - 1};
    for (size_t at = 100; at < size; at += 60007)
        places.push_back(at);
    for (const size_t at : places) {
        CAPTURE(at);
        for (const bool isCut : {false, true}) {
            std::string bytes = large.bytes;
            bytes[at] ^= 1;
            bytes.resize(isCut ? at : size);
            large.f.disk->setContents(large.name, bytes);
            Store store;
            const Status status = large.load(store);
            CHECK(tokenOf(status) == "damaged");
            CHECK(status.error().text.find(large.name + ": damaged at offset ") !=
                  std::string::npos);
            CHECK(store.appliedSeq() == 0);
        }
    }
}

TEST_CASE("a large checkpoint that cannot be read says so, wherever that happens")
{
    Large large;
    uint64_t reads = 0;
    for (bool failed = true; failed; ++reads) {
        REQUIRE(reads < 1000);
        large.f.disk->setPlan({0, {{SimOp::Read, reads + 1}}});
        Store store;
        const Status status = large.load(store);
        failed = !status.ok();
        CHECK(tokenOf(status) == (failed ? "io_error" : "ok"));
    }
    CHECK(reads > 50);
}

TEST_CASE("a large checkpoint that cannot be written leaves nothing, wherever that happens")
{
    Large large;
    Store store;
    REQUIRE(large.load(store).ok());
    const auto directory = large.f.disk->directory();
    const auto info = readCheckpointInfo(*directory, large.name);
    REQUIRE(info.ok());
    large.f.disk->removeContents(large.name);
    const Cut cut = store.openCut();
    using Fault = SimFailure::Fault;
    uint64_t writes = 0;
    for (bool failed = true; failed; ++writes) {
        REQUIRE(writes < 1000);
        large.f.disk->setPlan({0, {{SimOp::Write, writes + 1, false, Fault::NoSpace}}});
        const auto written = writeCheckpoint(*directory, info.value(), cut);
        failed = !written.ok();
        CHECK(tokenOf(written.status()) == (failed ? "storage_full" : "ok"));
        CHECK_FALSE(large.f.disk->contents("checkpoint.tmp"));
        CHECK(large.f.disk->contents(large.name).has_value() == !failed);
        if (!failed)
            CHECK(written.value() == large.bytes.size());
    }
    CHECK(writes > 10);
    CHECK(large.f.disk->contents(large.name)->size() == large.bytes.size());
    Store again;
    REQUIRE(large.load(again).ok());
    CHECK(contentHash(again.openCut()) == large.hash);
    large.f.disk->setPlan({0, {{SimOp::Sync}}});
    CHECK(tokenOf(writeCheckpoint(*directory, info.value(), cut).status()) == "io_error");
    CHECK_FALSE(large.f.disk->contents("checkpoint.tmp"));
}
