#include "store/store.h"

#include <mutex>
#include <shared_mutex>

namespace fluxion {

std::shared_ptr<Collection> Store::findShared(uint32_t tenant, std::string_view collection) const
{
    std::shared_lock guard(m_lock);
    const auto it = m_collections.find(CollectionView(tenant, collection));
    return it == m_collections.end() ? nullptr : it->second;
}

std::shared_ptr<const Collection> Store::find(uint32_t tenant, std::string_view collection) const
{
    return findShared(tenant, collection);
}

std::shared_ptr<Collection> Store::findOrCreate(uint32_t tenant, std::string_view collection)
{
    if (std::shared_ptr<Collection> found = findShared(tenant, collection))
        return found;
    auto created = std::make_shared<Collection>(tenant, collection);
    std::unique_lock guard(m_lock);
    m_collections.emplace(CollectionKey(tenant, collection), created);
    return created;
}

void Store::changed(const std::shared_ptr<Collection>& collection, bool wasListed)
{
    if (collection->listed() == wasListed && !collection->bare())
        return;
    std::unique_lock guard(m_lock);
    if (collection->listed() != wasListed) {
        size_t& count = m_listedCounts[collection->tenant()];
        count = wasListed ? count - 1 : count + 1;
    }
    if (collection->bare())
        m_collections.erase(CollectionKey(collection->tenant(), collection->name()));
}

std::vector<std::string> Store::collections(uint32_t tenant) const
{
    std::vector<std::string> names;
    std::shared_lock guard(m_lock);
    auto it = m_collections.lower_bound(CollectionView(tenant, {}));
    for (; it != m_collections.end() && it->first.first == tenant; ++it) {
        if (it->second->listed())
            names.push_back(it->first.second);
    }
    return names;
}

size_t Store::collectionCount(uint32_t tenant) const
{
    std::shared_lock guard(m_lock);
    const auto it = m_listedCounts.find(tenant);
    return it == m_listedCounts.end() ? 0 : it->second;
}

StoreMemory Store::memory() const
{
    StoreMemory sum;
    sum.valuesBytes = m_expiries.memoryBytes();
    for (const Cut::Part& part : openCut().collections) {
        sum.valuesBytes += part.collection->valuesMemoryBytes();
        for (size_t p = 0; p < part.series.pages.pageCount(); ++p) {
            const DocumentPage& page = part.series.pages.page(p);
            sum.seriesBytes += page.memoryBytes();
            for (size_t i = 0; i < page.size(); ++i)
                sum.seriesBytes += page.document(i)->memoryBytes();
        }
    }
    return sum;
}

// One fact onto the store; looks a collection up, changes it, and accounts for it.
struct Store::Applier {
    Store& store;
    uint32_t tenant;
    uint64_t seq;
    ViewSet views; // meets those that the fact changes

    template <class Change> void existing(std::string_view name, Change&& change)
    {
        const std::shared_ptr<Collection> collection = store.findShared(tenant, name);
        if (!collection)
            return;
        const bool wasListed = collection->listed();
        change(*collection);
        store.changed(collection, wasListed);
    }
    void put(std::string_view name, const ValueItem& item)
    {
        const std::shared_ptr<Collection> collection = store.findOrCreate(tenant, name);
        const bool wasListed = collection->listed();
        const int64_t expiryBeforeUs = collection->put(item);
        store.m_expiries.change(tenant, name, item.key, expiryBeforeUs, item.expiryUs);
        store.changed(collection, wasListed);
    }
    void bury(std::string_view name, std::string_view key, uint64_t version)
    {
        put(name, {key, {}, version, 0, seq, true});
    }

    Status operator()(const InsertedFact& f)
    {
        std::vector<std::string_view> due;
        for (const InsertedFact::Group& group : f.groups) {
            if (group.records.empty())
                continue;
            const std::shared_ptr<Collection> c = store.findOrCreate(tenant, group.collection);
            const bool wasListed = c->listed();
            due.clear();
            c->insert(group.records, seq, due);
            store.changed(c, wasListed);
            for (const std::string_view document : due)
                (void)store.m_merges.push({c, std::string(document), false});
        }
        return {};
    }
    Status operator()(const RecordsDeletedFact& f)
    {
        for (const RecordsDeletedFact::Item& i : f.items)
            existing(i.collection, [&](Collection& c) { c.eraseRange(i.doc, i.ts, i.ts); });
        return {};
    }
    Status operator()(const RangeDeletedFact& f)
    {
        existing(f.collection, [&](Collection& c) { c.eraseRange(f.doc, f.from, f.to); });
        return {};
    }
    Status operator()(const DocumentDeletedFact& f)
    {
        for (const std::string_view name : f.collections)
            existing(name, [&](Collection& c) { c.eraseDocument(f.doc); });
        return {};
    }
    Status operator()(const CollectionDroppedFact& f)
    {
        existing(f.collection, [&](Collection& c) { store.m_merges.discard(c.drop(seq, views)); });
        if (views.has(View::Values))
            store.m_expiries.drop(tenant, f.collection);
        return {};
    }
    Status operator()(const KeySetFact& f)
    {
        put(f.collection, {f.key, f.value, f.version, f.expiryUs, seq, false});
        return {};
    }
    Status operator()(const KeyRemovedFact& f)
    {
        bury(f.collection, f.key, f.version);
        return {};
    }
    Status operator()(const KeyExpiredFact& f)
    {
        bury(f.collection, f.key, f.version);
        return {};
    }
    Status operator()(const KeysForgottenFact& f)
    {
        existing(f.collection, [&](Collection& c) { c.forget(f.keys, f.versionFloor); });
        return {};
    }
    Status operator()(const KeysWrittenFact& f)
    {
        std::vector<ValueItem> items;
        for (const KeysWrittenFact::Write& w : f.writes) {
            const bool gone = w.kind != KeysWrittenFact::Kind::Set;
            items.push_back({w.key, w.value, w.version, w.expiryUs, seq, gone});
        }
        const std::shared_ptr<Collection> collection = store.findOrCreate(tenant, f.collection);
        const bool wasListed = collection->listed();
        const std::vector<int64_t> before = collection->put(items);
        for (size_t i = 0; i < items.size(); ++i)
            store.m_expiries.change(tenant, f.collection, items[i].key, before[i],
                                    items[i].expiryUs);
        store.changed(collection, wasListed);
        return {};
    }
    Status operator()(const ApiKeySetFact& f) { return store.m_apiKeys.apply(f); }
    Status operator()(const ApiKeyRemovedFact& f) { return store.m_apiKeys.apply(f); }
};

Status Store::apply(uint32_t tenant, uint64_t seq, int64_t timeUs, const Fact& fact)
{
    if (seq <= appliedSeq())
        return {Code::Damaged, "entry " + std::to_string(seq) + " was applied before"};
    if (Status status = std::visit(Applier{*this, tenant, seq, ViewSet::all()}, fact); !status)
        return status;
    return skip(seq, timeUs);
}

Status Store::rebuild(ViewSet views, uint32_t tenant, uint64_t seq, const Fact& fact)
{
    if (!views.meets(viewsOf(typeOf(fact))))
        return {};
    return std::visit(Applier{*this, tenant, seq, views}, fact);
}

Status Store::skip(uint64_t seq, int64_t timeUs)
{
    if (seq <= appliedSeq())
        return {Code::Damaged, "entry " + std::to_string(seq) + " was applied before"};
    // The time first: who sees the seq then never sees an older time.
    m_appliedTimeUs.store(timeUs, std::memory_order_release);
    m_appliedSeq.store(seq, std::memory_order_release);
    return {};
}

Cut Store::openCut() const
{
    Cut cut;
    cut.seq = appliedSeq();
    cut.timeUs = appliedTimeUs();
    cut.apiKeys = m_apiKeys.list();
    {
        std::shared_lock guard(m_lock);
        cut.collections.reserve(m_collections.size());
        for (const auto& [key, collection] : m_collections)
            cut.collections.push_back({collection, {}, {}});
    }
    for (Cut::Part& part : cut.collections)
        part.collection->pin(part.series, part.values);
    return cut;
}

bool Store::maintain(size_t budget)
{
    m_merges.release();
    for (size_t i = 0; i < budget; ++i) {
        if (!m_merges.empty())
            mergeNext();
        else if (m_sweep.running)
            sweepNext();
        else
            return false;
    }
    return !m_merges.empty() || m_sweep.running;
}

void Store::mergeNext()
{
    std::optional<MergeQueue::Item> item = m_merges.pop();
    if (item && item->collection->mergeDocument(item->document, item->idle))
        (void)m_merges.push(std::move(*item));
}

void Store::startSweep()
{
    if (m_sweep.running)
        return;
    m_sweep = {true, {}, 0, appliedSeq(), m_sweep.startedSeq};
}

void Store::sweepNext()
{
    std::shared_ptr<Collection> collection;
    {
        std::shared_lock guard(m_lock);
        const auto it = m_collections.lower_bound(CollectionView(m_sweep.at));
        if (it == m_collections.end()) {
            m_sweep.running = false;
            return;
        }
        if (it->first != m_sweep.at) {
            m_sweep.at = it->first;
            m_sweep.pageIndex = 0;
        }
        collection = it->second;
    }
    std::vector<Collection::Mergeable> found;
    if (!collection->findMergeable(m_sweep.pageIndex++, m_sweep.previousSeq, found)) {
        m_sweep.at.second.push_back('\0'); // the least name that is greater
        m_sweep.pageIndex = 0;
        return;
    }
    for (Collection::Mergeable& m : found)
        (void)m_merges.push({collection, std::move(m.document), m.idle});
}

} // namespace fluxion
