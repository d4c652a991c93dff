#pragma once

// The log of a server without a data folder: gives out seqs, keeps the last batches for readers.

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "log/identity.h"
#include "log/log.h"

namespace fluxion {

class MemoryLog final : public Log {
  public:
    static constexpr uint64_t kMaxRetainBytes = 64 * 1024 * 1024;

    // `maxBatchBytes` as a file log's segment would set it, so that limits do not depend on the
    // kind. Keeps the last batches, `retainBytes` of them at most.
    explicit MemoryLog(uint64_t maxBatchBytes, uint64_t retainBytes = kMaxRetainBytes,
                       uint32_t origin = 1);

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
    std::unique_ptr<LogCursor> read(uint64_t after) override;
    uint64_t oldestSeq() const override;
    uint64_t heldBytes() const override;
    uint64_t appendedBytes() const override { return m_appendedBytes; }

  private:
    friend class MemoryLogCursor;

    // A copy of a batch, shared with the cursors that stand in it.
    struct Kept {
        BatchView view; // into `entries`
        std::string entries;
    };

    void keep(const BatchView& batch);
    // The batch that holds `seq`; null: no longer, or not yet, held. Any thread.
    std::shared_ptr<const Kept> find(uint64_t seq) const;

    const uint64_t m_maxBatchBytes;
    const uint32_t m_origin;
    const HistoryId m_history = newHistoryId();
    uint64_t m_lastSeq = 0;
    std::optional<BatchView> m_committed;
    std::atomic<uint64_t> m_appendedBytes{0};

    const uint64_t m_retainBytes;
    mutable std::mutex m_mutex;                     // guards what follows; held for moments
    std::deque<std::shared_ptr<const Kept>> m_kept; // in order, without gaps
    uint64_t m_keptBytes = 0;                       // as batches of a file
    uint64_t m_nextSeq = 1;                         // after the last one appended
};

} // namespace fluxion
