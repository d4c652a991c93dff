// The maintenance thread's work: next segments, syncs, merges, checkpoints, forgetting.

#include <algorithm>
#include <utility>

#include "base/heap.h"
#include "base/thread_name.h"
#include "engine/engine.h"
#include "engine/heap_return.h"

namespace fluxion {

namespace {

constexpr size_t kKeptCheckpoints = 2;
constexpr int64_t kForgetIntervalUs = 60 * int64_t{1000000};
constexpr size_t kKeysForgottenAtOnce = 1000;
constexpr int64_t kLongestRestUs = 20 * kUsPerMs; // of a checkpoint, after each MiB

} // namespace

Status Engine::checkpoint()
{
    if (!m_directory)
        return {};
    m_longestPauseUs = 0;
    m_checkpointing = true;
    Status status;
    if (const std::optional<Cut> taken = cut())
        status = checkpointOf(*taken);
    m_checkpointing = false;
    return status;
}

Status Engine::checkpointOf(const Cut& cut)
{
    // A checkpoint must never be ahead of the log on the medium.
    if (m_readOnly)
        return {Code::ReadOnly, "a write to the log failed; the log stays as after a crash"};
    if (Status status = m_log->sync(); !status) {
        m_readOnly = true;
        return status;
    }
    m_syncedSeq = std::max(m_syncedSeq.load(), cut.seq);
    const CheckpointInfo info{m_log->history(), cut.seq, cut.timeUs};
    const uint64_t appended = m_log->appendedBytes();
    const int64_t begunUs = m_clock.steadyUs();
    auto written = writeCheckpoint(*m_directory, info, cut, paceOfCheckpoint());
    if (!written)
        return written.status();
    if (Status status = removePassedOver(info); !status)
        return status;
    m_checkpointSeq = info.seq;
    m_checkpointWanted = false;
    m_checkpointAppended = appended;
    m_checkpointAtUs = m_clock.steadyUs();
    {
        std::lock_guard lock(m_reportMutex);
        m_report = {info.seq, written.value(), m_checkpointAtUs - begunUs, m_longestPauseUs,
                    m_clock.wallUs()};
    }
    auto oldest = pruneCheckpoints(*m_directory, m_log->history(), kKeptCheckpoints);
    if (!oldest)
        return oldest.status();
    return oldest.value() ? m_log->release(oldest.value()) : Status();
}

// Beside writes it leaves the disk, and a core, to them half of the time. The first look at the
// clock is the beginning's.
CheckpointPace Engine::paceOfCheckpoint()
{
    CheckpointPace pace;
    if (!m_checkpointing || !m_commitThread.joinable()) {
        pace.between = [this] { syncIfDue(); };
        return pace; // at a stop, or without threads: nobody writes
    }
    pace.between = [this] { serveLog(); };
    pace.rest = [this, fromUs = m_clock.steadyUs()]() mutable {
        const int64_t workedUs = m_clock.steadyUs() - fromUs;
        if (!m_queue.closed())
            std::this_thread::sleep_for(
                std::chrono::microseconds(std::min(workedUs, kLongestRestUs)));
        fromUs = m_clock.steadyUs();
    };
    return pace;
}

// Damaged ones would otherwise be counted as kept, in place of good ones.
Status Engine::removePassedOver(const CheckpointInfo& written)
{
    std::erase(m_passedOver, checkpointName(written)); // took its place
    for (const std::string& name : std::exchange(m_passedOver, {})) {
        if (Status status = m_directory->remove(name); !status)
            return status;
    }
    return {};
}

uint64_t Engine::durableSeq() const
{
    if (!m_directory)
        return 0;
    return m_durable ? appliedSeq() : m_syncedSeq.load();
}

CheckpointReport Engine::lastCheckpoint() const
{
    std::lock_guard lock(m_reportMutex);
    return m_report;
}

void Engine::requestCheckpoint(std::function<void(const Result<CheckpointReport>&)> done)
{
    {
        std::lock_guard lock(m_reportMutex);
        m_checkpointRequests.push_back(std::move(done));
    }
    m_maintenanceWake.notify_one();
}

void Engine::serveCheckpointRequests()
{
    std::vector<std::function<void(const Result<CheckpointReport>&)>> requests;
    {
        std::lock_guard lock(m_reportMutex);
        requests.swap(m_checkpointRequests);
    }
    if (requests.empty())
        return;
    // Nothing has changed since the last one: that is the answer.
    const bool known = m_report.atUs != 0 && m_report.seq == appliedSeq();
    Status status = known ? Status() : checkpoint();
    if (!m_directory)
        status = Status(Code::BadRequest, "there is no data folder: nothing is kept");
    const Result<CheckpointReport> result =
        status ? Result<CheckpointReport>(lastCheckpoint()) : status.error();
    for (const auto& done : requests)
        done(result);
}

// What a checkpoint costs the commit thread: opening its cut, and copying what the cut shares.
void Engine::notePause(int64_t fromUs)
{
    const int64_t pauseUs = m_clock.steadyUs() - fromUs;
    if (m_checkpointing && pauseUs > m_longestPauseUs)
        m_longestPauseUs = pauseUs;
}

// Tombstones whose last change the log no longer holds: no history leads to them any more.
void Engine::forgetTombstones()
{
    const uint64_t oldest = m_log->oldestSeq();
    if (oldest <= m_forgotBefore || m_readOnly)
        return;
    const std::optional<Cut> taken = cut();
    if (!taken)
        return;
    for (const Cut::Part& part : taken->collections)
        forgetIn(part, oldest);
    m_forgotBefore = oldest;
}

void Engine::forgetIn(const Cut::Part& part, uint64_t oldestSeq)
{
    if (part.values.tombstoneCount == 0)
        return;
    ForgetKeysProposal wish{part.collection->name(), {}};
    const auto ask = [&] {
        if (!wish.tombstones.empty())
            (void)propose({{part.collection->tenant(), 0, Scope::Master}, wish, nullptr, 0});
        wish.tombstones.clear(); // those that were not taken are met again
    };
    for (size_t p = 0; p < part.values.pages.pageCount(); ++p) {
        const ValuePage& page = part.values.pages.page(p);
        for (size_t i = 0; i < page.size(); ++i) {
            const ValueItem item = page.at(i);
            if (item.tombstone && item.seq < oldestSeq)
                wish.tombstones.push_back({std::string(item.key), item.seq});
        }
        if (wish.tombstones.size() >= kKeysForgottenAtOnce)
            ask();
    }
    ask();
}

bool Engine::checkpointIsDue() const
{
    if (!m_directory || m_readOnly || (appliedSeq() == m_checkpointSeq && !m_checkpointWanted))
        return false;
    return m_checkpointWanted ||
           m_log->appendedBytes() - m_checkpointAppended >= m_options.checkpointLogBytes ||
           m_clock.steadyUs() - m_checkpointAtUs >= m_options.checkpointIntervalUs;
}

void Engine::maintain()
{
    serveLog();
    if (m_clock.steadyUs() - m_sweptAtUs >= m_options.sweepIntervalUs) {
        m_sweptAtUs = m_clock.steadyUs();
        m_store->startSweep();
    }
    serveCheckpointRequests();
    if (m_clock.steadyUs() - m_forgotAtUs >= kForgetIntervalUs) {
        m_forgotAtUs = m_clock.steadyUs();
        forgetTombstones();
    }
    if (checkpointIsDue()) {
        if (Status status = checkpoint(); !status) {
            m_sink(LogLevel::Warning, "no checkpoint: " + status.error().text);
            m_checkpointWanted = false;
            m_checkpointAtUs = m_clock.steadyUs(); // tried; again after the interval
            m_checkpointAppended = m_log->appendedBytes();
        }
    }
}

// Beside the commit thread, so that neither a new segment nor a slow sync holds up a write; and
// between the blocks of a checkpoint, so that a long one holds up neither.
void Engine::serveLog()
{
    if (Status status = m_log->prepare(); !status)
        m_sink(LogLevel::Warning, "no next segment yet: " + status.error().text);
    syncIfDue();
}

void Engine::syncIfDue()
{
    if (m_options.log.durability != Durability::Interval || !m_directory || m_readOnly ||
        m_log->appendedBytes() == m_syncedBytes ||
        m_clock.steadyUs() - m_syncedAtUs < m_options.syncIntervalUs)
        return;
    m_syncedAtUs = m_clock.steadyUs();
    m_syncedBytes = m_log->appendedBytes();
    const uint64_t seq = appliedSeq();
    if (m_log->sync())
        m_syncedSeq = seq;
    else
        m_readOnly = true;
}

void Engine::maintenanceLoop()
{
    nameThread("maintenance");
    constexpr auto kTick = std::chrono::milliseconds(20);
    constexpr size_t kMaintainBudget = 16; // documents or pages between two looks at the rest
    constexpr uint64_t kWorthReturningBytes = 8 * 1024 * 1024;
    HeapReturn heapReturn;
    std::unique_lock lock(m_maintenanceMutex);
    while (!m_stopMaintenance) {
        lock.unlock();
        maintain();
        const bool more = m_store->maintain(kMaintainBudget);
        if (heapReturn.isDue(m_log->appendedBytes(), more, m_clock.steadyUs()))
            returnFreeHeap(kWorthReturningBytes);
        lock.lock();
        if (!more)
            m_maintenanceWake.wait_for(lock, kTick, [this] { return m_stopMaintenance; });
    }
}

} // namespace fluxion
