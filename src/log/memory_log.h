#pragma once

// The log of a server without a data folder: gives out seqs, keeps nothing.

#include <atomic>

#include "log/identity.h"
#include "log/log.h"

namespace fluxion {

class MemoryLog final : public Log {
  public:
    // `maxBatchBytes` as a file log's segment would set it, so that limits do not depend on the
    // kind.
    explicit MemoryLog(uint64_t maxBatchBytes, uint32_t origin = 1);

    const HistoryId& history() const override { return m_history; }
    uint32_t origin() const override { return m_origin; }
    uint64_t maxPayloadBytes() const override;
    uint64_t maxBatchBytes() const override { return m_maxBatchBytes; }
    Status append(BatchBuilder& batch, uint64_t expectedLastSeq, uint64_t proposal) override;
    std::optional<BatchView> nextCommitted() override;
    Status sync() override { return {}; }
    Status release(uint64_t) override { return {}; }
    Status prepare() override { return {}; }
    Status close() override { return {}; }
    uint64_t appendedBytes() const override { return m_appendedBytes; }

  private:
    const uint64_t m_maxBatchBytes;
    const uint32_t m_origin;
    const HistoryId m_history = newHistoryId();
    uint64_t m_lastSeq = 0;
    std::optional<BatchView> m_committed;
    std::atomic<uint64_t> m_appendedBytes{0};
};

} // namespace fluxion
