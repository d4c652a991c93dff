#pragma once

// An engine and hubs without threads: every hand-over waits until the test takes the step.

#include <memory>
#include <vector>

#include "unit/engine/engine_fixture.h"
#include "unit/live/test_client.h"

namespace fluxion {

// In memory, or over the fixture's folder; keeps all of the log unless told otherwise.
inline EngineOptions liveOptions(uint64_t retainBytes = 64 * 1024 * 1024,
                                 uint64_t segmentBytes = 4 * 1024 * 1024)
{
    EngineOptions options = smallOptions(Durability::Always, segmentBytes);
    options.log.retainBytes = retainBytes;
    return options;
}

class LiveFixture {
  public:
    explicit LiveFixture(LiveLimits limits = {}, EngineOptions options = liveOptions(),
                         bool inMemory = true)
    {
        if (inMemory) {
            auto opened = Engine::open(options, nullptr, files.clock, nullSink());
            REQUIRE(opened.ok());
            files.engine = std::move(opened.value());
        } else {
            files.mustOpen(options);
        }
        shared = std::make_unique<LiveShared>(engine(), files.clock, limits, reads);
        hub = std::make_unique<Hub>(*shared, tasks);
    }

    ~LiveFixture() // as a server stops: what was not done holds what it counts
    {
        reads.clear();
        tasks.clear();
    }

    Engine& engine() { return *files.engine; }
    SimClock& clock() { return files.clock; }

    // In one batch, which is published at once; drained when the hub takes its step.
    void write(const std::vector<Wish>& wishes, uint32_t tenant = 0)
    {
        for (const Wish& wish : wishes)
            REQUIRE(engine().propose({{tenant, 0, Scope::Master}, wish, nullptr, 0}) ==
                    Accepted::Yes);
        engine().step();
        log.catchUp(engine());
    }
    void write(const Wish& wish) { write(std::vector<Wish>{wish}); }
    // Until nothing is left to do.
    void settle()
    {
        while (tasks.step() || reads.step())
            continue;
    }
    // The same, and what rests has a bookmark.
    void settleAll()
    {
        settle();
        for (int i = 0; i < 2; ++i) {
            clock().advanceUs(shared->limits.bookmarkIntervalUs);
            hub->tick();
            settle();
        }
    }

    EngineFixture files;
    StepExecutor tasks; // of the hub
    StepExecutor reads;
    std::unique_ptr<LiveShared> shared;
    std::unique_ptr<Hub> hub;
    NaiveLog log;
};

} // namespace fluxion
