#pragma once

// An engine over a simulated disk and clock, without threads unless started.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/sim_clock.h"
#include "engine/engine.h"
#include "io/sim.h"
#include "unit/engine/wishes.h"

namespace fluxion {

inline EngineOptions smallOptions(Durability durability = Durability::Always,
                                  uint64_t segmentBytes = 4096)
{
    EngineOptions options;
    options.log.segmentBytes = segmentBytes;
    options.log.firstSegmentBytes = segmentBytes;
    options.log.retainBytes = 0;
    options.log.durability = durability;
    return options;
}

// A server's process: what `disk` holds outlives it.
struct EngineFixture {
    std::shared_ptr<SimDisk> disk = SimDisk::create();
    std::unique_ptr<Directory> directory;
    SimClock clock;
    TestMailbox mailbox;
    std::mutex linesMutex;          // every thread of the engine has something to say
    std::vector<std::string> lines; // to be read while no thread runs
    std::unique_ptr<Engine> engine;

    Status open(EngineOptions options = smallOptions())
    {
        engine.reset();
        directory = disk->directory();
        auto opened =
            Engine::open(options, directory.get(), clock, [this](LogLevel, std::string_view line) {
                std::lock_guard lock(linesMutex);
                lines.emplace_back(line);
            });
        if (!opened)
            return opened.status();
        engine = std::move(opened.value());
        return {};
    }
    void mustOpen(EngineOptions options = smallOptions())
    {
        const Status status = open(options);
        REQUIRE_MESSAGE(status.ok(), (status ? "" : status.error().text));
    }
    // The process ends without a word; of the disk the power stays, or goes and takes the
    // un-synced.
    void kill()
    {
        engine.reset();
        disk = disk->afterKill();
    }
    void crash()
    {
        engine.reset();
        disk = disk->afterCrash({});
    }
    void mustStop()
    {
        const Status status = engine->stop();
        REQUIRE_MESSAGE(status.ok(), (status ? "" : status.error().text));
        engine.reset();
    }

    // All in one go; what was answered, in order.
    std::vector<Outcome> submit(const std::vector<Wish>& wishes)
    {
        for (size_t i = 0; i < wishes.size(); ++i)
            REQUIRE(engine->propose({{}, wishes[i], &mailbox, i}) == Accepted::Yes);
        engine->step();
        std::vector<Outcome> outcomes;
        for (Mailbox::Done& done : mailbox.take()) {
            CHECK(done.ticket == outcomes.size());
            outcomes.push_back(std::move(done.outcome));
        }
        REQUIRE(outcomes.size() == wishes.size());
        return outcomes;
    }
    void mustSubmit(const std::vector<Wish>& wishes)
    {
        for (const Outcome& outcome : submit(wishes))
            REQUIRE_MESSAGE(outcome.status.ok(),
                            (outcome.status ? "" : outcome.status.error().text));
    }
    uint64_t hash() const { return contentHash(engine->openCut()); }
    std::vector<std::string> files(const std::string& start, const std::string& end = "") const
    {
        std::vector<std::string> found;
        for (const std::string& name : disk->names()) {
            if (name.starts_with(start) && name.ends_with(end))
                found.push_back(name);
        }
        return found;
    }
    bool saidLineWith(std::string_view text) const
    {
        return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
            return line.find(text) != std::string::npos;
        });
    }
    std::string value(std::string_view collection, std::string_view key) const
    {
        const auto there = engine->store().find(0, collection);
        return there ? there->get(key).value : "";
    }
};

inline std::string tokenOf(const Status& status)
{
    return status ? "ok" : std::string(token(status.error().code));
}

} // namespace fluxion
