// Checkpoints with a view in a version that this code does not read: that view alone comes from
// the log, or from an older checkpoint and the log, or the server does not start.

#include <doctest/doctest.h>

#include <map>

#include "engine/verify.h"
#include "support/checkpoint_frames.h"
#include "unit/engine/engine_fixture.h"
#include "unit/engine/wish_model.h"

using namespace fluxion;

namespace {

constexpr uint32_t kForeignVersion = 7;
constexpr uint64_t kAllOfTheLog = uint64_t{1} << 40;

struct Rebuilds {
    std::vector<RebuildProgress> seen;

    EngineOptions options(uint64_t retainBytes)
    {
        EngineOptions o = smallOptions(Durability::Always, 16384);
        o.log.retainBytes = retainBytes;
        o.onRebuild = [this](const RebuildProgress& progress) { seen.push_back(progress); };
        return o;
    }
};

// Writes of every kind. How many of the entries change each view.
std::map<View, uint64_t> writeSome(EngineFixture& f, uint64_t seed, size_t count)
{
    std::map<View, uint64_t> entries;
    WishSource source(seed, "c");
    for (size_t i = 0; i < count; ++i) {
        const uint64_t before = f.engine->appliedSeq();
        (void)f.submit({source.next()});
        if (f.engine->appliedSeq() == before)
            continue;
        const auto cursor = f.engine->readLog(before);
        const auto batch = cursor->next(f.engine->appliedSeq());
        REQUIRE((batch && batch.value()));
        EntryCursor walk(*batch.value());
        uint64_t seq = 0;
        Entry entry;
        while (walk.next(seq, entry)) {
            for (const View view : kAllViews)
                entries[view] += viewsOf(static_cast<FactType>(entry.type)).has(view) ? 1 : 0;
        }
    }
    return entries;
}

void plant(SimDisk& disk, const std::string& checkpoint, std::string_view view)
{
    disk.setContents(checkpoint,
                     withForeignView(*disk.contents(checkpoint), view, kForeignVersion));
}

std::map<std::string, std::string> filesOf(const SimDisk& disk)
{
    std::map<std::string, std::string> files;
    for (const std::string& name : disk.names())
        files[name] = *disk.contents(name);
    return files;
}

std::string errorOf(const Status& status)
{
    return status ? "" : tokenOf(status) + ": " + status.error().text;
}

constexpr std::pair<View, std::string_view> kNames[] = {
    {View::Series, "series"}, {View::Values, "values"}, {View::ApiKeys, "keys"}};

} // namespace

TEST_CASE("a view of another version is rebuilt from the log, it alone, and once")
{
    for (const auto& [view, name] : kNames) {
        CAPTURE(name);
        EngineFixture f;
        Rebuilds rebuilds;
        const EngineOptions options = rebuilds.options(kAllOfTheLog);
        f.mustOpen(options);
        auto entries = writeSome(f, 11, 400);
        REQUIRE(f.engine->checkpoint().ok());
        const uint64_t checkpointSeq = f.engine->appliedSeq();
        writeSome(f, 12, 40);
        const uint64_t hash = f.hash();
        f.kill();
        const auto checkpoints = f.files("checkpoint-");
        REQUIRE(checkpoints.size() == 1);
        plant(*f.disk, checkpoints[0], name);

        f.mustOpen(options);
        CHECK(f.hash() == hash);
        REQUIRE(rebuilds.seen.size() >= 2);
        const RebuildProgress first = rebuilds.seen.front();
        const RebuildProgress last = rebuilds.seen.back();
        CHECK(last.views == name);
        CHECK(first.seq == 0);
        CHECK(first.entries == 0);
        CHECK(last.seq == checkpointSeq);
        CHECK(last.ofSeq == checkpointSeq);
        CHECK(last.percent() == 100);
        REQUIRE(entries[view] > 0);
        CHECK(last.entries == entries[view]);
        CHECK(f.saidLineWith("does not read " + std::string(name) + " of version 7: rebuilding"));
        CHECK(f.saidLineWith("rebuilt " + std::string(name) + ": " + std::to_string(entries[view]) +
                             " entries"));

        // A stop leaves a checkpoint that the next start reads in full.
        f.mustStop();
        rebuilds.seen.clear();
        f.mustOpen(options);
        CHECK(f.hash() == hash);
        CHECK(rebuilds.seen.empty());
    }
}

TEST_CASE("all views of other versions, and one that is not there at all, are rebuilt")
{
    EngineFixture f;
    Rebuilds rebuilds;
    const EngineOptions options = rebuilds.options(kAllOfTheLog);
    f.mustOpen(options);
    writeSome(f, 21, 300);
    REQUIRE(f.engine->checkpoint().ok());
    const uint64_t hash = f.hash();
    f.kill();
    const std::string name = f.files("checkpoint-")[0];
    plant(*f.disk, name, "series");
    plant(*f.disk, name, "keys");
    auto frames = checkpointFrames(*f.disk->contents(name));
    bool values = false;
    std::erase_if(frames, [&](const CheckpointFrame& frame) {
        if (frame.kind == CheckpointFrame::View)
            values = frame.viewName() == "values";
        return values && frame.kind != CheckpointFrame::End;
    });
    f.disk->setContents(name, checkpointBytes(frames));
    f.mustOpen(options);
    CHECK(f.hash() == hash);
    REQUIRE(!rebuilds.seen.empty());
    CHECK(rebuilds.seen.back().views == "series, values, keys");
}

TEST_CASE("an older checkpoint that can be read is what a view is rebuilt from")
{
    EngineFixture f;
    Rebuilds rebuilds;
    const EngineOptions options = rebuilds.options(0);
    f.mustOpen(options);
    writeSome(f, 31, 300);
    REQUIRE(f.engine->checkpoint().ok());
    writeSome(f, 32, 300);
    REQUIRE(f.engine->checkpoint().ok());
    const uint64_t olderSeq = f.engine->appliedSeq();
    auto entries = writeSome(f, 33, 100);
    REQUIRE(f.engine->checkpoint().ok());
    writeSome(f, 34, 20);
    const uint64_t hash = f.hash();
    REQUIRE(f.engine->oldestSeq() > 1);
    f.kill();
    plant(*f.disk, f.files("checkpoint-").back(), "values");
    f.mustOpen(options);
    CHECK(f.hash() == hash);
    REQUIRE(!rebuilds.seen.empty());
    CHECK(rebuilds.seen.front().seq == olderSeq);
    CHECK(rebuilds.seen.back().entries == entries[View::Values]);
}

TEST_CASE("a view that can be neither read nor rebuilt: no start, and nothing is changed")
{
    for (const bool salvage : {false, true}) {
        CAPTURE(salvage);
        EngineFixture f;
        Rebuilds rebuilds;
        EngineOptions options = rebuilds.options(0);
        f.mustOpen(options);
        for (uint64_t i = 0; i < 3; ++i) {
            writeSome(f, 41 + i, 200);
            REQUIRE(f.engine->checkpoint().ok());
        }
        const uint64_t hash = f.hash();
        REQUIRE(f.engine->oldestSeq() > 1);
        f.mustStop();
        const auto good = filesOf(*f.disk);
        for (const std::string& name : f.files("checkpoint-"))
            plant(*f.disk, name, "values");
        const auto files = filesOf(*f.disk);

        options.salvage = salvage;
        const std::string error = errorOf(f.open(options));
        CHECK(error.starts_with("usage: "));
        CHECK(error.find("does not read values of version 7") != std::string::npos);
        CHECK(error.find("start the version that wrote it") != std::string::npos);
        CHECK(filesOf(*f.disk) == files);
        CHECK(rebuilds.seen.empty());

        // The version that wrote it opens it as it was.
        for (const std::string& name : f.files("checkpoint-"))
            f.disk->setContents(name, good.at(name));
        f.mustOpen(options);
        CHECK(f.hash() == hash);
    }
}

TEST_CASE("a salvage does not go on without a view that only a damaged log could give")
{
    EngineFixture f;
    Rebuilds rebuilds;
    EngineOptions options = rebuilds.options(kAllOfTheLog);
    f.mustOpen(options);
    writeSome(f, 51, 300);
    REQUIRE(f.engine->checkpoint().ok());
    f.mustStop();
    plant(*f.disk, f.files("checkpoint-")[0], "values");
    const std::string segment = f.files("0", ".seg")[0];
    std::string bytes = *f.disk->contents(segment);
    bytes[2000] = static_cast<char>(bytes[2000] ^ 4);
    f.disk->setContents(segment, bytes);
    // Segments to be are removed by every start that gets as far as the log.
    const auto kept = [&] {
        auto files = filesOf(*f.disk);
        std::erase_if(files, [](const auto& file) { return file.first.starts_with("spare-"); });
        return files;
    };
    const auto files = kept();
    CHECK(tokenOf(f.open(options)) == "damaged");
    CHECK(kept() == files);
    options.salvage = true;
    const std::string error = errorOf(f.open(options));
    CHECK(error.starts_with("usage: "));
    CHECK(error.find(": values cannot be rebuilt: the log ends after seq ") != std::string::npos);
    CHECK(kept() == files);
}

TEST_CASE("a checkpoint with a view of an unknown name, or of another format, is not opened")
{
    for (const bool view : {true, false}) {
        EngineFixture f;
        Rebuilds rebuilds;
        EngineOptions options = rebuilds.options(kAllOfTheLog);
        f.mustOpen(options);
        writeSome(f, 61, 50);
        REQUIRE(f.engine->checkpoint().ok());
        f.mustStop();
        for (const std::string& name : f.files("checkpoint-")) {
            auto frames = checkpointFrames(*f.disk->contents(name));
            if (view) {
                CheckpointFrame other{CheckpointFrame::View, {}};
                ByteWriter(other.payload).text("rollups");
                ByteWriter(other.payload).u32(1);
                frames.insert(frames.end() - 1, other);
            } else {
                frames[0].payload[8] = 2;
            }
            f.disk->setContents(name, checkpointBytes(frames));
        }
        const auto files = filesOf(*f.disk);
        options.salvage = true;
        const std::string error = errorOf(f.open(options));
        CHECK(error.starts_with("usage: "));
        CHECK(error.find(view ? "a view \"rollups\"" : "a checkpoint of format 2") !=
              std::string::npos);
        CHECK(filesOf(*f.disk) == files);
    }
}

TEST_CASE("the log is released only up to checkpoints that this code reads in full")
{
    EngineFixture f;
    Rebuilds rebuilds;
    EngineOptions options = rebuilds.options(kAllOfTheLog);
    f.mustOpen(options);
    writeSome(f, 71, 300);
    REQUIRE(f.engine->checkpoint().ok());
    f.kill();
    const std::string foreign = f.files("checkpoint-")[0];
    plant(*f.disk, foreign, "series");
    options.log.retainBytes = 0;
    f.mustOpen(options);
    writeSome(f, 72, 200);
    REQUIRE(f.engine->checkpoint().ok());
    CHECK(!f.disk->contents(foreign));
    CHECK(f.engine->oldestSeq() == 1);
    writeSome(f, 73, 200);
    REQUIRE(f.engine->checkpoint().ok());
    CHECK(f.engine->oldestSeq() > 1);
    const uint64_t hash = f.hash();
    f.kill();
    f.mustOpen(options);
    CHECK(f.hash() == hash);
}

TEST_CASE("verify tells of a view of another version, and whether a start can rebuild it")
{
    EngineFixture f;
    Rebuilds rebuilds;
    const EngineOptions options = rebuilds.options(kAllOfTheLog);
    f.mustOpen(options);
    writeSome(f, 81, 100);
    REQUIRE(f.engine->checkpoint().ok());
    f.mustStop();
    plant(*f.disk, f.files("checkpoint-")[0], "keys");
    std::string lines;
    const auto faults = verifyFolder(
        *f.disk->directory(), [&](std::string_view line) { lines.append(line).append("\n"); });
    REQUIRE(faults);
    CHECK(faults.value() == 0);
    CHECK(lines.find("keys of version 7, which a start rebuilds from the log") !=
          std::string::npos);
    f.disk->removeContents(f.files("0", ".seg")[0]);
    const auto unreachable = verifyFolder(*f.disk->directory(), [](std::string_view) {});
    CHECK(tokenOf(unreachable.status()) == "usage");
}
