#include "log/memory_log.h"

#include <algorithm>
#include <utility>

namespace fluxion {

// Stands in one batch and keeps it, whatever the log drops.
class MemoryLogCursor final : public LogCursor {
  public:
    MemoryLogCursor(const MemoryLog& log, uint64_t after) : m_log(log), m_wanted(after + 1) {}

    Result<std::optional<BatchView>> next(uint64_t through) override
    {
        m_batch.reset();
        if (m_wanted > through)
            return std::optional<BatchView>();
        m_batch = m_log.find(m_wanted);
        if (!m_batch)
            return {Code::Compacted, "the log no longer holds seq " + std::to_string(m_wanted)};
        m_wanted = m_batch->view.lastSeq() + 1;
        return std::optional<BatchView>(m_batch->view);
    }

  private:
    const MemoryLog& m_log;
    uint64_t m_wanted; // the first seq not handed out yet
    std::shared_ptr<const MemoryLog::Kept> m_batch;
};

MemoryLog::MemoryLog(uint64_t maxBatchBytes, uint64_t retainBytes, uint32_t origin)
    : m_maxBatchBytes(maxBatchBytes), m_origin(origin), m_retainBytes(retainBytes)
{
}

uint64_t MemoryLog::maxPayloadBytes() const
{
    return m_maxBatchBytes - kBatchHeaderBytes - kEntryHeaderBytes - kBatchAlignment;
}

Status MemoryLog::append(BatchBuilder& batch, uint64_t expectedLastSeq, uint64_t proposal)
{
    m_committed.reset();
    if (expectedLastSeq != m_lastSeq)
        return {Code::Conflict, "others came first"};
    m_appendedBytes += batch.bytes();
    batch.seal(m_lastSeq + 1, m_origin, proposal);
    m_committed = batch.view();
    m_lastSeq += batch.count();
    keep(*m_committed);
    return {};
}

std::optional<BatchView> MemoryLog::nextCommitted()
{
    return std::exchange(m_committed, std::nullopt);
}

void MemoryLog::keep(const BatchView& batch)
{
    std::shared_ptr<Kept> kept;
    if (batch.bytes <= m_retainBytes) {
        kept = std::make_shared<Kept>(Kept{batch, std::string(batch.entries)});
        kept->view.entries = kept->entries;
    }
    std::deque<std::shared_ptr<const Kept>> dropped; // freed without the lock
    std::lock_guard lock(m_mutex);
    m_nextSeq = batch.lastSeq() + 1;
    if (!kept) {
        m_kept.swap(dropped);
        m_keptBytes = 0;
        return;
    }
    m_kept.push_back(std::move(kept));
    m_keptBytes += batch.bytes;
    while (m_keptBytes > m_retainBytes) {
        m_keptBytes -= m_kept.front()->view.bytes;
        dropped.push_back(std::move(m_kept.front()));
        m_kept.pop_front();
    }
}

std::shared_ptr<const MemoryLog::Kept> MemoryLog::find(uint64_t seq) const
{
    std::lock_guard lock(m_mutex);
    const auto next =
        std::upper_bound(m_kept.begin(), m_kept.end(), seq,
                         [](uint64_t s, const auto& kept) { return s < kept->view.firstSeq; });
    if (next == m_kept.begin() || seq > (*std::prev(next))->view.lastSeq())
        return nullptr;
    return *std::prev(next);
}

std::unique_ptr<LogCursor> MemoryLog::read(uint64_t after)
{
    return std::make_unique<MemoryLogCursor>(*this, after);
}

uint64_t MemoryLog::oldestSeq() const
{
    std::lock_guard lock(m_mutex);
    return m_kept.empty() ? m_nextSeq : m_kept.front()->view.firstSeq;
}

uint64_t MemoryLog::heldBytes() const
{
    std::lock_guard lock(m_mutex);
    return m_keptBytes;
}

} // namespace fluxion
