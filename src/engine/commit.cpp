// The commit thread's work: decide what waits, write it as one batch, apply it, answer.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include "engine/engine.h"
#include "engine/replay.h"

namespace fluxion {

namespace {

// A batch that holds this much waits for no more: answers come sooner.
constexpr uint64_t kBatchAimBytes = 4 * 1024 * 1024;

constexpr int kCommitIdleMs = 1000;
constexpr size_t kMaxExpiriesPerBatch = 1024;
constexpr int64_t kRetryExpiryUs = 1000000; // after a log that took no write

Decision stopped()
{
    return Decision::refuse(Code::ReadOnly,
                            "a write to the log failed; writes stop until a restart");
}

} // namespace

struct Engine::Undecided {
    Proposal* proposal = nullptr; // one of those that commitInBatches() was given
    Outcome outcome;
    bool inBatch = false; // its outcome is the batch's
};

void Engine::commit(std::vector<Proposal> proposals)
{
    if (!proposals.empty() || expiryIsDue()) {
        m_lanes.beginTurn();
        commitInBatches(proposals, Turn::OfAll);
        m_queue.setHeld(m_lanes.bytes());
    }
    if (m_lanes.empty())
        return;
    proposals = m_lanes.nextTurn();
    commitInBatches(proposals, Turn::OfLanes);
    m_queue.setHeld(m_lanes.bytes());
}

void Engine::commitInBatches(std::vector<Proposal>& proposals, Turn turn)
{
    std::vector<Undecided> group;
    group.reserve(proposals.size());
    size_t next = 0;
    // One batch at least, for what has expired; of that the rest must not keep proposals waiting
    // that come meanwhile.
    do {
        decideAll(group, proposals, next, turn);
        commitGroup(group);
        group.clear();
    } while (next < proposals.size());
}

bool Engine::expiryIsDue() const
{
    const Expiries& expiries = m_store->expiries();
    return !expiries.empty() && expiries.begin()->expiryUs <= nowUs() && !m_readOnly &&
           m_clock.steadyUs() >= m_expireFromUs;
}

// How long the commit thread may sleep, at most `kCommitIdleMs`.
int Engine::untilExpiryMs() const
{
    const Expiries& expiries = m_store->expiries();
    if (expiries.empty() || m_readOnly)
        return kCommitIdleMs;
    const int64_t us =
        std::max(expiries.begin()->expiryUs - nowUs(), m_expireFromUs - m_clock.steadyUs());
    return static_cast<int>(std::clamp<int64_t>((us + 999) / 1000, 0, kCommitIdleMs));
}

// The keys whose time is over, as the batch's first entries.
void Engine::expireKeys()
{
    if (!expiryIsDue())
        return;
    size_t count = 0;
    for (const Expiries::Key& key : m_store->expiries()) {
        if (key.expiryUs > m_batchTimeUs || count++ == kMaxExpiriesPerBatch)
            return;
        const Decision decision = m_decider->expire(key, appliedSeq() + 1 + m_batch.count());
        if (decision.verdict == Decision::Verdict::Split || !fits(decision))
            return;
        if (decision.verdict == Decision::Verdict::Entry)
            addEntry(decision, {key.tenant, 0, Scope::Master});
    }
}

bool Engine::fits(const Decision& decision) const
{
    return m_batch.empty() || m_batch.bytesWith(decision.payload.size()) <=
                                  std::min(kBatchAimBytes, m_log->maxBatchBytes());
}

void Engine::addEntry(const Decision& decision, const Principal& principal)
{
    m_batch.add({static_cast<uint16_t>(decision.type), 0, principal.tenant, principal.keyId,
                 m_batchTimeUs, decision.payload});
}

// Of some proposals from `first` on, those of keys in the first one's collection. Behind the last.
size_t Engine::prefetchKeys(const std::vector<Proposal>& proposals, size_t first) const
{
    constexpr size_t kAhead = 64;
    const size_t end = std::min(proposals.size(), first + kAhead);
    std::array<std::string_view, kAhead> keys;
    size_t count = 0;
    const std::string* collection = nullptr;
    const uint32_t tenant = proposals[first].principal.tenant;
    const auto add = [&](const auto* wish) {
        if (!wish)
            return;
        collection = collection ? collection : &wish->collection;
        if (wish->collection == *collection)
            keys[count++] = wish->key;
    };
    for (size_t i = first; i < end && proposals[i].principal.tenant == tenant; ++i) {
        add(std::get_if<SetKeyProposal>(&proposals[i].wish));
        add(std::get_if<PatchKeyProposal>(&proposals[i].wish));
        add(std::get_if<RemoveKeyProposal>(&proposals[i].wish));
    }
    const auto there = count > 1 ? m_store->find(tenant, *collection) : nullptr;
    if (there)
        there->prefetch(std::span(keys).first(count));
    return end;
}

// Decides from proposals[next] on, until the batch is full or one needs it committed first.
void Engine::decideAll(std::vector<Undecided>& group, std::vector<Proposal>& proposals,
                       size_t& next, Turn turn)
{
    m_batch.clear();
    m_batchTimeUs = nowUs();
    m_decider->beginBatch(m_batchTimeUs);
    expireKeys();
    const uint64_t firstSeq = appliedSeq() + 1;
    size_t prefetched = next;
    while (next < proposals.size()) {
        if (next == prefetched)
            prefetched = prefetchKeys(proposals, next);
        Proposal& proposal = proposals[next];
        if (turn == Turn::OfAll && m_lanes.take(proposal, m_decider->mergeBytes(proposal))) {
            ++next;
            continue;
        }
        Decision decision =
            m_readOnly ? stopped() : m_decider->decide(proposal, firstSeq + m_batch.count());
        if (decision.verdict == Decision::Verdict::Split || !fits(decision))
            return;
        if (decision.verdict == Decision::Verdict::First) {
            addEntry(decision, {proposal.principal.tenant, 0, Scope::Master});
            continue;
        }
        Undecided item;
        if (decision.verdict == Decision::Verdict::Entry) {
            addEntry(decision, proposal.principal);
            item.inBatch = true;
        }
        item.outcome.version = decision.version;
        item.outcome.conflict = std::move(decision.conflict);
        item.outcome.versions = std::move(decision.versions);
        item.outcome.status = std::move(decision.status);
        item.outcome.seq = appliedSeq() + m_batch.count();
        // Other refusals need nothing of the batch; a delete of nothing holds once the batch does,
        // and a conflict may tell of what the batch does.
        if (decision.verdict == Decision::Verdict::Nothing || item.outcome.conflict)
            item.inBatch = !m_batch.empty();
        item.proposal = &proposal;
        group.push_back(std::move(item));
        ++next;
    }
}

void Engine::commitGroup(std::vector<Undecided>& group)
{
    if (m_batch.empty()) {
        answer(group, Status());
        return;
    }
    Status status = m_log->append(m_batch, appliedSeq(), ++m_proposalNumber);
    if (!status && status.error().code == Code::Conflict) {
        // Others came first (a replicated log): what was decided may no longer hold.
        applyCommitted();
        std::vector<Proposal> again;
        for (Undecided& item : group)
            again.push_back(std::move(*item.proposal));
        group.clear();
        commitInBatches(again, Turn::OfLanes); // what came behind them may be in a lane
        return;
    }
    if (status)
        applyCommitted();
    else if (status.error().code == Code::ReadOnly)
        m_readOnly = true;
    else
        m_expireFromUs = m_clock.steadyUs() + kRetryExpiryUs;
    answer(group, status);
}

void Engine::applyCommitted()
{
    while (const auto batch = m_log->nextCommitted()) {
        std::shared_ptr<EventBatch> events;
        if (m_broadcast.begin(batch->lastSeq()))
            events = std::make_shared<EventBatch>(*batch);
        const int64_t from = m_clock.steadyUs();
        if (Status status = applyAndTell(*batch, events.get()); !status) {
            // The views would no longer be what the log says; only a restart can tell.
            m_sink(LogLevel::Error, "a committed batch cannot be applied: " + status.error().text);
            std::abort();
        }
        notePause(from);
        if (events)
            m_broadcast.publish(std::move(events));
    }
    wakeAwaiting();
}

// With `events`, also what the batch changes, for subscribers: those point into its own copy.
Status Engine::applyAndTell(const BatchView& batch, EventBatch* events)
{
    return applyBatch(*m_store, events ? events->view(batch) : batch,
                      [&](uint64_t seq, const Entry& entry, const Fact& fact) {
                          if (events)
                              tellEntry(seq, entry, fact, *events);
                          m_keysChanged |= viewsOf(typeOf(fact)).has(View::ApiKeys);
                      });
}

// Before the entry is applied: what it will change, and what was there.
void Engine::tellEntry(uint64_t seq, const Entry& entry, const Fact& fact, EventBatch& events) const
{
    const size_t first = events.changes.size();
    appendChanges(seq, entry, fact, events.changes);
    events.bytes += entry.payload.size();
    for (size_t i = first; i < events.changes.size(); ++i) {
        Change& change = events.changes[i];
        events.bytes += sizeof change;
        if (!change.isOfKey())
            continue;
        const auto collection = m_store->find(change.tenant, change.collection);
        bool found = false;
        SharedValue before = collection ? collection->share(change.name, found) : SharedValue();
        change.before = found ? Before::Present : Before::Absent;
        if (!found)
            continue;
        change.previous = events.previous.emplace_back(std::move(before)).view();
        events.bytes += change.previous.size();
    }
}

// One message per mailbox, in the order of the proposals.
void Engine::answer(std::vector<Undecided>& group, const Status& status)
{
    if (std::exchange(m_keysChanged, false)) {
        for (Mailbox* mailbox : m_mailboxes)
            mailbox->keysChanged();
    }
    std::vector<std::pair<Mailbox*, std::vector<Mailbox::Done>>> letters;
    for (Undecided& item : group) {
        Mailbox* const mailbox = item.proposal->mailbox;
        if (!mailbox)
            continue;
        if (item.inBatch && !status) {
            item.outcome.status = status;
            item.outcome.conflict.reset();
        }
        auto it = std::find_if(letters.begin(), letters.end(),
                               [&](const auto& letter) { return letter.first == mailbox; });
        if (it == letters.end()) {
            it = letters.insert(letters.end(), {mailbox, {}});
            it->second.reserve(group.size());
        }
        it->second.push_back({item.proposal->ticket, std::move(item.outcome)});
    }
    for (auto& [mailbox, done] : letters)
        mailbox->deliver(std::move(done));
}

} // namespace fluxion
