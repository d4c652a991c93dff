#pragma once

// The subscriptions of one thread: matches what is published against them, keeps what their clients
// cannot take yet, brings those that come late up to the news. Knows no socket and no frame format.
//
// A subscription is fed by its backfill (a snapshot, then the log) until nothing is left between
// that and the batches that this thread has seen; from then on by those. When more of them come
// than its queue holds, it goes back to the log, and joins them anew. One of the log's entries
// reads them all from there.

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "live/backfill.h"

namespace fluxion {

struct LiveLimits {
    size_t maxQueueEvents = 10000;          // of one subscription
    size_t maxQueueBytes = 4 * 1024 * 1024; // of its events' texts
    uint64_t maxTotalBytes =
        256 * uint64_t{1024 * 1024}; // of all news waiting; as much of backfills
    int64_t bookmarkIntervalUs = 10 * int64_t{1000000};
    // Whose queue was full, and who takes nothing for longer, is let go.
    int64_t slowUs = int64_t{1000000};
    size_t maxCatchUps = 4; // of one client, at a time: snapshots, and reading the log
    // Who takes nothing of these for longer is let go.
    int64_t catchUpStallUs = 30 * int64_t{1000000};
    HeldCutLimits heldCuts;

    // Not for operators: what makes good frames and pieces.
    size_t frameBytes = 256 * 1024; // of events in one frame, about
    PieceLimits piece;
    int64_t sliceUs = 2000; // of offering events, before sockets have their turn; 0: one filter
    // Of such slices for one client's filters on values, until all was offered: then they go on
    // with the log, whose reader serves clients in turn, so that others need not wait for them.
    int64_t filterUs = 100 * int64_t{1000};
    // Batches that a hub keeps for those who come from the log.
    size_t maxRecentBatches = 1024;
    size_t maxRecentBytes = 8 * 1024 * 1024;
};

// What all hubs share. Outlives them.
struct LiveShared {
    LiveShared(LiveSource& source_, Clock& clock_, LiveLimits limits_, FairExecutor& reader_)
        : source(source_), clock(clock_), limits(limits_), cuts(source_, clock_),
          held(limits_.heldCuts), reader(reader_)
    {
    }

    LiveSource& source;
    Clock& clock;
    const LiveLimits limits;
    CutShare cuts;
    HeldCuts held;
    EventBytes eventBytes{0};               // of the news
    EventBytes backfillBytes{0};            // of what is read for those who come late
    std::atomic<uint64_t> subscriptions{0}; // now
    std::atomic<uint64_t> queuedEvents{0};  // now
    std::atomic<uint64_t> fellBehind{0};    // since the start: queues that were full
    std::atomic<uint64_t> verdicts{0};      // since the start: filters applied to changes
    std::atomic<uint64_t> evictions{0};     // since the start
    FairExecutor& reader;                   // may read files: a ReadThread
};

struct EventFrame {
    uint64_t seq = 0;      // after which it is safe to resume
    bool more = false;     // further events of the last seq follow
    bool snapshot = false; // the state, and not changes; without `more`: its end
    bool last = false;     // all that was asked for was sent: the subscription is over
    std::vector<SharedEvent> events;
};

// How a subscription is ended by the server.
struct EventEnd {
    uint64_t seq = 0; // as in a frame
    Error error;
    uint64_t oldestSeq = 0; // with Code::Compacted: the oldest position that can be resumed from
};

// The client's side. The hub's thread; must not call back into the hub, nor go within a call.
class EventSink {
  public:
    virtual ~EventSink() = default;
    // False: what it was given has not left yet. Hub::resume() when it takes more.
    virtual bool takesEvents() = 0;
    // For how long the client has taken nothing of what waits for it; 0: nothing does.
    virtual int64_t stalledUs() = 0;
    // The same for all of one connection's subscriptions, and only for those.
    virtual uint64_t client() const = 0;
    virtual void send(uint64_t subscription, const EventFrame& frame) = 0;
    virtual void end(uint64_t subscription, const EventEnd& end) = 0; // no more of it follows
};

struct SubscribeFrom {
    bool snapshot = false;
    std::optional<uint64_t> seq; // events after this; nothing: from now on
    SnapshotWish wish = {};      // of the snapshot; with a cut nothing follows its end
    EntryWish entries = {};      // of the log's
};

class Hub : private Feed {
  public:
    // One per thread, whose executor this is. Both outlive the hub.
    Hub(LiveShared& shared, Executor& executor) : m_shared(shared), m_executor(executor) {}
    ~Hub() override;
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    struct Subscribed {
        uint64_t id = 0;
        uint64_t seq = 0; // it begins after this; with a snapshot 0
    };
    // Code::Compacted: the log does not hold what follows `from`, or it lies beyond the end.
    // Nothing is sent from within the call. The sink outlives the subscription.
    Result<Subscribed> subscribe(Filter filter, SubscribeFrom from, EventSink& sink);
    // Returns the position to resume from; 0 of one that has ended.
    uint64_t unsubscribe(uint64_t id);
    // The sink takes events again. May end subscriptions.
    void resume(uint64_t id);
    // Some times a second: bookmarks; and those go who hold most of what is too much.
    void tick();

    uint64_t oldestResumeSeq() const { return m_shared.source.oldestSeq() - 1; }

  private:
    enum class State : uint8_t { Snapshot, Log, Live };
    // All whose filters say the same share what one of these says of a change.
    struct Judge {
        std::shared_ptr<const Filter> filter;
        size_t users = 0;
        uint64_t changeNumber = 0; // that it has looked at last
        Verdict verdict{};
    };
    struct Subscription {
        uint64_t id = 0;
        std::shared_ptr<const Filter> filter;
        Judge* judge = nullptr;
        EventSink* sink = nullptr;
        State state = State::Live;
        uint64_t position = 0; // all up to here is in the queue or was sent
        EventQueue queue;
        std::shared_ptr<Backfill> backfill;
        bool reading = false; // a piece of it is being made
        bool atEnd = false;   // the last piece said so
        bool isDone = false;  // the same: nothing is to follow
        bool hasTurn = false; // to catch up; else, perhaps, in the client's queue for one
        bool dirty = false;   // in m_dirty
        bool late = false;    // it was live, and fell behind
        int64_t sentUs = 0;   // when the sink last took a frame, or was first asked to
    };
    // Of one client: those that catch up, and those that wait for it, in order.
    struct Turns {
        size_t taken = 0;
        std::deque<uint64_t> waiting;
    };
    // The batch that is being offered. Between two slices, how far that has come.
    struct Current {
        SharedBatch batch; // null: there is none
        size_t change = 0; // the one at hand
        bool begun = false;
        std::vector<uint64_t> targets; // to which it is yet to be offered, once it was begun
    };

    static std::string listName(WatchKind kind, const std::string_view* collection,
                                const std::string_view* name);
    static std::string listName(const Filter& filter);
    static bool isOfEntries(const Subscription& sub);
    void publish(const SharedBatch& batch) override;
    void drain();
    void goOnFromLog(uint64_t seq);
    bool takeNext();
    bool dispatchSome();
    void findTargets(const Change& change, std::vector<Subscription*>& targets);
    bool isOutOfTime();
    void chargeSlice();
    bool isTooDear(const Subscription& sub) const;
    Judge* judgeOf(const std::shared_ptr<const Filter>& filter);
    Verdict judge(const Filter& filter, const Change& change);
    void offer(Subscription& sub, const Change& change);
    SharedEvent makeText(const Subscription& sub, const Change& change, Verdict verdict);
    bool hasRoom(const Subscription& sub, const EventText& text, size_t parts) const;
    void enqueue(Subscription& sub, QueuedEvent event);
    void flush(Subscription& sub);
    void flushDirty();
    void sendSome(Subscription& sub);
    void readLog(Subscription& sub, LogPlace after);
    void goBack(Subscription& sub);
    void fallBehind(Subscription& sub);
    void advance(Subscription& sub);
    bool rests(const Subscription& sub) const;
    void endSnapshot(Subscription& sub);
    void finish(Subscription& sub);
    bool join(Subscription& sub);
    bool takeBatch(Subscription& sub, const EventBatch& batch);
    bool takeTurn(Subscription& sub);
    void endTurn(Subscription& sub);
    void callNext(const Turns& turns);
    void giveWay(Subscription& sub);
    bool hasMemory(Backfill& backfill);
    void readMore(Subscription& sub);
    void take(uint64_t id, BackfillPiece piece);
    void evict(Subscription& sub);
    void end(Subscription& sub, Error error);
    void remove(uint64_t id);
    void stopListening();
    void markDirty(Subscription& sub);
    uint64_t resumeSeq(const Subscription& sub) const;
    void dropQueue(Subscription& sub);
    void dropExpiredCuts(int64_t nowUs);
    void makeRoom();
    bool isWithinSeq(const Subscription& sub) const;
    bool isSlow(const Subscription& sub) const;
    bool isStuck(const Subscription& sub, int64_t nowUs) const;
    Subscription* find(uint64_t id);
    std::vector<Subscription*>& listOf(const Filter& filter);
    void remember(const SharedBatch& batch);

    LiveShared& m_shared;
    Executor& m_executor;
    std::unordered_map<uint64_t, std::unique_ptr<Subscription>> m_subscriptions;
    // By what they are about, so that a change meets few of them: kind, collection and name, or
    // only the first of these.
    std::unordered_map<std::string, std::vector<Subscription*>> m_lists;
    std::unordered_map<uint64_t, Turns> m_turns; // by client; none without either
    std::vector<uint64_t> m_dirty;               // to be flushed
    std::deque<SharedBatch> m_recent; // the last ones seen, for those who come from the log
    size_t m_recentBytes = 0;
    uint64_t m_seenSeq = 0; // of what was published, all up to here was offered
    uint64_t m_tailSeq = 0; // and some of what comes before this; who is new begins here
    std::unordered_map<std::string, Judge> m_judges; // by what they ask for
    Current m_current;
    std::deque<SharedBatch> m_pending;                                  // taken of the inbox
    uint64_t m_changeNumber = 0;                                        // of those offered
    std::array<SharedEvent, kVerdicts * EventFields::kChoices> m_texts; // of the change at hand
    std::vector<size_t> m_textsMade;
    size_t m_offered = 0; // since the clock was looked at
    int64_t m_sliceEndUs = 0;
    uint64_t m_judgedFor = 0; // of this slice, the client whose filter looked at a value last
    std::unordered_map<uint64_t, int64_t> m_filterUs; // by client, since all was offered
    bool m_attached = false;
    uint64_t m_nextId = 1;

    std::mutex m_inboxMutex;
    std::vector<SharedBatch> m_inbox;
    size_t m_inboxBytes = 0;
    bool m_inboxLost = false; // it was too much
};

} // namespace fluxion
