// From a published batch to the queues of those who are to hear of it: in slices of time, since
// what clients ask to be looked for may take long in large values.

#include <algorithm>
#include <utility>

#include "live/hub.h"

namespace fluxion {

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
    m_sliceEndUs = m_shared.clock.steadyUs() + m_shared.limits.sliceUs;
    m_offered = 0;
    m_judgedFor = 0;
    while (m_current.batch || takeNext()) {
        if (!dispatchSome()) {
            m_executor.post([this] { drain(); });
            break;
        }
        if (m_shared.eventBytes > m_shared.limits.maxTotalBytes) {
            flushDirty();
            makeRoom();
        }
    }
    const auto readers = m_lists.find(listName(WatchKind::Entries, nullptr, nullptr));
    if (readers != m_lists.end()) {
        for (Subscription* const sub : readers->second)
            markDirty(*sub);
    }
    flushDirty();
}

// The next batch becomes the current one. False: there is none.
bool Hub::takeNext()
{
    if (m_pending.empty()) {
        std::lock_guard lock(m_inboxMutex);
        m_pending.assign(m_inbox.begin(), m_inbox.end());
        m_inbox.clear();
        m_inboxBytes = 0;
        if (std::exchange(m_inboxLost, false) && !m_pending.empty()) {
            const uint64_t lastSeq = m_pending.back()->lastSeq;
            m_pending.clear();
            goOnFromLog(lastSeq);
        }
    }
    while (!m_pending.empty()) {
        m_current.batch = std::move(m_pending.front());
        m_pending.pop_front();
        if (m_current.batch->lastSeq > m_tailSeq) { // else of before this thread listened anew
            m_tailSeq = m_current.batch->lastSeq;
            remember(m_current.batch);
            return true;
        }
        m_current = {};
    }
    m_filterUs.clear();
    return false;
}

// What was published up to `seq` is gone: all who would have heard of it read it.
void Hub::goOnFromLog(uint64_t seq)
{
    m_recent.clear();
    m_recentBytes = 0;
    for (const auto& [id, sub] : m_subscriptions) {
        if (sub->state != State::Live)
            continue;
        fallBehind(*sub);
        markDirty(*sub);
    }
    m_seenSeq = m_tailSeq = seq;
}

// False: the time is over, and something of the batch is left.
bool Hub::dispatchSome()
{
    const std::vector<Change>& changes = m_current.batch->changes;
    std::vector<Subscription*> targets;
    for (const uint64_t id : std::exchange(m_current.targets, {})) {
        if (Subscription* const sub = find(id))
            targets.push_back(sub);
    }
    bool begun = m_current.begun;
    while (m_current.change < changes.size()) {
        const Change& change = changes[m_current.change];
        if (!std::exchange(begun, true)) {
            m_seenSeq = std::max(m_seenSeq, change.seq - 1);
            ++m_changeNumber;
            findTargets(change, targets);
        }
        for (size_t i = 0; i < targets.size(); ++i) {
            if (isOutOfTime()) {
                chargeSlice();
                for (; i < targets.size(); ++i)
                    m_current.targets.push_back(targets[i]->id);
                m_current.begun = true;
                return false;
            }
            offer(*targets[i], change);
        }
        targets.clear();
        for (const size_t text : m_textsMade)
            m_texts[text].reset();
        m_textsMade.clear();
        ++m_current.change;
        begun = false;
    }
    m_seenSeq = m_tailSeq;
    m_current = {};
    return true;
}

void Hub::findTargets(const Change& change, std::vector<Subscription*>& targets)
{
    if (change.op == ChangeOp::Dropped) {
        for (auto& [id, sub] : m_subscriptions)
            targets.push_back(sub.get());
        return;
    }
    const auto add = [&](const std::string& list) {
        if (const auto at = m_lists.find(list); at != m_lists.end())
            targets.insert(targets.end(), at->second.begin(), at->second.end());
    };
    const WatchKind kind = change.isOfKey() ? WatchKind::Keys : WatchKind::Documents;
    add(listName(kind, nullptr, nullptr));
    add(listName(kind, &change.collection, nullptr));
    add(listName(kind, &change.collection, &change.name));
}

// The clock is looked at behind every few events, or some bytes of values.
bool Hub::isOutOfTime()
{
    constexpr size_t kEnough = 32;
    if (m_shared.limits.sliceUs == 0)
        return std::exchange(m_offered, 0) != 0;
    if (m_offered < kEnough)
        return false;
    m_offered = 0;
    return m_shared.clock.steadyUs() >= m_sliceEndUs;
}

// To whom the slice ended with: of many slices each client has about its share so.
void Hub::chargeSlice()
{
    m_filterUs[m_judgedFor] += m_shared.clock.steadyUs() - m_sliceEndUs + m_shared.limits.sliceUs;
}

bool Hub::isTooDear(const Subscription& sub) const
{
    if (m_filterUs.empty() || !sub.filter->hasValueFilter())
        return false;
    const auto at = m_filterUs.find(sub.sink->client());
    return at != m_filterUs.end() && at->second > m_shared.limits.filterUs;
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

Hub::Judge* Hub::judgeOf(const std::shared_ptr<const Filter>& filter)
{
    Judge& judge = m_judges[filter->verdictKey()];
    if (judge.users++ == 0)
        judge.filter = filter;
    return &judge;
}

// Counts what it costs; see isOutOfTime().
Verdict Hub::judge(const Filter& filter, const Change& change)
{
    constexpr size_t kBytes = 1024; // of a value, about as dear as an event
    ++m_shared.verdicts;
    if (filter.hasValueFilter())
        m_offered += (change.value.size() + change.previous.size()) / kBytes;
    return filter.verdict(change);
}

void Hub::offer(Subscription& sub, const Change& change)
{
    ++m_offered;
    if (sub.state != State::Live || change.seq <= sub.position)
        return;
    Judge& its = *sub.judge;
    if (its.changeNumber != m_changeNumber) {
        if (isTooDear(sub)) {
            markDirty(sub);
            return goBack(sub);
        }
        its.changeNumber = m_changeNumber;
        its.verdict = judge(*its.filter, change);
        if (its.filter->hasValueFilter())
            m_judgedFor = sub.sink->client();
    }
    if (its.verdict == Verdict::Hidden)
        return;
    const size_t which =
        static_cast<size_t>(its.verdict) * EventFields::kChoices + sub.filter->fields.index();
    SharedEvent& text = m_texts[which];
    if (!text) {
        text = makeText(sub, change, its.verdict);
        m_textsMade.push_back(which);
    }
    markDirty(sub);
    if (hasRoom(sub, *text, 1))
        enqueue(sub, {change.seq, text});
    else
        fallBehind(sub);
}

SharedEvent Hub::makeText(const Subscription& sub, const Change& change, Verdict verdict)
{
    return std::make_shared<EventText>(eventText(change, verdict, sub.filter->fields),
                                       m_shared.eventBytes, change.index);
}

// In the part of a queue that is one of `parts`. One event fits always.
bool Hub::hasRoom(const Subscription& sub, const EventText& text, size_t parts) const
{
    const LiveLimits& limits = m_shared.limits;
    return sub.queue.empty() ||
           (sub.queue.size() < limits.maxQueueEvents / parts &&
            sub.queue.bytes() + text.text().size() <= limits.maxQueueBytes / parts);
}

} // namespace fluxion
