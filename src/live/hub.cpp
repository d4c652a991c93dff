#include "live/hub.h"

#include <algorithm>
#include <utility>

namespace fluxion {

namespace {

// What a subscription is found by: see Hub::m_lists.
std::string listName(WatchKind kind, const std::string_view* collection,
                     const std::string_view* name)
{
    std::string key(1, kind == WatchKind::Keys ? 'k' : 'd');
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

std::string listName(const Filter& filter)
{
    if (!filter.collection)
        return listName(filter.kind, nullptr, nullptr);
    const std::string_view collection = *filter.collection;
    if (!filter.match || filter.match->isRegex())
        return listName(filter.kind, &collection, nullptr);
    const std::string_view name = filter.match->literal();
    return listName(filter.kind, &collection, &name);
}

} // namespace

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
        m_seenSeq = m_shared.source.broadcast().attach(*this);
        m_attached = true;
    }
    // What this thread has yet to see may be applied already.
    const uint64_t newest = std::max(m_seenSeq, m_shared.source.appliedSeq());
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
    sub->sink = &sink;
    sub->sentUs = m_shared.clock.steadyUs();
    sub->position = from.seq.value_or(m_seenSeq);
    if (from.snapshot) {
        sub->state = State::Snapshot;
        sub->position = 0;
        sub->ofCut = from.wish.cut != nullptr;
        sub->backfill =
            std::make_shared<SnapshotBackfill>(m_shared.source, m_shared.backfillBytes, sub->filter,
                                               m_shared.limits.piece, std::move(from.wish));
    } else if (from.seq && *from.seq < m_seenSeq) {
        sub->state = State::Log;
        sub->backfill = std::make_shared<LogBackfill>(
            m_shared.source, m_shared.backfillBytes, sub->filter, *from.seq, m_shared.limits.piece);
    }
    const Subscribed subscribed{sub->id, sub->position};
    m_lists[listName(*sub->filter)].push_back(sub.get());
    if (sub->backfill)
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
    dropQueue(sub);
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
    m_recent.clear();
    m_recentBytes = 0;
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

// Commit thread.
void Hub::publish(const SharedBatch& batch)
{
    bool wake = false;
    {
        std::lock_guard lock(m_inboxMutex);
        wake = m_inbox.empty();
        m_inboxBytes += batch->bytes;
        // A thread that falls so far behind loses its place; only the last is kept, for its seq.
        if (m_inboxBytes > m_shared.limits.maxTotalBytes) {
            m_inbox.clear();
            m_inboxBytes = batch->bytes;
            m_inboxLost = true;
        }
        m_inbox.push_back(batch);
    }
    if (wake)
        m_executor.post([this] { drain(); });
}

void Hub::drain()
{
    std::vector<SharedBatch> batches;
    bool lost = false;
    {
        std::lock_guard lock(m_inboxMutex);
        batches.swap(m_inbox);
        m_inboxBytes = 0;
        lost = std::exchange(m_inboxLost, false);
    }
    if (!m_attached)
        return; // what is left of the time before
    if (lost) {
        m_recent.clear();
        m_recentBytes = 0;
        std::vector<uint64_t> behind;
        for (const auto& [id, sub] : m_subscriptions) {
            if (sub->state == State::Live)
                behind.push_back(id);
        }
        for (const uint64_t id : behind)
            evict(*m_subscriptions.at(id));
        if (!m_attached)
            return;
        m_seenSeq = batches.back()->lastSeq;
        return;
    }
    for (const SharedBatch& batch : batches)
        dispatch(batch);
    flushDirty();
}

void Hub::dispatch(const SharedBatch& batch)
{
    if (batch->lastSeq <= m_seenSeq)
        return; // of a time before this thread listened anew
    Texts texts;
    uint64_t number = 0;
    const auto offerTo = [&](const std::string& list, const Change& change) {
        const auto at = m_lists.find(list);
        if (at == m_lists.end())
            return;
        for (Subscription* sub : at->second)
            offer(*sub, change, number, texts);
    };
    for (const Change& change : batch->changes) {
        ++number;
        if (change.op == ChangeOp::Dropped) {
            for (auto& [id, sub] : m_subscriptions)
                offer(*sub, change, number, texts);
            continue;
        }
        const WatchKind kind = change.isOfKey() ? WatchKind::Keys : WatchKind::Documents;
        offerTo(listName(kind, nullptr, nullptr), change);
        offerTo(listName(kind, &change.collection, nullptr), change);
        offerTo(listName(kind, &change.collection, &change.name), change);
    }
    m_seenSeq = batch->lastSeq;
    remember(batch);
}

// Those who come from the log have read up to some seq near the end: what came since is here.
void Hub::remember(const SharedBatch& batch)
{
    m_recent.push_back(batch);
    m_recentBytes += batch->bytes;
    const LiveLimits& limits = m_shared.limits;
    while (m_recent.size() > limits.maxRecentBatches || m_recentBytes > limits.maxRecentBytes) {
        m_recentBytes -= m_recent.front()->bytes;
        m_recent.pop_front();
    }
}

void Hub::offer(Subscription& sub, const Change& change, uint64_t number, Texts& texts)
{
    if (sub.state != State::Live || change.seq <= sub.position)
        return;
    const Verdict verdict = sub.filter->verdict(change);
    if (verdict == Verdict::Hidden)
        return;
    constexpr uint64_t kVerdicts = 4;
    const size_t fields = sub.filter->fields.index();
    SharedEvent& text =
        texts[(number * kVerdicts + static_cast<uint64_t>(verdict)) * EventFields::kChoices +
              fields];
    if (!text)
        text = std::make_shared<EventText>(eventText(change, verdict, sub.filter->fields),
                                           m_shared.eventBytes);
    enqueue(sub, {change.seq, text});
    markDirty(sub);
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
            flush(*sub);
        }
    }
}

bool Hub::isOverfull(const Subscription& sub) const
{
    const LiveLimits& limits = m_shared.limits;
    return sub.queue.size() > limits.maxQueueEvents || sub.queue.bytes() > limits.maxQueueBytes;
}

// When all that waits is too much: lets go those who hold most of it, and not whoever comes by.
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
        evict(*most);
    }
}

// May end subscriptions, also this one.
void Hub::flush(Subscription& sub)
{
    while (!sub.queue.empty() && sub.sink->takesEvents())
        sendSome(sub);
    if (sub.queue.empty()) {
        if (sub.state != State::Live)
            advance(sub);
    } else if (sub.state == State::Live) {
        if (isOverfull(sub))
            evict(sub);
        makeRoom();
    }
}

// One frame of what waits.
void Hub::sendSome(Subscription& sub)
{
    EventFrame frame;
    frame.snapshot = sub.state == State::Snapshot;
    size_t bytes = 0;
    uint64_t last = 0;
    while (!sub.queue.empty() && bytes < m_shared.limits.frameBytes) {
        QueuedEvent event = sub.queue.pop();
        bytes += event.text->text().size();
        last = event.seq;
        frame.events.push_back(std::move(event.text));
    }
    m_shared.queuedEvents -= frame.events.size();
    if (frame.snapshot) {
        frame.more = true;
    } else if (sub.queue.empty()) {
        frame.seq = resumeSeq(sub);
    } else {
        frame.more = sub.queue.nextSeq() == last;
        frame.seq = sub.queue.nextSeq() - 1;
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

// The queue is empty, and more is to come from the backfill, or from there no more.
void Hub::advance(Subscription& sub)
{
    if (sub.reading || !sub.sink->takesEvents() ||
        m_shared.backfillBytes > m_shared.limits.maxTotalBytes)
        return; // tick() comes back to it
    if (!sub.atEnd)
        return readMore(sub);
    if (sub.state == State::Snapshot)
        return endSnapshot(sub);
    if (!join(sub))
        readMore(sub);
}

void Hub::endSnapshot(Subscription& sub)
{
    EventFrame mark;
    mark.seq = sub.position;
    mark.snapshot = true;
    sub.sentUs = m_shared.clock.steadyUs();
    sub.sink->send(sub.id, mark);
    if (sub.ofCut) {
        EventSink* const sink = sub.sink;
        const uint64_t id = sub.id;
        remove(id);
        return sink->finish(id);
    }
    sub.state = State::Log;
    sub.atEnd = true; // perhaps there is nothing to read
    sub.backfill = std::make_shared<LogBackfill>(m_shared.source, m_shared.backfillBytes,
                                                 sub.filter, sub.position, m_shared.limits.piece);
    advance(sub);
}

// From here on the news, if none is missing in between, and not so many came that a slow client
// would be let go for them: it goes on with the log, at its own pace.
bool Hub::join(Subscription& sub)
{
    if (sub.position < m_seenSeq &&
        (m_recent.empty() || m_recent.front()->firstSeq > sub.position + 1))
        return false;
    sub.state = State::Live;
    for (const SharedBatch& batch : m_recent) {
        if (batch->lastSeq <= sub.position)
            continue;
        Texts texts;
        uint64_t number = 0;
        for (const Change& change : batch->changes)
            offer(sub, change, ++number, texts);
        if (sub.queue.size() > m_shared.limits.maxQueueEvents / 2 ||
            sub.queue.bytes() > m_shared.limits.maxQueueBytes / 2) {
            dropQueue(sub);
            sub.state = State::Log;
            return false;
        }
    }
    sub.backfill.reset();
    sub.position = std::max(sub.position, m_seenSeq);
    if (!sub.queue.empty())
        flush(sub);
    return true;
}

void Hub::readMore(Subscription& sub)
{
    sub.reading = true;
    m_shared.reader.post([this, id = sub.id, backfill = sub.backfill] {
        auto piece = std::make_shared<BackfillPiece>();
        piece->later = m_shared.backfillBytes > m_shared.limits.maxTotalBytes;
        if (!piece->later)
            *piece = backfill->next();
        m_executor.post([this, id, piece] { take(id, std::move(*piece)); });
    });
}

void Hub::take(uint64_t id, BackfillPiece piece)
{
    Subscription* const sub = find(id);
    if (!sub)
        return;
    sub->reading = false;
    if (piece.later)
        return;
    for (QueuedEvent& event : piece.events)
        enqueue(*sub, std::move(event));
    if (!piece.status)
        return end(*sub, piece.status.error());
    sub->position = piece.through;
    sub->atEnd = piece.atEnd;
    flush(*sub);
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
    for (auto& [id, sub] : m_subscriptions) {
        if (sub->state != State::Live && !sub->reading)
            waiting.push_back(id);
        if (sub->state != State::Live || !sub->queue.empty() ||
            now - sub->sentUs < m_shared.limits.bookmarkIntervalUs || !sub->sink->takesEvents())
            continue;
        EventFrame bookmark;
        bookmark.seq = resumeSeq(*sub);
        sub->sentUs = now;
        sub->sink->send(id, bookmark);
    }
    makeRoom();
    for (const uint64_t id : waiting)
        resume(id);
    dropExpiredCuts(now);
}

// What a cut alone still holds may be much to free.
void Hub::dropExpiredCuts(int64_t nowUs)
{
    auto expired = m_shared.cuts.takeExpired(nowUs);
    if (!expired.empty())
        m_shared.reader.post([cuts = std::move(expired)] {});
}

} // namespace fluxion
