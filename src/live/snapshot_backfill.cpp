#include "live/backfill.h"

namespace fluxion {

// Of a key or record, besides its data: what it is to look at it.
static constexpr size_t kItemBytes = 16;

SnapshotBackfill::SnapshotBackfill(LiveSource& source, CutShare& cuts, EventBytes& bytes,
                                   std::shared_ptr<const Filter> filter, uint64_t seq,
                                   PieceLimits limits, SnapshotWish wish)
    : m_source(source), m_cuts(cuts), m_bytes(bytes), m_filter(std::move(filter)), m_seq(seq),
      m_limits(limits), m_wish(std::move(wish))
{
}

BackfillPiece SnapshotBackfill::next()
{
    BackfillPiece piece;
    piece.status = open();
    if (!piece.status)
        return piece;
    piece.through = m_cut->seq;
    m_eventBytes = m_scanBytes = 0;
    while (m_part < m_cut->collections.size()) {
        if (isFull())
            return piece;
        const Cut::Part& part = m_cut->collections[m_part];
        bool more = false;
        if (wants(part)) {
            if (m_filter->kind == WatchKind::Keys)
                more = takeKeys(part, piece);
            else
                more = m_wish.history ? takeRecords(part, piece) : takeDocuments(part, piece);
        }
        if (!more) {
            ++m_part;
            m_page = m_item = 0;
        }
    }
    piece.atEnd = true;
    piece.last = m_wish.cut != nullptr;
    m_cut.reset();
    m_wish.cut.reset();
    return piece;
}

Status SnapshotBackfill::open()
{
    if (std::exchange(m_opened, true))
        return {};
    m_cut = m_wish.cut ? m_wish.cut : m_cuts.open(m_seq);
    if (!m_cut)
        return {Code::Internal, "the server is stopping"};
    return m_wish.start.empty() ? Status() : goToStart();
}

Status SnapshotBackfill::goToStart()
{
    const bool keys = m_filter->kind == WatchKind::Keys;
    const std::string& name = m_wish.start;
    while (m_part < m_cut->collections.size() && !wants(m_cut->collections[m_part]))
        ++m_part;
    m_item = ValuePage::kNone;
    if (m_part < m_cut->collections.size() && keys) {
        const Values::Pages::Pin& pages = m_cut->collections[m_part].values.pages;
        m_page = pages.indexFor(ValuePage::hashOf(name));
        m_item = pages.page(m_page).find(ValuePage::hashOf(name), name);
    } else if (m_part < m_cut->collections.size()) {
        const Collection::Documents::Pin& pages = m_cut->collections[m_part].series.pages;
        m_page = pages.indexFor(DocumentPage::hashOf(name));
        m_item = pages.page(m_page).find(DocumentPage::hashOf(name), name);
    }
    if (m_item != ValuePage::kNone)
        return {};
    return {Code::NotFound, "the cut has no such " + std::string(keys ? "key" : "document")};
}

bool SnapshotBackfill::wants(const Cut::Part& part) const
{
    return part.collection->tenant() == m_filter->tenant &&
           (!m_filter->collection || *m_filter->collection == part.collection->name());
}

bool SnapshotBackfill::isFull() const
{
    return m_eventBytes >= m_limits.eventBytes || m_scanBytes > m_limits.scanBytes;
}

void SnapshotBackfill::add(const Change& change, BackfillPiece& piece)
{
    auto text =
        std::make_shared<EventText>(eventText(change, Verdict::Told, m_filter->fields), m_bytes);
    m_eventBytes += text->text().size();
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
bool SnapshotBackfill::takeKeys(const Cut::Part& part, BackfillPiece& piece)
{
    if (m_page >= part.values.pages.pageCount())
        return false;
    const ValuePage& page = part.values.pages.page(m_page);
    for (; m_item < page.size() && !isFull(); ++m_item) {
        const ValueItem item = page.at(m_item);
        m_scanBytes += kItemBytes + item.value.size();
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
        add(change, piece);
    }
    endPage(page.size());
    return true;
}

void SnapshotBackfill::addRecord(const Cut::Part& part, std::string_view document,
                                 const RecordView& record, BackfillPiece& piece)
{
    m_scanBytes += kItemBytes + record.data.size();
    if (!m_filter->valuePasses(record.data))
        return;
    Change change;
    change.op = ChangeOp::Inserted;
    change.timeUs = m_cut->timeUs;
    change.collection = part.collection->name();
    change.name = document;
    change.from = change.to = record.ts;
    change.value = record.data;
    add(change, piece);
}

// The same: the latest record of each document.
bool SnapshotBackfill::takeDocuments(const Cut::Part& part, BackfillPiece& piece)
{
    if (m_page >= part.series.pages.pageCount())
        return false;
    const DocumentPage& page = part.series.pages.page(m_page);
    for (; m_item < page.size() && !isFull(); ++m_item) {
        if (!m_filter->namePasses(page.name(m_item)))
            continue;
        RangeCursor cursor(*page.document(m_item), INT64_MIN, INT64_MAX,
                           RangeCursor::Direction::Reverse);
        RecordView record;
        if (cursor.next(record))
            addRecord(part, page.name(m_item), record, piece);
    }
    endPage(page.size());
    return true;
}

// The same: all records of each document, in order. One may take many pieces.
bool SnapshotBackfill::takeRecords(const Cut::Part& part, BackfillPiece& piece)
{
    if (m_page >= part.series.pages.pageCount())
        return false;
    const DocumentPage& page = part.series.pages.page(m_page);
    while (m_item < page.size() && !isFull()) {
        const std::string_view name = page.name(m_item);
        if (!m_filter->namePasses(name)) {
            ++m_item;
            continue;
        }
        if (!m_records) {
            const int64_t from = std::exchange(m_wish.startTs, std::nullopt).value_or(INT64_MIN);
            m_records.emplace(page.document(m_item), from, INT64_MAX);
        }
        RecordView record;
        bool more = true;
        while (more && !isFull()) {
            more = m_records->next(record);
            if (more)
                addRecord(part, name, record, piece);
        }
        if (!more) {
            m_records.reset();
            ++m_item;
        }
    }
    endPage(page.size());
    return true;
}

} // namespace fluxion
