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

LogBackfill::LogBackfill(LiveSource& source, EventBytes& bytes,
                         std::shared_ptr<const Filter> filter, LogPlace after, PieceLimits limits)
    : m_source(source), m_bytes(bytes), m_filter(std::move(filter)), m_limits(limits),
      m_after(after)
{
}

LogBackfill::~LogBackfill()
{
    m_bytes -= m_countedBytes;
}

BackfillPiece LogBackfill::next()
{
    BackfillPiece piece;
    m_pieceBytes = 0;
    readPiece(piece);
    piece.through = m_after.seq;
    release(m_changes); // of a large entry more than all of its events
    count();
    return piece;
}

void LogBackfill::rest()
{
    m_batch.reset();
    m_cursor.reset();
    forgetSeen();
    count();
}

void LogBackfill::readPiece(BackfillPiece& piece)
{
    if (!m_cursor)
        m_cursor = m_source.readLog(m_after.seq);
    const uint64_t applied = m_source.appliedSeq();
    size_t readBytes = 0;
    while (m_pieceBytes < m_limits.eventBytes && readBytes < m_limits.scanBytes) {
        if (!m_batch) {
            auto batch = m_cursor->next(applied);
            piece.status = batch.status();
            if (!batch)
                return;
            piece.atEnd = !batch.value();
            if (piece.atEnd) {
                m_after = std::max(m_after.seq, applied);
                return;
            }
            m_batch = *batch.value();
            readBytes += m_batch->bytes;
        }
        piece.status = takeBatch(piece);
        if (!piece.status)
            return;
    }
}

// Of the batch what is left, or as much as makes a piece.
Status LogBackfill::takeBatch(BackfillPiece& piece)
{
    EntryCursor cursor(*m_batch);
    uint64_t seq = 0;
    Entry entry;
    while (m_pieceBytes < m_limits.eventBytes && cursor.next(seq, entry)) {
        if (seq <= m_after.seq)
            continue;
        if (Status status = takeEntry(seq, entry, piece); !status)
            return status;
    }
    if (m_after.seq >= m_batch->lastSeq())
        m_batch.reset();
    return {};
}

// Ends early only before an event that is to be told, so that what the piece holds of the seq is
// known not to be all.
Status LogBackfill::takeEntry(uint64_t seq, const Entry& entry, BackfillPiece& piece)
{
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
            if (m_pieceBytes >= m_limits.eventBytes) {
                m_after = {seq - 1, change.index};
                return {};
            }
            auto text = std::make_shared<EventText>(eventText(change, verdict, m_filter->fields),
                                                    m_bytes, change.index);
            m_pieceBytes += text->text().size();
            piece.events.push_back({seq, std::move(text)});
        }
        if (m_filter->wantsBefore())
            keep(change);
    }
    m_after = seq;
    return {};
}

// What stays in memory between two pieces counts as events do.
void LogBackfill::count()
{
    const size_t bytes = m_seenBytes + (m_batch ? m_batch->bytes : 0);
    m_bytes += bytes;
    m_bytes -= std::exchange(m_countedBytes, bytes);
}

void LogBackfill::forgetSeen()
{
    release(m_seen);
    m_seenBytes = 0;
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
