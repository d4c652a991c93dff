#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/thread_name.h"
#include "log/memory_log.h"

namespace fluxion {

Engine::Engine(EngineOptions options, Directory* directory, Clock& clock, LogSink sink)
    : m_options(options), m_directory(directory), m_clock(clock), m_sink(std::move(sink)),
      m_store(std::make_unique<Store>()), m_queue(options.pauseQueueBytes, options.maxQueueBytes)
{
}

Engine::~Engine()
{
    if (m_commitThread.joinable())
        (void)stop().ok(); // whoever wants to know calls stop() itself
}

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options, Directory* directory,
                                             Clock& clock, LogSink sink)
{
    std::unique_ptr<Engine> engine(new Engine(options, directory, clock, std::move(sink)));
    if (directory) {
        if (Status status = engine->recover(); !status)
            return status.error();
    } else {
        engine->m_log = std::make_unique<MemoryLog>(
            options.log.segmentBytes,
            std::min(options.log.retainBytes, MemoryLog::kMaxRetainBytes));
        if (Status status = engine->loadInstallationSecret(); !status)
            return status.error();
    }
    engine->m_broadcast.startAfter(engine->appliedSeq());
    engine->m_history = toText(engine->m_log->history());
    DecisionLimits limits = options.limits;
    limits.maxPayloadBytes = engine->m_log->maxPayloadBytes();
    engine->m_decider = std::make_unique<Decider>(*engine->m_store, limits);
    engine->m_checkpointAtUs = engine->m_syncedAtUs = engine->m_sweptAtUs = clock.steadyUs();
    return engine;
}

void Engine::start()
{
    {
        std::lock_guard lock(m_cutMutex);
        m_commitState = CommitState::Running;
    }
    m_commitThread = std::thread([this] { commitLoop(); });
    m_maintenanceThread = std::thread([this] { maintenanceLoop(); });
}

Status Engine::stop()
{
    m_queue.close();
    if (m_maintenanceThread.joinable()) {
        {
            std::lock_guard lock(m_maintenanceMutex);
            m_stopMaintenance = true;
        }
        m_maintenanceWake.notify_one();
        m_maintenanceThread.join();
    }
    if (m_commitThread.joinable())
        m_commitThread.join();
    else
        step();
    if (m_readOnly)
        return {Code::ReadOnly, "a write to the log failed; the log stays as after a crash"};
    if (m_directory && (appliedSeq() > m_checkpointSeq || m_checkpointWanted)) {
        if (Status status = checkpointOf(openCut()); !status)
            m_sink(LogLevel::Warning, "no checkpoint at the stop: " + status.error().text);
    }
    return m_log->close();
}

Accepted Engine::propose(Proposal proposal)
{
    const uint64_t bytes = sizeOf(proposal.wish);
    const Accepted accepted = m_queue.reserve(bytes, proposal.mailbox);
    if (accepted != Accepted::No) {
        std::vector<Proposal> one;
        one.push_back(std::move(proposal));
        m_queue.push(one, bytes);
    }
    return accepted;
}

int64_t Engine::nowUs() const
{
    const int64_t now = std::max(m_clock.wallUs(), m_store->appliedTimeUs());
    int64_t latest = m_latestUs.load(std::memory_order_relaxed);
    while (latest < now && !m_latestUs.compare_exchange_weak(latest, now))
        continue;
    return std::max(now, latest);
}

void Engine::awaitSeq(uint64_t seq, Mailbox& mailbox, uint64_t ticket)
{
    {
        std::lock_guard lock(m_awaitMutex);
        if (appliedSeq() < seq) {
            m_awaiting.push_back({seq, &mailbox, ticket});
            return;
        }
    }
    mailbox.deliver({{ticket, {Status(), appliedSeq(), 0}}});
}

void Engine::cancelAwait(Mailbox& mailbox, uint64_t ticket)
{
    std::lock_guard lock(m_awaitMutex);
    std::erase_if(m_awaiting, [&](const Awaiting& waiting) {
        return waiting.mailbox == &mailbox && waiting.ticket == ticket;
    });
}

// Takes the lock with every batch: asking first, without it, whether anyone waits could miss one
// who has seen the seq before this batch and is about to wait.
void Engine::wakeAwaiting()
{
    std::vector<Awaiting> reached;
    {
        std::lock_guard lock(m_awaitMutex);
        const uint64_t seq = appliedSeq();
        const auto it = std::partition(m_awaiting.begin(), m_awaiting.end(),
                                       [&](const Awaiting& w) { return w.seq > seq; });
        reached.assign(it, m_awaiting.end());
        m_awaiting.erase(it, m_awaiting.end());
    }
    for (const Awaiting& waiting : reached)
        waiting.mailbox->deliver({{waiting.ticket, {Status(), appliedSeq(), 0}}});
}

// The commit thread opens it between two batches; without that thread, the caller is it.
std::optional<Cut> Engine::cut()
{
    std::lock_guard oneCaller(m_cutCallerMutex);
    std::unique_lock lock(m_cutMutex);
    if (m_commitState == CommitState::None)
        return openCut();
    m_cutWanted = true;
    m_queue.wake();
    m_cutReady.wait(lock, [this] { return m_cut || m_commitState == CommitState::Ended; });
    m_cutWanted = false;
    return std::exchange(m_cut, std::nullopt);
}

void Engine::serveCutRequest()
{
    std::lock_guard lock(m_cutMutex);
    if (!m_cutWanted || m_cut)
        return;
    const int64_t from = m_clock.steadyUs();
    m_cut = openCut();
    notePause(from);
    m_cutReady.notify_one();
}

void Engine::step()
{
    do {
        std::vector<Mailbox*> wantsRoom;
        commit(m_queue.take(0, wantsRoom));
        for (Mailbox* mailbox : wantsRoom)
            mailbox->roomAgain();
    } while (!m_lanes.empty());
}

void Engine::commitLoop()
{
    nameThread("commit");
    while (true) {
        std::vector<Mailbox*> wantsRoom;
        const bool closing = m_queue.closed(); // before the last look
        std::vector<Proposal> proposals =
            m_queue.take(m_lanes.empty() ? untilExpiryMs() : 0, wantsRoom);
        const bool ended = closing && proposals.empty() && m_lanes.empty();
        for (Mailbox* mailbox : wantsRoom)
            mailbox->roomAgain();
        if (proposals.empty() && m_lanes.empty())
            m_decider->trim(); // nothing is to be done: what large merges left may go
        commit(std::move(proposals));
        serveCutRequest();
        if (ended)
            break;
    }
    std::lock_guard lock(m_cutMutex);
    m_commitState = CommitState::Ended;
    m_cutReady.notify_one();
}

} // namespace fluxion
