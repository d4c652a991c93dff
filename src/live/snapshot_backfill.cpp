#include "live/backfill.h"
#include "store/range_cursor.h"

namespace fluxion {

SnapshotBackfill::SnapshotBackfill(LiveSource& source, EventBytes& bytes,
                                   std::shared_ptr<const Filter> filter, PieceLimits limits)
    : m_source(source), m_bytes(bytes), m_filter(std::move(filter)), m_limits(limits)
{
}

BackfillPiece SnapshotBackfill::next()
{
    BackfillPiece piece;
    if (!std::exchange(m_opened, true))
        m_cut = m_source.cut();
    if (!m_cut) {
        piece.status = Status(Code::Internal, "the server is stopping");
        return piece;
    }
    piece.through = m_cut->seq;
    size_t eventBytes = 0;
    while (m_part < m_cut->collections.size()) {
        if (eventBytes >= m_limits.eventBytes)
            return piece;
        const Cut::Part& part = m_cut->collections[m_part];
        const bool wanted =
            part.collection->tenant() == m_filter->tenant &&
            (!m_filter->collection || *m_filter->collection == part.collection->name());
        const bool more =
            wanted && (m_filter->kind == WatchKind::Keys ? takeKeys(part, piece, eventBytes)
                                                         : takeDocuments(part, piece, eventBytes));
        if (!more) {
            ++m_part;
            m_page = m_item = 0;
        }
    }
    m_cut.reset();
    piece.atEnd = true;
    return piece;
}

void SnapshotBackfill::add(const Change& change, BackfillPiece& piece, size_t& eventBytes)
{
    auto text =
        std::make_shared<EventText>(eventText(change, Verdict::Told, m_filter->fields), m_bytes);
    eventBytes += text->text().size();
    piece.events.push_back({change.seq, std::move(text)});
}

void SnapshotBackfill::endPage(size_t items)
{
    if (m_item < items)
        return;
    ++m_page;
    m_item = 0;
}

// Of one page, as much as fits. False: there are no more.
bool SnapshotBackfill::takeKeys(const Cut::Part& part, BackfillPiece& piece, size_t& eventBytes)
{
    if (m_page >= part.values.pages.pageCount())
        return false;
    const ValuePage& page = part.values.pages.page(m_page);
    for (; m_item < page.size() && eventBytes < m_limits.eventBytes; ++m_item) {
        const ValueItem item = page.at(m_item);
        const bool over = item.expiryUs != 0 && item.expiryUs <= m_source.nowUs();
        if (item.tombstone || over || !m_filter->namePasses(item.key) ||
            !m_filter->valuePasses(item.value))
            continue;
        Change change;
        change.op = ChangeOp::Set;
        change.seq = item.seq;
        change.timeUs = m_cut->timeUs;
        change.collection = part.collection->name();
        change.name = item.key;
        change.value = item.value;
        change.version = item.version;
        change.expiryUs = item.expiryUs;
        add(change, piece, eventBytes);
    }
    endPage(page.size());
    return true;
}

// The same: the latest record of each document.
bool SnapshotBackfill::takeDocuments(const Cut::Part& part, BackfillPiece& piece,
                                     size_t& eventBytes)
{
    if (m_page >= part.series.pages.pageCount())
        return false;
    const DocumentPage& page = part.series.pages.page(m_page);
    for (; m_item < page.size() && eventBytes < m_limits.eventBytes; ++m_item) {
        if (!m_filter->namePasses(page.name(m_item)))
            continue;
        RangeCursor cursor(*page.document(m_item), INT64_MIN, INT64_MAX,
                           RangeCursor::Direction::Reverse);
        RecordView record;
        if (!cursor.next(record) || !m_filter->valuePasses(record.data))
            continue;
        Change change;
        change.op = ChangeOp::Inserted;
        change.timeUs = m_cut->timeUs;
        change.collection = part.collection->name();
        change.name = page.name(m_item);
        change.from = change.to = record.ts;
        change.value = record.data;
        add(change, piece, eventBytes);
    }
    endPage(page.size());
    return true;
}

} // namespace fluxion
