#include "fault/sim_server.h"

#include <algorithm>
#include <cstdlib>

namespace fluxion {

namespace {

using TurnKind = Script::Turn::Kind;

Script::Turn submit(std::vector<Deed> changes)
{
    return {TurnKind::Submit, std::move(changes)};
}

// One batch of a few changes now and then, single ones else.
void addRandom(Script& script, std::mt19937_64& random, int turns, size_t maxValueBytes)
{
    for (int i = 0; i < turns; ++i) {
        std::vector<Deed> changes;
        const size_t count = random() % 4 == 0 ? 2 + random() % 3 : 1;
        for (size_t c = 0; c < count; ++c) {
            const Deed change = randomChange(random, maxValueBytes);
            const bool first = change.kind == Deed::Kind::Wait;
            changes.insert(first ? changes.begin() : changes.end(), change);
        }
        script.turns.push_back(submit(std::move(changes)));
    }
}

} // namespace

EngineOptions faultOptions(Durability durability)
{
    EngineOptions options;
    options.log.segmentBytes = kFaultSegmentBytes;
    options.log.firstSegmentBytes = kFaultSegmentBytes;
    options.log.retainBytes = 0;
    options.log.durability = durability;
    return options;
}

SimServer::SimServer(std::shared_ptr<SimDisk> disk, EngineOptions options,
                     std::shared_ptr<SimClock> clock)
    : m_disk(std::move(disk)), m_directory(m_disk ? m_disk->directory() : nullptr),
      m_options(options), m_clock(std::move(clock))
{
}

Status SimServer::open()
{
    auto engine =
        Engine::open(m_options, m_directory.get(), *m_clock,
                     [this](LogLevel, std::string_view line) { m_lines.emplace_back(line); });
    if (!engine)
        return engine.status();
    m_engine = std::move(engine.value());
    return {};
}

std::vector<Outcome> SimServer::submit(const std::vector<Deed>& changes)
{
    m_letters.arrived.clear();
    for (const Deed& change : changes) {
        // Also of a recovered log that is ahead of this clock.
        if (change.kind == Deed::Kind::Wait)
            m_clock->advanceUs(m_engine->nowUs() - m_clock->wallUs() + kWaitUs);
    }
    for (size_t i = 0; i < changes.size(); ++i)
        (void)m_engine->propose({{}, toWish(changes[i]), &m_letters, i});
    m_engine->step();
    std::vector<Outcome> outcomes;
    for (Mailbox::Done& done : m_letters.arrived)
        outcomes.push_back(std::move(done.outcome));
    return outcomes;
}

Status SimServer::stop()
{
    Status status = m_engine->stop();
    m_engine.reset();
    return status;
}

bool answered(const Outcome& outcome)
{
    if (outcome.status)
        return true;
    const Code code = outcome.status.error().code;
    return code == Code::NotFound || code == Code::Conflict || code == Code::BadRequest;
}

void Script::foretell()
{
    models.assign(1, Model());
    SimServer memory(nullptr, options);
    hashes.clear();
    if (!memory.open())
        std::abort();
    hashes.push_back(memory.hash());
    for (const Turn& turn : turns) {
        for (const Deed& change : turn.changes) {
            models.push_back(models.back());
            models.back().apply(change);
            const std::vector<Outcome> outcomes = memory.submit({change});
            if (outcomes.size() != 1 || !answered(outcomes[0]))
                std::abort();
            hashes.push_back(memory.hash());
        }
    }
}

Script fixedScript(Durability durability)
{
    Script script;
    script.name = "the fixed script";
    script.options = faultOptions(durability);
    std::mt19937_64 random(4711);
    addRandom(script, random, 16, 700);
    script.turns.push_back({TurnKind::Checkpoint, {}});
    addRandom(script, random, 14, 700);
    script.turns.push_back({TurnKind::Checkpoint, {}});
    addRandom(script, random, 11, 700);
    script.turns.push_back({TurnKind::Restart, {}});
    addRandom(script, random, 11, 700);
    script.turns.push_back({TurnKind::Checkpoint, {}});
    addRandom(script, random, 24, 700);
    script.foretell();
    return script;
}

Script randomScript(uint64_t seed)
{
    std::mt19937_64 random(seed);
    Script script;
    script.name = "the script of FLUXION_SEED=" + std::to_string(seed);
    script.options = faultOptions(random() % 4 == 0 ? Durability::Interval : Durability::Always);
    script.options.log.segmentBytes = kFaultSegmentBytes << random() % 2;
    script.options.log.firstSegmentBytes = random() % 2 == 0 ? 1024 : kFaultSegmentBytes;
    const uint64_t rounds = 3 + random() % 3;
    for (uint64_t i = 0; i < rounds; ++i) {
        addRandom(script, random, 4 + static_cast<int>(random() % 10), 100 + random() % 2000);
        const bool restart = random() % 3 == 0;
        script.turns.push_back({restart ? TurnKind::Restart : TurnKind::Checkpoint, {}});
    }
    addRandom(script, random, 3, 400);
    if (random() % 2 == 0)
        script.options.log.retainBytes = random() % (10 * kFaultSegmentBytes);
    script.foretell();
    return script;
}

Progress runScript(const Script& script, const std::shared_ptr<SimDisk>& disk)
{
    Progress progress;
    SimServer server(disk, script.options);
    if (!server.open())
        return progress;
    progress.history = server.engine().history();
    for (const Script::Turn& turn : script.turns) {
        if (turn.kind == TurnKind::Submit) {
            progress.proposed += turn.changes.size();
            const std::vector<Outcome> outcomes = server.submit(turn.changes);
            const auto bad = std::find_if_not(outcomes.begin(), outcomes.end(), answered);
            const auto good = static_cast<size_t>(bad - outcomes.begin());
            progress.answered += good;
            if (good != turn.changes.size())
                return progress;
            continue;
        }
        const bool restart = turn.kind == TurnKind::Restart;
        if (!(restart ? server.stop() : server.engine().checkpoint()))
            return progress;
        progress.synced = progress.answered;
        if (restart && !server.open())
            return progress;
        progress.history = server.engine().history();
    }
    progress.finished = true;
    return progress;
}

CrashCount& crashCount()
{
    static CrashCount count;
    return count;
}

bool tortureWanted()
{
    const char* wanted = std::getenv("FLUXION_TORTURE");
    return wanted && *wanted && *wanted != '0';
}

} // namespace fluxion
