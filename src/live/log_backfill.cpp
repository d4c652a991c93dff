#include <algorithm>
#include <utility>

#include "live/backfill.h"

namespace fluxion {

LogBackfill::LogBackfill(LiveSource& source, EventBytes& bytes, LogPlace after, PieceLimits limits)
    : m_source(source), m_limits(limits), m_after(after), m_bytes(bytes)
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
    settle();
    piece.through = m_after.seq;
    piece.last = isDone();
    count();
    return piece;
}

void LogBackfill::rest()
{
    m_batch.reset();
    m_cursor.reset();
    count();
}

// The next piece may be long in coming, and there may be thousands that wait: a file is not kept
// open, and a batch, with what was read around it, only if it would take long to read again.
void LogBackfill::settle()
{
    constexpr size_t kKeptBatchBytes = 256 * 1024;
    if (m_batch && m_batch->bytes > kKeptBatchBytes) {
        m_cursor->rest();
    } else {
        m_batch.reset();
        m_cursor.reset();
    }
}

void LogBackfill::readPiece(BackfillPiece& piece)
{
    if (!m_cursor)
        m_cursor = m_source.readLog(m_after.seq);
    const uint64_t applied = m_source.appliedSeq();
    size_t readBytes = 0;
    while (!isDone() && !isFull() && readBytes < m_limits.scanBytes) {
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
    while (!isDone() && !isFull() && cursor.next(seq, entry)) {
        if (seq <= m_after.seq)
            continue;
        if (Status status = takeEntry(seq, entry, piece); !status)
            return status;
    }
    if (m_after.seq >= m_batch->lastSeq())
        m_batch.reset();
    return {};
}

void LogBackfill::add(uint64_t seq, std::string text, uint32_t index, BackfillPiece& piece)
{
    m_pieceBytes += text.size();
    piece.events.push_back({seq, std::make_shared<EventText>(std::move(text), m_bytes, index)});
}

// What stays in memory between two pieces counts as events do.
void LogBackfill::count()
{
    const size_t bytes = keptBytes() + (m_batch ? m_batch->bytes : 0);
    m_bytes += bytes;
    m_bytes -= std::exchange(m_countedBytes, bytes);
}

} // namespace fluxion
