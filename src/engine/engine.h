#pragma once

// The one façade over log, views and checkpoints. Proposals go in from any thread and come back as
// outcomes through mailboxes; views are read directly through store().

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log_sink.h"
#include "engine/checkpoint.h"
#include "engine/commit_queue.h"
#include "engine/decider.h"
#include "engine/patch_lanes.h"
#include "engine/proposal.h"
#include "engine/start_views.h"
#include "io/file.h"
#include "live/live_source.h"
#include "log/file_log.h"
#include "store/store.h"

namespace fluxion {

struct EngineOptions {
    FileLogOptions log;
    bool salvage = false;  // go on with what is whole of a damaged folder
    DecisionLimits limits; // maxPayloadBytes is set by the engine
    uint64_t pauseQueueBytes = 64 * 1024 * 1024;
    uint64_t maxQueueBytes = 256 * 1024 * 1024;
    int64_t checkpointIntervalUs = 10 * 60 * int64_t{1000000};
    uint64_t checkpointLogBytes = 256 * 1024 * 1024; // log since the last one
    int64_t syncIntervalUs = 100 * 1000;             // with Durability::Interval
    int64_t sweepIntervalUs = 10 * int64_t{1000000}; // between looks for documents that rest
    StartReplay::OnProgress onRebuild = {};          // called by Engine::open()
};

// What a checkpoint was.
struct CheckpointReport {
    uint64_t seq = 0;
    uint64_t bytes = 0; // of its file
    int64_t tookUs = 0;
    int64_t pauseUs = 0; // the longest that it kept the commit thread from its work
    int64_t atUs = 0;    // when it was done, wall clock; 0: there was none since the start
};

class Engine : public LiveSource {
  public:
    // Recovers what `directory` holds; null: in memory. `directory` and `clock` outlive the engine.
    // Code::Damaged names file and offset. Nothing runs yet: start() or, in tests, step().
    static Result<std::unique_ptr<Engine>> open(EngineOptions options, Directory* directory,
                                                Clock& clock, LogSink sink);
    ~Engine() override;

    // Starts the commit and the maintenance thread. Once.
    void start();
    // Takes no more proposals, finishes those taken, makes a checkpoint and closes the log. After
    // a failure the next start recovers as from a crash. Not from a mailbox.
    Status stop();

    // Any thread. With Accepted::No the mailbox will not hear of it.
    Accepted propose(Proposal proposal);
    // The same in two steps, for ProposalBatch: room for so many bytes, then several at once. Any
    // thread.
    Accepted reserve(uint64_t bytes, Mailbox* mailbox) { return m_queue.reserve(bytes, mailbox); }
    void propose(std::vector<Proposal>& proposals, uint64_t bytes)
    {
        m_queue.push(proposals, bytes);
    }

    // Calls `mailbox.deliver` with the ticket once the views have reached `seq`; at once, from this
    // call, if they have. Any thread.
    void awaitSeq(uint64_t seq, Mailbox& mailbox, uint64_t ticket);
    // Forgets the awaited ticket, if it was not delivered yet.
    void cancelAwait(Mailbox& mailbox, uint64_t ticket);

    // Mailboxes that hear of changed API keys. Before start(), or while stopped.
    void addMailbox(Mailbox& mailbox) { m_mailboxes.push_back(&mailbox); }

    const Store& store() const { return *m_store; }
    // The last seq that is durable and visible. Any thread.
    uint64_t appliedSeq() const override { return m_store->appliedSeq(); }
    // Names this history, 32 hex digits.
    const std::string& history() const override { return m_history; }
    // The first seq that the log still holds, and what it holds after one. Any thread.
    uint64_t oldestSeq() const override { return m_log->oldestSeq(); }
    std::unique_ptr<LogCursor> readLog(uint64_t after) override { return m_log->read(after); }
    // Where committed batches are published. Any thread, as its header says.
    Broadcast& broadcast() override { return m_broadcast; }
    // Every acknowledged write is on the medium.
    bool durable() const { return m_durable; }
    // The time by which expiries are to be judged: never before that of an entry, nor before what
    // this has returned, so that a clock set back brings no key back. Any thread.
    int64_t nowUs() const override;
    // The last seq known to be on the medium; 0 without a data folder. Any thread.
    uint64_t durableSeq() const;
    // A write to the log failed: every further write is refused until a restart.
    bool readOnly() const { return m_readOnly.load(); }
    // 32 random bytes of this installation, made once: the key under which API keys are hashed.
    const std::string& installationSecret() const { return m_installationSecret; }

    // The views at one seq, between two batches. Any thread but commit (so not from a mailbox);
    // waits for the batch under way. Nothing once the engine is stopping.
    std::optional<Cut> cut() override;

    // Has the maintenance thread make a checkpoint, and calls back from there; not ok while writes
    // are refused, or without a data folder. Any thread.
    void requestCheckpoint(std::function<void(const Result<CheckpointReport>&)> done);
    // The last one that was made by this process, and the log's figures. Any thread.
    CheckpointReport lastCheckpoint() const;
    uint64_t logBytes() const { return m_log->heldBytes(); }
    uint64_t queuedBytes() const { return m_queue.bytes(); } // of proposals not yet taken up

    // For tests without threads: commits what waits; does what maintenance would.
    void step();
    Status checkpoint();
    // As cut(), from the commit thread, or without threads.
    Cut openCut() { return m_store->openCut(); }

  private:
    Engine(EngineOptions options, Directory* directory, Clock& clock, LogSink sink);

    struct Undecided; // a proposal and what was decided of it

    Status recover();
    Status recoverWhole();
    Status checkIdentity();
    Result<StartViews> loadViews();
    Status replayOnto(StartViews& views);
    Status applyAndTell(const BatchView& batch, EventBatch* events);
    void tellEntry(uint64_t seq, const Entry& entry, const Fact& fact, EventBatch& events) const;
    Status nameNewHistory();
    Status loadInstallationSecret();

    void commitLoop();
    // Whose batches these are: only of the first some proposals may have to wait in a lane.
    enum class Turn : uint8_t { OfAll, OfLanes };
    void commit(std::vector<Proposal> proposals);
    void commitInBatches(std::vector<Proposal>& proposals, Turn turn);
    bool expiryIsDue() const;
    int untilExpiryMs() const;
    void expireKeys();
    bool fits(const Decision& decision) const;
    void addEntry(const Decision& decision, const Principal& principal);
    size_t prefetchKeys(const std::vector<Proposal>& proposals, size_t first) const;
    void decideAll(std::vector<Undecided>& group, std::vector<Proposal>& rest, size_t& next,
                   Turn turn);
    void commitGroup(std::vector<Undecided>& group);
    void applyCommitted();
    void answer(std::vector<Undecided>& group, const Status& status);
    void wakeAwaiting();
    void serveCutRequest();
    void serveLog();
    void syncIfDue();

    void maintenanceLoop();
    void maintain();
    bool checkpointIsDue() const;
    Status checkpointOf(const Cut& cut);
    CheckpointPace paceOfCheckpoint();
    void serveCheckpointRequests();
    void forgetTombstones();
    void forgetIn(const Cut::Part& part, uint64_t oldestSeq);
    void notePause(int64_t fromUs);
    Status removePassedOver(const CheckpointInfo& written);

    const EngineOptions m_options;
    Directory* const m_directory;
    Clock& m_clock;
    LogSink m_sink;
    std::string m_history;
    std::string m_installationSecret;
    bool m_durable = false;

    std::unique_ptr<Store> m_store; // written by the commit thread
    std::unique_ptr<Log> m_log;
    FileLog* m_fileLog = nullptr; // m_log, when there is a folder
    CommitQueue m_queue;
    Broadcast m_broadcast;
    std::vector<Mailbox*> m_mailboxes;
    std::atomic<bool> m_readOnly{false};
    mutable std::atomic<int64_t> m_latestUs{0}; // that nowUs() has returned

    // Commit thread.
    std::unique_ptr<Decider> m_decider;
    PatchLanes m_lanes;
    BatchBuilder m_batch;
    uint64_t m_proposalNumber = 0;
    int64_t m_batchTimeUs = 0;
    int64_t m_expireFromUs = 0; // steady; later than now after a write that failed
    bool m_keysChanged = false;

    // Maintenance thread.
    std::vector<std::string> m_passedOver; // damaged checkpoints; they go with the next good one
    uint64_t m_checkpointSeq = 0;
    bool m_checkpointWanted = false; // although nothing has changed since
    uint64_t m_checkpointAppended = 0;
    int64_t m_checkpointAtUs = 0;
    int64_t m_sweptAtUs = 0;
    int64_t m_syncedAtUs = 0;
    uint64_t m_syncedBytes = 0; // of the log, at that moment
    int64_t m_forgotAtUs = 0;
    uint64_t m_forgotBefore = 0; // tombstones of before this seq are gone

    std::atomic<uint64_t> m_syncedSeq{0}; // with Durability::Interval and None
    std::atomic<bool> m_checkpointing{false};
    std::atomic<int64_t> m_longestPauseUs{0}; // of the checkpoint under way
    mutable std::mutex m_reportMutex;
    CheckpointReport m_report; // guarded by it, as what follows
    std::vector<std::function<void(const Result<CheckpointReport>&)>> m_checkpointRequests;

    struct Awaiting {
        uint64_t seq;
        Mailbox* mailbox;
        uint64_t ticket;
    };
    std::mutex m_awaitMutex;
    std::vector<Awaiting> m_awaiting;

    // A cut on its way from the commit thread to whoever asked.
    enum class CommitState { None, Running, Ended };
    std::mutex m_cutCallerMutex; // held by the one who waits; taken before m_cutMutex
    std::mutex m_cutMutex;       // guards what follows
    std::condition_variable m_cutReady;
    bool m_cutWanted = false;
    CommitState m_commitState = CommitState::None;
    std::optional<Cut> m_cut;

    std::mutex m_maintenanceMutex;
    std::condition_variable m_maintenanceWake;
    bool m_stopMaintenance = false;
    std::thread m_commitThread;
    std::thread m_maintenanceThread;
};

} // namespace fluxion
