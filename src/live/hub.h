#pragma once

// The subscriptions of one thread: matches what is published against them, keeps what their clients
// cannot take yet, brings those that come late up to the news. Knows no socket and no frame format.
//
// A subscription is fed by its backfill (a snapshot, then the log) until nothing is left between
// that and the batches that this thread has seen; from then on by those.

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

    // Not for operators: what makes good frames and pieces.
    size_t frameBytes = 256 * 1024; // of events in one frame, about
    PieceLimits piece;
    // Batches that a hub keeps for those who come from the log.
    size_t maxRecentBatches = 1024;
    size_t maxRecentBytes = 8 * 1024 * 1024;
};

// What all hubs share. Outlives them.
struct LiveShared {
    LiveShared(LiveSource& source_, Clock& clock_, LiveLimits limits_, Executor& reader_)
        : source(source_), clock(clock_), limits(limits_), reader(reader_)
    {
    }

    LiveSource& source;
    Clock& clock;
    const LiveLimits limits;
    EventBytes eventBytes{0};    // of the news
    EventBytes backfillBytes{0}; // of what is read for those who come late
    HeldCuts cuts;
    std::atomic<uint64_t> subscriptions{0}; // now
    std::atomic<uint64_t> queuedEvents{0};  // now
    std::atomic<uint64_t> evictions{0};     // since the start
    Executor& reader;                       // may read files: a ReadThread
};

struct EventFrame {
    uint64_t seq = 0;      // after which it is safe to resume
    bool more = false;     // further events of the last seq follow
    bool snapshot = false; // the state, and not changes; without `more`: its end
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
    virtual void send(uint64_t subscription, const EventFrame& frame) = 0;
    virtual void end(uint64_t subscription, const EventEnd& end) = 0; // no more of it follows
    // The same of the snapshot of a held cut, after its end mark.
    virtual void finish(uint64_t subscription) = 0;
};

struct SubscribeFrom {
    bool snapshot = false;
    std::optional<uint64_t> seq; // events after this; nothing: from now on
    SnapshotWish wish = {};      // of the snapshot; with a cut nothing follows its end
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
    struct Subscription {
        uint64_t id = 0;
        std::shared_ptr<const Filter> filter;
        EventSink* sink = nullptr;
        State state = State::Live;
        uint64_t position = 0; // all up to here is in the queue or was sent
        EventQueue queue;
        std::shared_ptr<Backfill> backfill;
        bool reading = false; // a piece of it is being made
        bool atEnd = false;   // the last piece said so
        bool dirty = false;   // in m_dirty
        bool ofCut = false;   // it ends with its snapshot
        int64_t sentUs = 0;
    };
    using Texts = std::unordered_map<uint64_t, SharedEvent>;

    void publish(const SharedBatch& batch) override;
    void drain();
    void dispatch(const SharedBatch& batch);
    void offer(Subscription& sub, const Change& change, uint64_t number, Texts& texts);
    void enqueue(Subscription& sub, QueuedEvent event);
    void flush(Subscription& sub);
    void flushDirty();
    void sendSome(Subscription& sub);
    void advance(Subscription& sub);
    void endSnapshot(Subscription& sub);
    bool join(Subscription& sub);
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
    bool isOverfull(const Subscription& sub) const;
    Subscription* find(uint64_t id);
    std::vector<Subscription*>& listOf(const Filter& filter);
    void remember(const SharedBatch& batch);

    LiveShared& m_shared;
    Executor& m_executor;
    std::unordered_map<uint64_t, std::unique_ptr<Subscription>> m_subscriptions;
    // By what they are about, so that a change meets few of them: kind, collection and name, or
    // only the first of these.
    std::unordered_map<std::string, std::vector<Subscription*>> m_lists;
    std::vector<uint64_t> m_dirty;    // to be flushed
    std::deque<SharedBatch> m_recent; // the last ones seen, for those who come from the log
    size_t m_recentBytes = 0;
    uint64_t m_seenSeq = 0; // of what was published, all up to here was dispatched
    bool m_attached = false;
    uint64_t m_nextId = 1;

    std::mutex m_inboxMutex;
    std::vector<SharedBatch> m_inbox;
    size_t m_inboxBytes = 0;
    bool m_inboxLost = false; // it was too much
};

} // namespace fluxion
