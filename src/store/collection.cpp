#include "store/collection.h"

#include <mutex>
#include <shared_mutex>

namespace fluxion {

KeyState Collection::look(std::string_view key, Ref<const ValueBlob>& blob) const
{
    std::shared_lock guard(m_lock);
    return m_values.get(key, blob);
}

KeyState Collection::get(std::string_view key) const
{
    Ref<const ValueBlob> blob;
    KeyState state = look(key, blob);
    if (blob)
        state.value.assign(blob->bytes, key.size());
    return state;
}

void Collection::get(std::span<KeyRead> reads) const
{
    std::shared_lock guard(m_lock);
    m_values.get(reads);
}

SharedValue Collection::share(std::string_view key, bool& found) const
{
    Ref<const ValueBlob> blob;
    KeyState state = look(key, blob);
    found = state.found;
    if (blob)
        return {std::move(blob), key.size()};
    return state.value.empty() ? SharedValue() : SharedValue(std::move(state.value));
}

KeyHead Collection::head(std::string_view key) const
{
    std::shared_lock guard(m_lock);
    return m_values.head(key);
}

Ref<Document> Collection::findDocument(std::string_view name) const
{
    uint32_t id = 0;
    return findDocument(name, id);
}

Ref<Document> Collection::findDocument(std::string_view name, uint32_t& id) const
{
    const uint64_t hash = DocumentPage::hashOf(name);
    std::shared_lock guard(m_lock);
    const DocumentPage& page = m_documents.pageFor(hash);
    const size_t index = page.find(hash, name);
    if (index == DocumentPage::kNone)
        return {};
    id = page.id(index);
    return page.document(index);
}

Values::Pin Collection::pinValues() const
{
    std::shared_lock guard(m_lock);
    return m_values.pin();
}

Collection::SeriesPin Collection::pinSeries() const
{
    std::shared_lock guard(m_lock);
    return {m_documents.pin(), m_documentCount};
}

void Collection::pin(SeriesPin& series, Values::Pin& values) const
{
    std::shared_lock guard(m_lock);
    series = {m_documents.pin(), m_documentCount};
    values = m_values.pin();
}

size_t Collection::valuesMemoryBytes() const
{
    std::shared_lock guard(m_lock);
    return m_values.memoryBytes();
}

void Collection::updateFlags()
{
    const bool listed = m_documentCount > 0 || m_values.liveCount() > 0;
    m_listed.store(listed, std::memory_order_release);
    m_bare.store(!listed && m_values.tombstoneCount() == 0 && m_values.versionFloor() == 0,
                 std::memory_order_release);
}

void Collection::insert(const std::vector<RecordFact>& records, uint64_t seq,
                        std::vector<std::string_view>& due)
{
    std::unique_lock guard(m_lock);
    for (const RecordFact& record : records)
        insertRecord(record, seq, due);
    updateFlags();
}

void Collection::insertRecord(const RecordFact& record, uint64_t seq,
                              std::vector<std::string_view>& due)
{
    const uint64_t hash = DocumentPage::hashOf(record.doc);
    size_t index = m_documents.pageFor(hash).find(hash, record.doc);
    if (index == DocumentPage::kNone) {
        m_documents.editForInsert(hash, [&](DocumentPage& page) {
            index = page.size();
            page.insert(hash, record.doc, m_nextDocumentId++);
        });
        ++m_documentCount;
    }
    m_documents.edit(hash, [&](DocumentPage& page) {
        if (page.insertRecord(index, record.ts, record.data, seq))
            due.push_back(record.doc);
    });
}

Ref<Document> Collection::eraseLocked(uint64_t hash, size_t index)
{
    Ref<Document> erased;
    m_documents.edit(hash, [&](DocumentPage& page) { erased = page.erase(index); });
    // An empty table begins anew, so that a directory does not outlive what it was needed for.
    if (--m_documentCount == 0)
        m_documents.clear();
    return erased;
}

void Collection::eraseRange(std::string_view document, int64_t from, int64_t to)
{
    const uint64_t hash = DocumentPage::hashOf(document);
    Ref<Document> erased; // released after the lock
    std::unique_lock guard(m_lock);
    const size_t index = m_documents.pageFor(hash).find(hash, document);
    if (index == DocumentPage::kNone)
        return;
    bool empty = false;
    m_documents.edit(hash, [&](DocumentPage& page) {
        page.writable(index).eraseRange(from, to);
        empty = page.document(index)->empty();
    });
    if (empty)
        erased = eraseLocked(hash, index);
    updateFlags();
}

void Collection::eraseDocument(std::string_view document)
{
    const uint64_t hash = DocumentPage::hashOf(document);
    Ref<Document> erased; // released after the lock
    std::unique_lock guard(m_lock);
    const size_t index = m_documents.pageFor(hash).find(hash, document);
    if (index == DocumentPage::kNone)
        return;
    erased = eraseLocked(hash, index);
    updateFlags();
}

int64_t Collection::put(const ValueItem& item)
{
    Ref<ValueBlob> blob = ValuePage::makeBlob(item.key, item.value);
    std::unique_lock guard(m_lock);
    const int64_t expiryBeforeUs = m_values.put(item, std::move(blob));
    updateFlags();
    return expiryBeforeUs;
}

std::vector<int64_t> Collection::put(const std::vector<ValueItem>& items)
{
    std::vector<Ref<ValueBlob>> blobs;
    for (const ValueItem& item : items)
        blobs.push_back(ValuePage::makeBlob(item.key, item.value));
    std::vector<int64_t> before;
    std::unique_lock guard(m_lock);
    for (size_t i = 0; i < items.size(); ++i)
        before.push_back(m_values.put(items[i], std::move(blobs[i])));
    updateFlags();
    return before;
}

void Collection::forget(const std::vector<std::string_view>& keys, uint64_t versionFloor)
{
    std::unique_lock guard(m_lock);
    for (const std::string_view key : keys)
        m_values.forget(key);
    m_values.raiseVersionFloor(versionFloor);
    updateFlags();
}

Collection::SeriesPin Collection::drop(uint64_t seq, ViewSet views)
{
    std::unique_lock guard(m_lock);
    SeriesPin dropped;
    if (views.has(View::Series)) {
        dropped = {m_documents.pin(), m_documentCount};
        m_documents.clear();
        m_documentCount = 0;
    }
    if (views.has(View::Values))
        m_values.dropAll(seq);
    updateFlags();
    return dropped;
}

Status Collection::loadDocument(std::string_view document, bool continued, ByteReader& in)
{
    const uint64_t hash = DocumentPage::hashOf(document);
    std::unique_lock guard(m_lock);
    size_t index = m_documents.pageFor(hash).find(hash, document);
    if ((index != DocumentPage::kNone) != continued)
        return {Code::Damaged, "a document is stored twice or begins amid its records"};
    if (!continued) {
        m_documents.editForInsert(hash, [&](DocumentPage& page) {
            index = page.size();
            page.insert(hash, document, m_nextDocumentId++);
        });
        ++m_documentCount;
    }
    Status status;
    m_documents.edit(hash, [&](DocumentPage& page) {
        status = page.writable(index).load(in);
        if (status.ok() && page.document(index)->empty())
            status = {Code::Damaged, "a stored document is empty"};
    });
    updateFlags();
    return status;
}

Status Collection::loadValue(const ValueItem& item)
{
    Ref<ValueBlob> blob = ValuePage::makeBlob(item.key, item.value);
    std::unique_lock guard(m_lock);
    if (m_values.has(item.key))
        return {Code::Damaged, "a key is stored twice"};
    m_values.put(item, std::move(blob));
    updateFlags();
    return {};
}

void Collection::loadVersionFloor(uint64_t version)
{
    std::unique_lock guard(m_lock);
    m_values.raiseVersionFloor(version);
    updateFlags();
}

bool Collection::mergeDocument(std::string_view document, bool idle)
{
    const std::optional<DocumentPlan> planned = planMerge(document, idle);
    if (!planned)
        return false;
    (void)swapIn(document, planned->id, Document::runMerge(planned->plan));
    return true;
}

std::optional<Collection::DocumentPlan> Collection::planMerge(std::string_view document,
                                                              bool idle) const
{
    DocumentPlan planned;
    const Ref<Document> pinned = findDocument(document, planned.id);
    std::optional<MergePlan> plan = pinned ? pinned->planMerge(idle) : std::nullopt;
    if (!plan)
        return std::nullopt;
    planned.plan = std::move(*plan);
    return planned;
}

bool Collection::swapIn(std::string_view document, uint32_t id, MergeResult&& result)
{
    const uint64_t hash = DocumentPage::hashOf(document);
    std::unique_lock guard(m_lock);
    const size_t index = m_documents.pageFor(hash).find(hash, document);
    // Another document of the same name could by chance look unchanged.
    if (index == DocumentPage::kNone || m_documents.pageFor(hash).id(index) != id)
        return false;
    bool swapped = false;
    m_documents.edit(hash, [&](DocumentPage& page) {
        swapped = page.writable(index).swapIn(std::move(result));
    });
    return swapped;
}

bool Collection::findMergeable(size_t pageIndex, uint64_t idleSeq,
                               std::vector<Mergeable>& found) const
{
    const SeriesPin pinned = pinSeries();
    if (pageIndex >= pinned.pages.pageCount())
        return false;
    const DocumentPage& page = pinned.pages.page(pageIndex);
    for (size_t i = 0; i < page.size(); ++i) {
        const bool idle = page.lastSeq(i) <= idleSeq;
        if (page.document(i)->planMerge(idle))
            found.push_back({std::string(page.name(i)), idle});
    }
    return true;
}

} // namespace fluxion
