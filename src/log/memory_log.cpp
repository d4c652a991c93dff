#include "log/memory_log.h"

#include <utility>

namespace fluxion {

MemoryLog::MemoryLog(uint64_t maxBatchBytes, uint32_t origin)
    : m_maxBatchBytes(maxBatchBytes), m_origin(origin)
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
    return {};
}

std::optional<BatchView> MemoryLog::nextCommitted()
{
    return std::exchange(m_committed, std::nullopt);
}

} // namespace fluxion
