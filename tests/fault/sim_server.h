#pragma once

// An engine over a simulated disk, without threads, and the scripts that the fault tests run on it.

#include <memory>
#include <string>
#include <vector>

#include "base/sim_clock.h"
#include "engine/engine.h"
#include "fault/change.h"
#include "io/sim.h"

namespace fluxion {

inline constexpr uint64_t kFaultSegmentBytes = 4096;

EngineOptions faultOptions(Durability durability = Durability::Always);

// One process: dies with the object.
class SimServer {
  public:
    // Without a clock given it has its own, which starts anew with each server.
    explicit SimServer(std::shared_ptr<SimDisk> disk, EngineOptions options = faultOptions(),
                       std::shared_ptr<SimClock> clock = std::make_shared<SimClock>());

    Status open();
    bool isOpen() const { return m_engine != nullptr; }
    Engine& engine() { return *m_engine; }

    // Proposes all of them, commits, and returns what was answered, in order: fewer if the power
    // went. Changes larger than a batch go into several. A Wait lets time pass before all of them.
    std::vector<Outcome> submit(const std::vector<Deed>& changes);
    // An orderly stop; the engine is gone after it.
    Status stop();

    Model model() { return readModel(m_engine->store(), m_engine->nowUs()); }
    uint64_t hash() { return contentHash(m_engine->openCut()); }
    const std::vector<std::string>& lines() const { return m_lines; }

  private:
    struct Letters : Mailbox {
        std::vector<Done> arrived;
        void deliver(std::vector<Done> done) override
        {
            for (Done& one : done)
                arrived.push_back(std::move(one));
        }
        void roomAgain() override {}
        void keysChanged() override {}
    };

    std::shared_ptr<SimDisk> m_disk;
    std::unique_ptr<Directory> m_directory;
    EngineOptions m_options;
    std::shared_ptr<SimClock> m_clock;
    std::vector<std::string> m_lines;
    Letters m_letters;
    std::unique_ptr<Engine> m_engine;
};

// True if an outcome tells that the change holds, or that it changes nothing as things are.
bool answered(const Outcome& outcome);

struct Script {
    struct Turn {
        enum class Kind : uint8_t { Submit, Checkpoint, Restart };
        Kind kind = Kind::Submit;
        std::vector<Deed> changes;
    };
    std::string name;
    EngineOptions options = faultOptions();
    std::vector<Turn> turns;

    // State after each first n changes, and the engine's hash of it; [0] is empty.
    std::vector<Model> models;
    std::vector<uint64_t> hashes;

    // Fills `models` and `hashes`: the models here, the hashes by an engine in memory.
    void foretell();
};

// Some 200 I/O operations: rotations, recycling, three checkpoints, an orderly stop in the middle.
Script fixedScript(Durability durability);
Script randomScript(uint64_t seed);

// How far a script got before the power went, or something failed.
struct Progress {
    size_t proposed = 0; // changes given to the engine
    size_t answered = 0; // the first so many were answered
    size_t synced = 0;   // changes that a checkpoint or stop has made lasting
    std::string history; // of the engine that answered last
    bool finished = false;
};

Progress runScript(const Script& script, const std::shared_ptr<SimDisk>& disk);

// Counts over all tests of the process.
struct CrashCount {
    uint64_t states = 0;
};
CrashCount& crashCount();

bool tortureWanted(); // FLUXION_TORTURE=1

} // namespace fluxion
