// How a subscription comes to the news: from a snapshot, from the log, and anew when it has fallen
// behind them.

#include <algorithm>
#include <utility>

#include "live/hub.h"

namespace fluxion {

// From here on it is fed from the log.
void Hub::readLog(Subscription& sub, LogPlace after)
{
    sub.state = State::Log;
    sub.position = after.seq;
    sub.atEnd = false;
    sub.backfill = std::make_shared<ChangeBackfill>(m_shared.source, m_shared.backfillBytes,
                                                    sub.filter, after, m_shared.limits.piece);
}

// What waits for it and what comes is in the log, and waits there.
void Hub::goBack(Subscription& sub)
{
    const LogPlace after(resumeSeq(sub), sub.queue.empty() ? 0 : sub.queue.nextIndex());
    dropQueue(sub);
    readLog(sub, after);
}

// Its client does not follow the news. To wait in the log costs nothing, so that only who takes
// nothing at all is let go for it; see flush().
void Hub::fallBehind(Subscription& sub)
{
    goBack(sub);
    sub.late = true;
    ++m_shared.fellBehind;
}

bool Hub::isOfEntries(const Subscription& sub)
{
    return sub.filter->kind == WatchKind::Entries;
}

// It has all that there is.
bool Hub::rests(const Subscription& sub) const
{
    return sub.queue.empty() && !sub.reading && !sub.isDone &&
           (sub.state == State::Live || (isOfEntries(sub) && sub.position >= m_tailSeq));
}

// The queue is empty, and more is to come from the backfill, or from there no more.
void Hub::advance(Subscription& sub)
{
    if (rests(sub))
        return endTurn(sub); // drain() comes back to it
    if (sub.reading || !sub.sink->takesEvents() || !takeTurn(sub) || !hasMemory(*sub.backfill))
        return; // tick() comes back to it
    if (sub.isDone)
        return finish(sub);
    if (!sub.atEnd || isOfEntries(sub))
        return readMore(sub);
    if (sub.state == State::Snapshot)
        return endSnapshot(sub);
    if (join(sub))
        return;
    sub.atEnd = false;
    giveWay(sub);
    if (sub.hasTurn)
        readMore(sub);
}

// A client's subscriptions do not all catch up at once: each takes memory, and its share of the
// reader's time is the client's.
bool Hub::takeTurn(Subscription& sub)
{
    if (sub.hasTurn)
        return true;
    Turns& turns = m_turns[sub.sink->client()];
    const bool isNext = turns.waiting.empty() || turns.waiting.front() == sub.id;
    if (turns.taken >= m_shared.limits.maxCatchUps || !isNext) {
        if (std::find(turns.waiting.begin(), turns.waiting.end(), sub.id) == turns.waiting.end())
            turns.waiting.push_back(sub.id);
        return false;
    }
    if (!turns.waiting.empty())
        turns.waiting.pop_front();
    ++turns.taken;
    sub.hasTurn = true;
    sub.sentUs = m_shared.clock.steadyUs();
    callNext(turns);
    return true;
}

// A turn later: whoever ends one may be in the midst of something.
void Hub::callNext(const Turns& turns)
{
    if (turns.waiting.empty() || turns.taken >= m_shared.limits.maxCatchUps)
        return;
    markDirty(*find(turns.waiting.front()));
    m_executor.post([this] { flushDirty(); });
}

// Or its wait for one.
void Hub::endTurn(Subscription& sub)
{
    const auto at = m_turns.find(sub.sink->client());
    if (at == m_turns.end())
        return;
    Turns& turns = at->second;
    if (std::exchange(sub.hasTurn, false))
        --turns.taken;
    std::erase(turns.waiting, sub.id);
    if (turns.taken + turns.waiting.size() == 0)
        m_turns.erase(at);
    else
        callNext(turns);
}

// Between two pieces of the log: it goes on from there when its turn comes again. Near the end it
// is to try to join, first.
void Hub::giveWay(Subscription& sub)
{
    const auto at = m_turns.find(sub.sink->client());
    const bool nearEnd = sub.atEnd && !isOfEntries(sub);
    if (sub.state != State::Log || nearEnd || sub.isDone || at->second.waiting.empty())
        return;
    sub.backfill->rest();
    endTurn(sub);
    at->second.waiting.push_back(sub.id);
}

// To read more; if need be after it has given back what it can.
bool Hub::hasMemory(Backfill& backfill)
{
    const auto isOver = [&] { return m_shared.backfillBytes > m_shared.limits.maxTotalBytes; };
    if (isOver())
        backfill.rest();
    return !isOver();
}

void Hub::endSnapshot(Subscription& sub)
{
    EventFrame mark;
    mark.seq = sub.position;
    mark.snapshot = true;
    sub.sentUs = m_shared.clock.steadyUs();
    sub.sink->send(sub.id, mark);
    readLog(sub, sub.position);
    sub.atEnd = true; // perhaps there is nothing to read
    advance(sub);
}

// All was sent that it asked for: a word that this is so.
void Hub::finish(Subscription& sub)
{
    EventFrame mark;
    mark.seq = sub.position;
    mark.snapshot = sub.state == State::Snapshot;
    mark.last = true;
    EventSink* const sink = sub.sink;
    const uint64_t id = sub.id;
    remove(id);
    sink->send(id, mark);
}

// From here on the news, if none is missing in between, and they are neither so many that they
// would fill the queue, nor take long to be looked at: it goes on with the log, at its own pace.
bool Hub::join(Subscription& sub)
{
    m_sliceEndUs = m_shared.clock.steadyUs() + m_shared.limits.sliceUs;
    m_offered = 0;
    if (sub.position < m_tailSeq &&
        (m_recent.empty() || m_recent.front()->firstSeq > sub.position + 1))
        return false;
    for (const SharedBatch& batch : m_recent) {
        if (!takeBatch(sub, *batch)) {
            dropQueue(sub);
            return false;
        }
    }
    sub.state = State::Live;
    sub.late = false;
    sub.backfill.reset();
    endTurn(sub);
    sub.position = std::max(sub.position, m_tailSeq);
    if (!sub.queue.empty())
        flush(sub);
    return true;
}

// False: it is too much.
bool Hub::takeBatch(Subscription& sub, const EventBatch& batch)
{
    if (batch.lastSeq <= sub.position)
        return true;
    for (const Change& change : batch.changes) {
        if (change.seq <= sub.position)
            continue;
        if (isOutOfTime())
            return false;
        ++m_offered;
        const Verdict verdict = judge(*sub.filter, change);
        if (verdict == Verdict::Hidden)
            continue;
        SharedEvent text = makeText(sub, change, verdict);
        if (!hasRoom(sub, *text, 2))
            return false;
        enqueue(sub, {change.seq, std::move(text)});
    }
    return true;
}

// Reads on the reader's thread, which uses nothing of the hub but what all share.
void Hub::readMore(Subscription& sub)
{
    sub.reading = true;
    m_shared.reader.postFor(sub.sink->client(), [this, id = sub.id, backfill = sub.backfill] {
        auto piece = std::make_shared<BackfillPiece>();
        piece->later = !hasMemory(*backfill);
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
    sub->isDone = piece.last;
    giveWay(*sub);
    flush(*sub);
}

} // namespace fluxion
