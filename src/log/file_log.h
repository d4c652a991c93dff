#pragma once

// The log in a folder: segments of fixed size, zero-filled once, recycled, written by one thread.
//
// Life: open() -> replay() -> [switchHistory()] -> start() -> append()... -> close().

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/log_sink.h"
#include "config/settings.h"
#include "io/file.h"
#include "log/identity.h"
#include "log/log.h"
#include "log/segment.h"
#include "log/segment_list.h"

namespace fluxion {

struct FileLogOptions {
    uint64_t segmentBytes = 64 * 1024 * 1024;
    uint64_t firstSegmentBytes = 1024 * 1024; // of the segment made at a start, so that it is quick
    Durability durability = Durability::Always;
    uint32_t origin = 1;
    // Segments that recovery does not need stay until the log has more bytes than this,
    uint64_t retainBytes = uint64_t{1024} * 1024 * 1024;
    // or until so long after the last write to them; 0: no limit by age.
    int64_t retainUs = 24 * 3600 * int64_t{1000000};
};

class FileLog final : public Log {
  public:
    // `directory` and `clock` outlive the log. An empty folder becomes a new history.
    static Result<std::unique_ptr<FileLog>> open(Directory& directory, FileLogOptions options,
                                                 Clock& clock, LogSink sink);

    // Hands out every committed batch that holds a seq after `after` (the first may begin before
    // it), and finds the end. Code::Damaged, naming file and offset, when something acknowledged is
    // missing or fails its checks, or it ends before `checkpointSeq`. Once.
    Status replay(uint64_t after, const std::function<Status(const BatchView&)>& visit,
                  uint64_t checkpointSeq = 0);

    // The last server did not sync every batch and was not stopped in order: what clients saw may
    // be gone, so the history must get a new name before start().
    bool needsNewHistory() const { return m_needsNewHistory; }

    // From now on this is history `id`, continuing after the last seq. The caller has made a
    // checkpoint of that seq under the new id; the old segments are dropped by start().
    Status switchHistory(const HistoryId& id);

    // Opens a fresh segment; after it append() works, and reading.
    Status start();

    const HistoryId& history() const override { return m_identity.history; }
    uint32_t origin() const override { return m_options.origin; }
    uint64_t maxPayloadBytes() const override;
    uint64_t maxBatchBytes() const override;
    Status append(BatchBuilder& batch, uint64_t expectedLastSeq, uint64_t proposal) override;
    std::optional<BatchView> nextCommitted() override;
    Status sync() override;
    Status release(uint64_t seq) override;
    Status prepare() override;
    Status close() override;
    std::unique_ptr<LogCursor> read(uint64_t after) override;
    uint64_t oldestSeq() const override;
    uint64_t heldBytes() const override { return m_segments.heldBytes(); }
    uint64_t appendedBytes() const override { return m_appendedBytes; }

    // The history began after this seq, with a checkpoint of it if it is not 0.
    uint64_t startSeq() const { return m_identity.startSeq; }
    // The last committed seq; after replay(). Commit thread.
    uint64_t lastSeq() const { return m_lastSeq; }

  private:
    FileLog(Directory& directory, FileLogOptions options, Clock& clock, LogSink sink);

    bool closedInOrder() const { return m_closed && m_closed->history == m_identity.history; }
    Status storeIdentity();
    Status readFolder();
    Status readSegments(uint64_t after, const std::function<Status(const BatchView&)>& visit);
    Status checkEnd(const File& file, const SegmentEnd& end);
    Status settle(uint64_t segment, uint64_t offset, uint64_t bytes);
    Status rotate(uint64_t segmentBytes);
    Result<SegmentHeader> writeHeader(File& file, uint64_t segmentBytes);
    Result<std::string> takeSpare(uint64_t segmentBytes);
    Status reserve(uint64_t segmentBytes);
    Status makeSpare(std::unique_lock<std::mutex>& lock, uint64_t segmentBytes);
    Status releaseUnused(uint64_t seq);
    Status recycle(const std::string& name);
    Status syncFile(File& file);
    Status failStop(Status status);

    Directory& m_directory;
    const FileLogOptions m_options;
    Clock& m_clock;
    LogSink m_sink;

    Identity m_identity;
    std::optional<ClosedMark> m_closed; // as found by open()
    bool m_identityWritten = false;     // by this process
    bool m_needsNewHistory = false;

    // Commit thread (and whoever opens and starts).
    uint64_t m_lastSeq = 0;
    uint64_t m_epoch = 0;
    uint64_t m_offset = 0; // where the next batch goes
    std::optional<BatchView> m_committed;
    std::atomic<uint64_t> m_appendedBytes{0};
    std::atomic<bool> m_spareWanted{false};
    std::atomic<bool> m_failed{false}; // set by whoever meets the failure

    SegmentList m_segments; // of this history, found by replay()

    std::mutex m_syncMutex; // one sync at a time, with what follows from it

    // Guards what follows; held only for moments, never during a write or sync of batches.
    std::mutex m_mutex;
    std::condition_variable m_spareDone;
    std::shared_ptr<File> m_file; // the segment being written; replaced by the commit thread
    uint64_t m_fileBytes = 0;
    std::set<uint64_t> m_unused; // named by their first seq: segments not in m_segments
    std::map<std::string, uint64_t> m_spares; // name -> bytes, ready to use
    bool m_makingSpare = false;
    uint64_t m_nextSpare = 0;
};

} // namespace fluxion
