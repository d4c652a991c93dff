#include "live/hub.h"

#include <algorithm>
#include <utility>

namespace fluxion {

std::string Hub::listName(WatchKind kind, const std::string_view* collection,
                          const std::string_view* name)
{
    std::string key(1, letterOf(kind));
    if (collection) {
        key += '\0'; // in no name
        key += *collection;
    }
    if (name) {
        key += '\0';
        key += *name;
    }
    return key;
}

std::string Hub::listName(const Filter& filter)
{
    if (!filter.collection)
        return listName(filter.kind, nullptr, nullptr);
    const std::string_view collection = *filter.collection;
    if (!filter.match || filter.match->isRegex())
        return listName(filter.kind, &collection, nullptr);
    const std::string_view name = filter.match->literal();
    return listName(filter.kind, &collection, &name);
}

Hub::~Hub()
{
    if (m_attached)
        m_shared.source.broadcast().detach(*this);
    m_shared.subscriptions -= m_subscriptions.size();
    for (const auto& [id, sub] : m_subscriptions)
        dropQueue(*sub);
}

Result<Hub::Subscribed> Hub::subscribe(Filter filter, SubscribeFrom from, EventSink& sink)
{
    if (!m_attached) {
        m_seenSeq = m_tailSeq = m_shared.source.broadcast().attach(*this);
        m_attached = true;
    }
    // What this thread has yet to see may be applied already.
    const uint64_t newest = std::max(m_tailSeq, m_shared.source.appliedSeq());
    if (from.seq && (*from.seq > newest || *from.seq + 1 < m_shared.source.oldestSeq())) {
        const bool beyond = *from.seq > newest;
        if (m_subscriptions.empty())
            stopListening();
        return {Code::Compacted, "the log " +
                                     std::string(beyond ? "ends with seq " : "begins with seq ") +
                                     std::to_string(beyond ? newest : oldestResumeSeq() + 1)};
    }
    auto sub = std::make_unique<Subscription>();
    sub->id = m_nextId++;
    sub->filter = std::make_shared<const Filter>(std::move(filter));
    sub->judge = judgeOf(sub->filter);
    sub->sink = &sink;
    sub->sentUs = m_shared.clock.steadyUs();
    sub->position = from.seq.value_or(m_tailSeq);
    if (from.snapshot) {
        sub->state = State::Snapshot;
        sub->position = 0;
        sub->backfill = std::make_shared<SnapshotBackfill>(
            m_shared.source, m_shared.cuts, m_shared.backfillBytes, sub->filter,
            m_shared.source.appliedSeq(), m_shared.limits.piece, std::move(from.wish));
    } else if (isOfEntries(*sub)) {
        sub->state = State::Log;
        sub->backfill =
            std::make_shared<EntryBackfill>(m_shared.source, m_shared.backfillBytes, from.entries,
                                            sub->position, m_shared.limits.piece);
    } else if (from.seq && *from.seq < m_tailSeq) {
        readLog(*sub, *from.seq);
    }
    const Subscribed subscribed{sub->id, sub->position};
    m_lists[listName(*sub->filter)].push_back(sub.get());
    if (sub->backfill && takeTurn(*sub))
        readMore(*sub);
    m_subscriptions.emplace(subscribed.id, std::move(sub));
    ++m_shared.subscriptions;
    return subscribed;
}

uint64_t Hub::unsubscribe(uint64_t id)
{
    Subscription* const sub = find(id);
    if (!sub)
        return 0;
    const uint64_t seq = resumeSeq(*sub);
    remove(id);
    return seq;
}

void Hub::remove(uint64_t id)
{
    const auto at = m_subscriptions.find(id);
    Subscription& sub = *at->second;
    const auto list = m_lists.find(listName(*sub.filter));
    std::erase(list->second, &sub);
    if (list->second.empty())
        m_lists.erase(list);
    if (--sub.judge->users == 0)
        m_judges.erase(sub.filter->verdictKey());
    dropQueue(sub);
    endTurn(sub);
    if (sub.state == State::Snapshot) // to let go of a cut takes time
        m_shared.reader.postFor(sub.sink->client(), [backfill = std::move(sub.backfill)] {});
    m_subscriptions.erase(at);
    --m_shared.subscriptions;
    if (m_subscriptions.empty())
        stopListening();
}

// There is nobody to hear of it: nothing has to be prepared any more.
void Hub::stopListening()
{
    m_shared.source.broadcast().detach(*this);
    m_attached = false;
    m_current = {};
    m_pending.clear();
    m_recent.clear();
    m_recentBytes = 0;
    m_filterUs.clear();
    std::lock_guard lock(m_inboxMutex);
    m_inbox.clear();
    m_inboxBytes = 0;
    m_inboxLost = false;
}

Hub::Subscription* Hub::find(uint64_t id)
{
    const auto at = m_subscriptions.find(id);
    return at == m_subscriptions.end() ? nullptr : at->second.get();
}

void Hub::markDirty(Subscription& sub)
{
    if (!std::exchange(sub.dirty, true))
        m_dirty.push_back(sub.id);
}

void Hub::enqueue(Subscription& sub, QueuedEvent event)
{
    sub.queue.push(std::move(event));
    ++m_shared.queuedEvents;
}

void Hub::dropQueue(Subscription& sub)
{
    m_shared.queuedEvents -= sub.queue.size();
    sub.queue.clear();
}

void Hub::flushDirty()
{
    for (const uint64_t id : std::exchange(m_dirty, {})) {
        if (Subscription* const sub = find(id)) {
            sub->dirty = false;
            if (isWithinSeq(*sub))
                markDirty(*sub); // what is kept back
            flush(*sub);
        }
    }
}

// Its client has had time to take something, and has not.
bool Hub::isSlow(const Subscription& sub) const
{
    return sub.sink->stalledUs() > m_shared.limits.slowUs;
}

// It keeps a cut, or a share of the memory, for a client that does not take what it asked for.
bool Hub::isStuck(const Subscription& sub, int64_t nowUs) const
{
    return sub.hasTurn && nowUs - sub.sentUs > m_shared.limits.catchUpStallUs &&
           !sub.sink->takesEvents();
}

// When all that waits is too much: those who hold most of it go on from the log, or are let go, and
// not whoever comes by.
void Hub::makeRoom()
{
    while (m_shared.eventBytes > m_shared.limits.maxTotalBytes) {
        Subscription* most = nullptr;
        for (const auto& [id, sub] : m_subscriptions) {
            if (sub->state == State::Live && !sub->queue.empty() &&
                (!most || sub->queue.bytes() > most->queue.bytes()))
                most = sub.get();
        }
        if (!most)
            return; // other threads', or read from the log, where it waits for its client
        fallBehind(*most);
        flush(*most);
    }
}

// May end subscriptions, also this one.
void Hub::flush(Subscription& sub)
{
    if (sub.late && isSlow(sub))
        return evict(sub);
    while (sub.queue.size() > (isWithinSeq(sub) ? 1 : 0) && sub.sink->takesEvents())
        sendSome(sub);
    if (sub.queue.empty() && sub.state != State::Live)
        advance(sub);
}

// Of the seq that is being offered more may come: its last event is kept back, until it is known
// whether another one follows.
bool Hub::isWithinSeq(const Subscription& sub) const
{
    return sub.state == State::Live && !sub.queue.empty() &&
           sub.queue.lastSeq() > std::max(sub.position, m_seenSeq);
}

// One frame of what waits.
void Hub::sendSome(Subscription& sub)
{
    EventFrame frame;
    frame.snapshot = sub.state == State::Snapshot;
    size_t bytes = 0;
    uint64_t last = 0;
    const size_t kept = isWithinSeq(sub) ? 1 : 0;
    while (sub.queue.size() > kept && bytes < m_shared.limits.frameBytes) {
        QueuedEvent event = sub.queue.pop();
        bytes += event.text->text().size();
        last = event.seq;
        frame.events.push_back(std::move(event.text));
    }
    m_shared.queuedEvents -= frame.events.size();
    if (frame.snapshot) {
        frame.more = true;
    } else {
        frame.seq = resumeSeq(sub);
        frame.more = last > frame.seq;
    }
    sub.sentUs = m_shared.clock.steadyUs();
    sub.sink->send(sub.id, frame);
}

// Everything up to it was sent.
uint64_t Hub::resumeSeq(const Subscription& sub) const
{
    if (sub.state == State::Snapshot)
        return 0;
    if (!sub.queue.empty())
        return sub.queue.nextSeq() - 1;
    return sub.state == State::Live ? std::max(sub.position, m_seenSeq) : sub.position;
}

void Hub::resume(uint64_t id)
{
    if (Subscription* const sub = find(id))
        flush(*sub);
}

void Hub::evict(Subscription& sub)
{
    ++m_shared.evictions;
    end(sub, {Code::Evicted, "the subscriber fell too far behind"});
}

void Hub::end(Subscription& sub, Error error)
{
    EventEnd last;
    last.seq = resumeSeq(sub);
    last.error = std::move(error);
    last.oldestSeq = last.error.code == Code::Compacted ? oldestResumeSeq() : 0;
    EventSink* const sink = sub.sink;
    const uint64_t id = sub.id;
    remove(id);
    sink->end(id, last);
}

void Hub::tick()
{
    const int64_t now = m_shared.clock.steadyUs();
    std::vector<uint64_t> waiting;
    std::vector<uint64_t> stuck;
    for (auto& [id, sub] : m_subscriptions) {
        if (isStuck(*sub, now))
            stuck.push_back(id);
        else if (sub->backfill && !sub->reading)
            hasMemory(*sub->backfill);
        if (sub->late || (sub->state != State::Live && !sub->reading))
            waiting.push_back(id);
        if (!rests(*sub) || now - sub->sentUs < m_shared.limits.bookmarkIntervalUs ||
            !sub->sink->takesEvents())
            continue;
        EventFrame bookmark;
        bookmark.seq = resumeSeq(*sub);
        sub->sentUs = now;
        sub->sink->send(id, bookmark);
    }
    makeRoom();
    for (const uint64_t id : stuck) {
        if (Subscription* const sub = find(id))
            evict(*sub);
    }
    for (const uint64_t id : waiting)
        resume(id);
    dropExpiredCuts(now);
}

// What a cut alone still holds may be much to free.
void Hub::dropExpiredCuts(int64_t nowUs)
{
    auto expired = m_shared.held.takeExpired(nowUs);
    if (!expired.empty())
        m_shared.reader.post([cuts = std::move(expired)] {});
}

} // namespace fluxion
