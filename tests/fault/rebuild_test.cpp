// Power cuts and failing reads while a view of another version is rebuilt from the log, and while
// the checkpoint is made that says so: what is found afterwards is always the same.

#include <doctest/doctest.h>

#include "fault/sim_server.h"
#include "support/checkpoint_frames.h"

using namespace fluxion;

namespace {

// The log is kept from seq 1 on.
EngineOptions keepingOptions(uint64_t& rebuilds)
{
    EngineOptions options = faultOptions();
    options.log.retainBytes = uint64_t{1} << 40;
    options.onRebuild = [&rebuilds](const RebuildProgress& progress) {
        rebuilds += progress.entries == 0 ? 1 : 0;
    };
    return options;
}

struct Folder {
    std::shared_ptr<SimDisk> disk = SimDisk::create();
    uint64_t hash = 0;
    std::string history;

    explicit Folder(std::string_view view)
    {
        uint64_t rebuilds = 0;
        SimServer server(disk, keepingOptions(rebuilds));
        REQUIRE(server.open().ok());
        history = server.engine().history();
        std::mt19937_64 random(5);
        for (int i = 0; i < 60; ++i) {
            (void)server.submit({randomChange(random, 300)});
            if (i == 30)
                REQUIRE(server.engine().checkpoint().ok());
        }
        hash = server.hash();
        disk = disk->afterCrash({});
        for (const std::string& name : disk->names()) {
            if (name.starts_with("checkpoint-"))
                disk->setContents(name, withForeignView(*disk->contents(name), view, 2));
        }
    }
};

// Opens the folder, makes a checkpoint and stops: as a server does that has just been replaced by a
// newer one. Whether all of it went well.
bool openAndStop(const std::shared_ptr<SimDisk>& disk, uint64_t& rebuilds)
{
    SimServer server(disk, keepingOptions(rebuilds));
    return server.open() && server.engine().checkpoint() && server.stop();
}

void mustBeAsBefore(const std::shared_ptr<SimDisk>& disk, const Folder& folder,
                    const std::string& where)
{
    CAPTURE(where);
    uint64_t rebuilds = 0;
    SimServer server(disk, keepingOptions(rebuilds));
    const Status status = server.open();
    REQUIRE_MESSAGE(status.ok(), (status ? "" : status.error().text));
    CHECK(server.hash() == folder.hash);
    CHECK(server.engine().history() == folder.history);
}

} // namespace

TEST_CASE("a crash at every operation while a view is rebuilt and checkpointed")
{
    for (const std::string_view view : {"series", "values", "keys"}) {
        const Folder folder(view);
        uint64_t rebuilds = 0;
        for (uint64_t n = 1;; ++n) {
            REQUIRE(n < 1000);
            const auto disk = folder.disk->afterCrash({});
            disk->setPlan({n, {}});
            const bool finished = openAndStop(disk, rebuilds);
            if (!disk->powerOff()) {
                CHECK(finished);
                CHECK(n > 10);
                break;
            }
            SurvivalOptions few;
            few.maxPrefixes = 8;
            few.maxSectors = 4;
            for (const Survival& survival : disk->survivals(few))
                mustBeAsBefore(disk->afterCrash(survival), folder,
                               std::string(view) + ", " + describe(disk->history().back()) + ", " +
                                   describe(survival));
        }
        CHECK(rebuilds > 10);
    }
}

TEST_CASE("a read that fails during a rebuild ends the start and changes nothing")
{
    const Folder folder("values");
    size_t refused = 0;
    for (uint64_t n = 1;; ++n) {
        REQUIRE(n < 10000);
        const auto disk = folder.disk->afterCrash({});
        SimFailure failure;
        failure.kind = SimOp::Read;
        failure.nth = n;
        disk->setPlan({0, {failure}});
        uint64_t rebuilds = 0;
        {
            SimServer server(disk, keepingOptions(rebuilds));
            const Status status = server.open();
            if (status) {
                CHECK(server.hash() == folder.hash);
                break;
            }
            CHECK(status.error().code == Code::Io);
            ++refused;
        }
        mustBeAsBefore(disk->afterCrash({}), folder, "read " + std::to_string(n));
    }
    CHECK(refused > 10);
}
