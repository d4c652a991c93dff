#include "live/backfill.h"
#include "live/key_history.h"

namespace fluxion {

namespace {

constexpr size_t kMaxSeenBytes = 16 * 1024 * 1024;

std::string nameOf(const Change& change)
{
    std::string name(change.collection);
    name += '\0'; // in no name
    name += change.name;
    return name;
}

} // namespace

LogBackfill::LogBackfill(LiveSource& source, EventBytes& bytes,
                         std::shared_ptr<const Filter> filter, uint64_t after, PieceLimits limits)
    : m_source(source), m_bytes(bytes), m_filter(std::move(filter)), m_limits(limits),
      m_after(after)
{
}

BackfillPiece LogBackfill::next()
{
    if (!m_cursor)
        m_cursor = m_source.readLog(m_after);
    BackfillPiece piece;
    piece.through = m_after;
    const uint64_t applied = m_source.appliedSeq();
    size_t eventBytes = 0;
    size_t readBytes = 0;
    while (eventBytes < m_limits.eventBytes && readBytes < m_limits.scanBytes) {
        auto batch = m_cursor->next(applied);
        if (!batch) {
            piece.status = batch.status();
            return piece;
        }
        if (!batch.value()) {
            piece.atEnd = true;
            piece.through = m_after = std::max(m_after, applied);
            return piece;
        }
        readBytes += batch.value()->bytes;
        if (piece.status = takeBatch(*batch.value(), piece, eventBytes); !piece.status)
            return piece;
        piece.through = m_after = batch.value()->lastSeq();
    }
    return piece;
}

Status LogBackfill::takeBatch(const BatchView& batch, BackfillPiece& piece, size_t& eventBytes)
{
    EntryCursor cursor(batch);
    std::vector<Change> changes;
    uint64_t seq = 0;
    Entry entry;
    while (cursor.next(seq, entry)) {
        if (seq <= m_after)
            continue;
        changes.clear();
        if (Status status = appendChanges(seq, entry, changes); !status)
            return status;
        for (Change& change : changes) {
            if (!m_filter->concerns(change))
                continue;
            if (m_filter->wantsBefore())
                lookBefore(change);
            const Verdict verdict = m_filter->verdict(change);
            if (verdict != Verdict::Hidden) {
                auto text = std::make_shared<EventText>(
                    eventText(change, verdict, m_filter->fields), m_bytes);
                eventBytes += text->text().size();
                piece.events.push_back({seq, std::move(text)});
            }
            if (m_filter->wantsBefore())
                keep(change);
        }
    }
    return {};
}

void LogBackfill::lookBefore(Change& change)
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
void LogBackfill::keep(const Change& change)
{
    if (!change.isOfKey())
        return;
    if (m_seenBytes > kMaxSeenBytes) {
        m_seen.clear();
        m_seenBytes = 0;
    }
    std::string name = nameOf(change);
    m_seenBytes += name.size() + change.value.size() + sizeof(Seen);
    m_seen[std::move(name)] = {change.seq, change.op == ChangeOp::Set, std::string(change.value)};
}

} // namespace fluxion
