#include "engine/decider.h"

#include <set>
#include <tuple>

namespace fluxion {

namespace {

using Verdict = Decision::Verdict;

Decision tooLarge(uint64_t maxBytes)
{
    return Decision::refuse(Code::TooLarge, "one write may have " + std::to_string(maxBytes) +
                                                " bytes, as the log's segment size allows");
}

// After such an entry a collection may be without key and record, and count no more. Of written
// keys only the removed ones count: see remember().
bool mayFreeCollection(FactType type)
{
    return type != FactType::Inserted && type != FactType::KeySet &&
           type != FactType::KeysWritten && type != FactType::ApiKeySet &&
           type != FactType::ApiKeyRemoved;
}

} // namespace

Decision Decision::refuse(Code code, std::string text)
{
    Decision d;
    d.verdict = Verdict::Refused;
    d.status = Status(code, std::move(text));
    return d;
}

Decision Decision::split()
{
    Decision d;
    d.verdict = Verdict::Split;
    return d;
}

void Decider::beginBatch(int64_t nowUs)
{
    m_nowUs = nowUs;
    m_lookedThrough = nullptr;
    m_keys.clear();
    m_records.clear();
    m_values.clear();
    m_dropped.clear();
    m_created.clear();
    m_freed = false;
    m_apiKeys = false;
    m_batchTenant.reset();
    m_last.reset();
}

Decision Decider::decide(const Proposal& proposal, uint64_t seq)
{
    m_tenant = proposal.principal.tenant;
    m_seq = seq;
    m_merged.clear();
    // What the batch has decided is kept by name, so that one batch is of one tenant.
    if (m_batchTenant && *m_batchTenant != m_tenant)
        return Decision::split();
    Decision d = std::visit([this](const auto& wish) { return on(wish); }, proposal.wish);
    if (d.verdict == Verdict::Entry || d.verdict == Verdict::First) {
        m_batchTenant = m_tenant;
        m_freed |= mayFreeCollection(d.type);
    }
    return d;
}

Decision Decider::tell(const Fact& fact)
{
    m_payload.clear();
    encodeFact(fact, m_payload);
    if (m_payload.size() > m_limits.maxPayloadBytes)
        return tooLarge(m_limits.maxPayloadBytes);
    Decision d;
    d.verdict = Verdict::Entry;
    d.type = typeOf(fact);
    d.payload = m_payload;
    return d;
}

// Neighbours are often of one collection.
const Collection* Decider::find(const std::string& collection)
{
    if (!m_last || m_last->name() != collection || m_last->tenant() != m_tenant)
        m_last = m_store.find(m_tenant, collection);
    return m_last.get();
}

bool Decider::isNew(const std::string& collection)
{
    if (m_created.contains(collection))
        return false;
    const Collection* const there = find(collection);
    return !there || !there->listed();
}

// Where the batch takes something away, only the views can tell how many are left.
Decision Decider::noRoom() const
{
    if (m_freed)
        return Decision::split();
    return Decision::refuse(
        Code::TooMany, "there may be " + std::to_string(m_limits.maxCollections) + " collections");
}

bool Decider::hasRoomFor(size_t newCollections) const
{
    return newCollections == 0 ||
           m_store.collectionCount(m_tenant) + m_created.size() + newCollections <=
               m_limits.maxCollections;
}

Ref<Document> Decider::findDocument(const std::string& collection, const std::string& doc)
{
    const Collection* const there = find(collection);
    return there ? there->findDocument(doc) : Ref<Document>();
}

Decision Decider::on(const InsertProposal& wish)
{
    if (wish.payload.empty())
        return {};
    std::vector<const std::string*> created;
    for (const std::string& collection : wish.collections) {
        if (m_dropped.contains(collection))
            return Decision::split();
        if (isNew(collection))
            created.push_back(&collection);
    }
    if (wish.payload.size() > m_limits.maxPayloadBytes)
        return tooLarge(m_limits.maxPayloadBytes);
    if (!hasRoomFor(created.size()))
        return noRoom();
    for (const std::string* collection : created)
        m_created.insert(*collection);
    m_records.insert(wish.collections.begin(), wish.collections.end());
    Decision d;
    d.verdict = Verdict::Entry;
    d.type = FactType::Inserted;
    d.payload = wish.payload;
    return d;
}

Decision Decider::on(const DeleteRecordsProposal& wish)
{
    RecordsDeletedFact fact;
    std::set<std::tuple<std::string_view, std::string_view, int64_t>> seen;
    for (const auto& item : wish.items) {
        if (m_records.contains(item.collection))
            return Decision::split();
        const auto document = findDocument(item.collection, item.doc);
        if (document && document->contains(item.ts) &&
            seen.emplace(item.collection, item.doc, item.ts).second)
            fact.items.push_back({item.collection, item.doc, item.ts});
    }
    if (fact.items.empty())
        return {};
    Decision d = tell(fact);
    if (d.verdict != Verdict::Entry)
        return d;
    for (const auto& item : fact.items)
        m_records.emplace(item.collection);
    return d;
}

Decision Decider::on(const DeleteRangeProposal& wish)
{
    if (m_records.contains(wish.collection))
        return Decision::split();
    const auto document = findDocument(wish.collection, wish.doc);
    if (!document || !document->hasAnyIn(wish.from, wish.to))
        return {};
    Decision d = tell(RangeDeletedFact{wish.collection, wish.doc, wish.from, wish.to});
    if (d.verdict == Verdict::Entry)
        m_records.insert(wish.collection);
    return d;
}

Decision Decider::on(const DeleteDocumentProposal& wish)
{
    DocumentDeletedFact fact;
    fact.doc = wish.doc;
    std::vector<std::string> names;
    if (wish.collection) {
        if (m_records.contains(*wish.collection))
            return Decision::split();
        names.push_back(*wish.collection);
    } else {
        if (!m_records.empty())
            return Decision::split();
        names = m_store.collections(m_tenant);
    }
    for (const std::string& name : names) {
        if (findDocument(name, wish.doc))
            fact.collections.push_back(name);
    }
    if (fact.collections.empty())
        return {};
    Decision d = tell(fact);
    if (d.verdict != Verdict::Entry)
        return d;
    for (const auto& name : fact.collections)
        m_records.emplace(name);
    return d;
}

Decision Decider::on(const DropCollectionProposal& wish)
{
    if (m_records.contains(wish.collection) || m_values.contains(wish.collection))
        return Decision::split();
    const Collection* const collection = find(wish.collection);
    if (!collection || !collection->listed())
        return {};
    Decision d = tell(CollectionDroppedFact{wish.collection});
    if (d.verdict != Verdict::Entry)
        return d;
    m_records.insert(wish.collection);
    m_values.insert(wish.collection);
    m_dropped.insert(wish.collection);
    return d;
}

Decision Decider::on(const SetApiKeyProposal& wish)
{
    if (m_apiKeys)
        return Decision::split();
    ApiKeySetFact fact;
    fact.hash = wish.hash;
    fact.scope = wish.scope;
    fact.hint = wish.hint;
    if (const auto there = m_store.apiKeys().find(wish.hash)) {
        if (there->scope() == wish.scope)
            return {};
        fact.id = there->id();
        fact.hint = there->hint();
    } else {
        if (m_store.apiKeys().count() >= m_limits.maxApiKeys)
            return Decision::refuse(
                Code::TooMany, "there may be " + std::to_string(m_limits.maxApiKeys) + " API keys");
        fact.id = m_store.apiKeys().nextId();
    }
    Decision d = tell(fact);
    m_apiKeys = d.verdict == Verdict::Entry;
    return d;
}

Decision Decider::on(const RemoveApiKeyProposal& wish)
{
    if (m_apiKeys)
        return Decision::split();
    const auto there = m_store.apiKeys().find(wish.hash);
    if (!there)
        return Decision::refuse(Code::NotFound, "there is no such key");
    m_apiKeys = true;
    return tell(ApiKeyRemovedFact{there->id()});
}

} // namespace fluxion
