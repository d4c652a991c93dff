#include <algorithm>
#include <utility>

#include "base/release.h"
#include "live/backfill.h"
#include "live/key_history.h"

namespace fluxion {

namespace {

constexpr size_t kNodeBytes = 64; // of the table, for each key

std::string nameOf(const Change& change)
{
    std::string name(change.collection);
    name += '\0'; // in no name
    name += change.name;
    return name;
}

} // namespace

ChangeBackfill::ChangeBackfill(LiveSource& source, EventBytes& bytes,
                               std::shared_ptr<const Filter> filter, LogPlace after,
                               PieceLimits limits)
    : LogBackfill(source, bytes, after, limits), m_filter(std::move(filter))
{
}

void ChangeBackfill::rest()
{
    forgetSeen();
    LogBackfill::rest();
}

// Ends early only before an event that is to be told, so that what the piece holds of the seq is
// known not to be all.
Status ChangeBackfill::takeEntry(uint64_t seq, const Entry& entry, BackfillPiece& piece)
{
    constexpr size_t kFew = 64;
    if (m_changes.capacity() > kFew)
        release(m_changes); // of a large entry more than all of its events
    m_changes.clear();
    if (Status status = appendChanges(seq, entry, m_changes); !status)
        return status;
    for (Change& change : m_changes) {
        if (change.index < m_after.index || !m_filter->concerns(change))
            continue;
        if (m_filter->wantsBefore())
            lookBefore(change);
        const Verdict verdict = m_filter->verdict(change);
        if (verdict != Verdict::Hidden) {
            if (isFull()) {
                m_after = {seq - 1, change.index};
                return {};
            }
            add(seq, eventText(change, verdict, m_filter->fields), change.index, piece);
        }
        if (m_filter->wantsBefore())
            keep(change);
    }
    m_after = seq;
    return {};
}

void ChangeBackfill::forgetSeen()
{
    release(m_seen);
    m_seenBytes = 0;
}

void ChangeBackfill::lookBefore(Change& change)
{
    if (!change.isOfKey())
        return;
    change.before = Before::Absent;
    if (change.previousSeq == 0)
        return;
    const auto seen = m_seen.find(nameOf(change));
    if (seen != m_seen.end() && seen->second.seq == change.previousSeq) {
        change.before = seen->second.live ? Before::Present : Before::Absent;
        change.previous = seen->second.value;
        return;
    }
    auto before = readKeyVersion(m_source, {change.tenant, change.collection, change.name},
                                 change.previousSeq);
    if (!before) {
        change.before = Before::Unknown; // gone from the log
        return;
    }
    if (before.value().op != ChangeOp::Set)
        return;
    m_previous = std::move(before.value().value);
    change.before = Before::Present;
    change.previous = m_previous;
}

// Where a collection is dropped its keys' next changes name that entry, which `m_seen` does not
// know: they are looked up.
void ChangeBackfill::keep(const Change& change)
{
    if (!change.isOfKey())
        return;
    std::string name = nameOf(change);
    const auto bytesOf = [&name](std::string_view value) {
        return name.size() + value.size() + sizeof(Seen) + kNodeBytes;
    };
    if (const auto before = m_seen.find(name); before != m_seen.end()) {
        m_seenBytes -= bytesOf(before->second.value);
        m_seen.erase(before);
    }
    const size_t bytes = bytesOf(change.value);
    if (m_seenBytes + bytes > m_limits.seenBytes)
        forgetSeen();
    if (bytes > m_limits.seenBytes)
        return;
    m_seenBytes += bytes;
    m_seen[std::move(name)] = {change.seq, change.op == ChangeOp::Set, std::string(change.value)};
}

} // namespace fluxion
