// Records: ins, qry, qdoc and their deletes.

#include <map>

#include "api/handlers.h"
#include "api/item_stream.h"
#include "store/range_cursor.h"

namespace fluxion {

namespace {

constexpr size_t kMaxRecordOverheadBytes = 20; // of lengths and timestamp, encoded

// What `where` keeps and `filter` removes.
struct DataFilter {
    std::optional<Pattern> where;
    std::optional<Pattern> filter;

    bool passes(std::string_view data) const
    {
        return (!where || where->matchesWithin(data)) && (!filter || !filter->matchesWithin(data));
    }
};

void appendRecord(std::string& out, int64_t ts, std::string_view data)
{
    out += "{\"ts\":";
    appendJsonInt(out, ts);
    out += ",\"data\":";
    appendJsonString(out, data);
    out += '}';
}

struct LatestQuery {
    int64_t ts = 0;
    std::optional<int64_t> from;
    DataFilter data;

    // The record of this document that the query asks for.
    bool find(const Document& document, Record& record) const
    {
        return document.latestAtOrBefore(ts, record) && (!from || record.ts >= *from) &&
               data.passes(record.data);
    }
};

void appendLatest(std::string& out, std::string_view doc, const Record& record)
{
    appendJsonString(out, doc);
    out += ':';
    appendRecord(out, record.ts, record.data);
}

// The latest record of every document that matches.
class LatestStream final : public ItemStream {
  public:
    LatestStream(std::string head, Collection::SeriesPin pin, std::optional<Pattern> doc,
                 LatestQuery query)
        : ItemStream(std::move(head), "}}"), m_pin(std::move(pin)), m_doc(std::move(doc)),
          m_steps(m_doc ? m_doc->steps() : 0), m_query(std::move(query))
    {
    }

  protected:
    // One item is the next document that matches, or some that do not: to leave and come back for
    // each name would cost more than to match it.
    bool nextItem(std::string& out, bool& appended) override
    {
        for (size_t work = 0; work < kWorkPerItem && !appended;) {
            if (m_page >= m_pin.pages.pageCount())
                return false;
            const DocumentPage& page = m_pin.pages.page(m_page);
            if (m_index >= page.size()) {
                ++m_page;
                m_index = 0;
                continue;
            }
            const size_t index = m_index++;
            const std::string_view name = page.name(index);
            work += m_doc ? name.size() * m_steps : kWorkPerItem;
            if (m_doc && !m_doc->matchesName(name))
                continue;
            work += kWorkPerItem; // its records may be many
            if (m_query.find(*page.document(index), m_record)) {
                separate(out);
                appendLatest(out, name, m_record);
                appended = true;
            }
        }
        return true;
    }

  private:
    // Bytes of names times steps of the pattern, which at its worst takes a step some nanoseconds.
    static constexpr size_t kWorkPerItem = 16 * 1024;

    Collection::SeriesPin m_pin;
    std::optional<Pattern> m_doc;
    const size_t m_steps;
    LatestQuery m_query;
    Record m_record;
    size_t m_page = 0;
    size_t m_index = 0;
};

// Records of one document in a span of time.
class RangeStream final : public ItemStream {
  public:
    RangeStream(std::string head, Ref<Document> document, const RangeRequest& request)
        : ItemStream(std::move(head), "]}"),
          m_cursor(std::move(document), request.from, request.to,
                   request.reverse ? RangeCursor::Direction::Reverse
                                   : RangeCursor::Direction::Forward),
          m_data{request.where, request.filter}, m_limit(request.limit)
    {
    }

  protected:
    bool nextItem(std::string& out, bool& appended) override
    {
        RecordView record;
        if ((m_limit > 0 && m_count >= m_limit) || !m_cursor.next(record))
            return false;
        if (m_data.passes(record.data)) {
            separate(out);
            appendRecord(out, record.ts, record.data);
            ++m_count;
            appended = true;
        }
        return true;
    }

  private:
    RangeCursor m_cursor;
    DataFilter m_data;
    uint64_t m_limit;
    uint64_t m_count = 0;
};

std::string headOf(const Call& call, std::string_view fieldAndBracket)
{
    std::string head;
    ReplyWriter(head, call.id);
    head += fieldAndBracket;
    return head;
}

InsertProposal insertOf(const InsertRequest& request)
{
    InsertedFact fact;
    std::map<std::string_view, size_t> groups;
    size_t current = 0; // of neighbours, most are of one collection
    size_t bytes = 0;
    for (const InsertRecord& record : request.records) {
        if (fact.groups.empty() || fact.groups[current].collection != record.col) {
            const auto [it, isNew] = groups.emplace(record.col, fact.groups.size());
            if (isNew)
                fact.groups.push_back({record.col, {}});
            current = it->second;
        }
        fact.groups[current].records.push_back({record.doc, record.ts, record.data});
        bytes += record.doc.size() + record.data.size() + kMaxRecordOverheadBytes;
    }
    InsertProposal wish;
    for (const auto& group : fact.groups) {
        wish.collections.emplace_back(group.collection);
        bytes += group.collection.size() + kMaxRecordOverheadBytes;
    }
    wish.payload.reserve(bytes);
    if (!fact.groups.empty())
        encodeFact(fact, wish.payload);
    return wish;
}

} // namespace

void handleIns(const Call& call)
{
    if (call.insert)
        return call.propose(insertOf(*call.insert));
    auto request = decodeInsert(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    call.propose(insertOf(request.value()));
}

void handleQry(const Call& call)
{
    auto request = decodeLatest(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    LatestRequest& r = request.value();
    LatestQuery query{r.ts, r.from, {std::move(r.where), std::move(r.filter)}};
    std::string head = headOf(call, ",\"records\":{");
    const auto collection = call.collection(r.col);
    if (!collection)
        return call.reply(head + "}}");
    if (!r.doc || r.doc->isRegex())
        return call.stream(std::make_unique<LatestStream>(std::move(head), collection->pinSeries(),
                                                          std::move(r.doc), std::move(query)));
    const Ref<Document> document = collection->findDocument(r.doc->literal());
    Record record;
    if (document && query.find(*document, record))
        appendLatest(head, r.doc->literal(), record);
    call.reply(head + "}}");
}

void handleQdoc(const Call& call)
{
    auto request = decodeRange(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const RangeRequest& r = request.value();
    const auto collection = call.collection(r.col);
    Ref<Document> document = collection ? collection->findDocument(r.doc) : Ref<Document>();
    std::string head = headOf(call, ",\"records\":[");
    if (!document)
        return call.reply(head + "]}");
    call.stream(std::make_unique<RangeStream>(std::move(head), std::move(document), r));
}

void handleDdoc(const Call& call)
{
    auto request = decodeDocumentRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    DeleteDocumentProposal wish;
    wish.doc = request.value().doc;
    if (!request.value().col.empty())
        wish.collection = request.value().col;
    call.propose(std::move(wish));
}

void handleDrec(const Call& call)
{
    auto request = decodeRecordRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const RecordRef& r = request.value();
    DeleteRecordsProposal wish;
    wish.items.push_back({std::string(r.col), std::string(r.doc), r.ts});
    call.propose(std::move(wish));
}

void handleDmrec(const Call& call)
{
    auto request = decodeRecordRefs(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    DeleteRecordsProposal wish;
    for (const RecordRef& r : request.value())
        wish.items.push_back({std::string(r.col), std::string(r.doc), r.ts});
    call.propose(std::move(wish));
}

void handleDrrng(const Call& call)
{
    auto request = decodeDeleteRange(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const DeleteRangeRequest& r = request.value();
    call.propose(DeleteRangeProposal{std::string(r.col), std::string(r.doc), r.from, r.to});
}

} // namespace fluxion
