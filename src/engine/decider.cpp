#include "engine/decider.h"

#include <set>
#include <tuple>

#include "base/bytes.h"

namespace fluxion {

namespace {

using Verdict = Decision::Verdict;

Decision refuse(Code code, std::string text)
{
    Decision d;
    d.verdict = Verdict::Refused;
    d.status = Status(code, std::move(text));
    return d;
}

Decision tooLarge(uint64_t maxBytes)
{
    return refuse(Code::TooLarge, "one write may have " + std::to_string(maxBytes) +
                                      " bytes, as the log's segment size allows");
}

Decision split()
{
    Decision d;
    d.verdict = Verdict::Split;
    return d;
}

// After such an entry a collection may be without key and record, and count no more.
bool mayFreeCollection(FactType type)
{
    return type != FactType::Inserted && type != FactType::KeySet && type != FactType::ApiKeySet &&
           type != FactType::ApiKeyRemoved;
}

// One name for (collection, key), whatever bytes they hold.
std::string keyId(const std::string& collection, const std::string& key)
{
    std::string id;
    ByteWriter out(id);
    out.text(collection);
    out.raw(key);
    return id;
}

} // namespace

void Decider::beginBatch()
{
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
    // What the batch has decided is kept by name, so that one batch is of one tenant.
    if (m_batchTenant && *m_batchTenant != m_tenant)
        return split();
    Decision d = std::visit([this](const auto& wish) { return on(wish); }, proposal.wish);
    if (d.verdict == Verdict::Entry) {
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
        return split();
    return refuse(Code::TooMany,
                  "there may be " + std::to_string(m_limits.maxCollections) + " collections");
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
            return split();
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
            return split();
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
        return split();
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
            return split();
        names.push_back(*wish.collection);
    } else {
        if (!m_records.empty())
            return split();
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
        return split();
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

Decider::KeyNow Decider::keyNow(const std::string& collection, const std::string& key)
{
    KeyNow now;
    now.id = keyId(collection, key);
    if (const auto it = m_keys.find(now.id); it != m_keys.end()) {
        now.state = it->second;
        return now;
    }
    if (const Collection* const there = find(collection)) {
        const KeyHead head = there->head(key);
        now.state = {head.version, head.seq, head.found};
    }
    return now;
}

Decision Decider::on(const SetKeyProposal& wish)
{
    if (m_dropped.contains(wish.collection))
        return split();
    const bool created = isNew(wish.collection);
    if (!hasRoomFor(created ? 1 : 0))
        return noRoom();
    KeyNow now = keyNow(wish.collection, wish.key);
    KeySetFact fact;
    fact.collection = wish.collection;
    fact.key = wish.key;
    fact.value = wish.value;
    fact.version = now.state.version + 1;
    fact.previousSeq = now.state.seq;
    Decision d = tell(fact);
    if (d.verdict != Verdict::Entry)
        return d; // the key stays as it is, for this batch too
    if (created)
        m_created.insert(wish.collection);
    m_keys[std::move(now.id)] = {fact.version, m_seq, true};
    m_values.insert(wish.collection);
    d.version = fact.version;
    return d;
}

Decision Decider::on(const RemoveKeyProposal& wish)
{
    if (m_dropped.contains(wish.collection))
        return split();
    KeyNow now = keyNow(wish.collection, wish.key);
    if (!now.state.live)
        return {};
    KeyRemovedFact fact;
    fact.collection = wish.collection;
    fact.key = wish.key;
    fact.version = now.state.version + 1;
    fact.previousSeq = now.state.seq;
    Decision d = tell(fact);
    if (d.verdict != Verdict::Entry)
        return d; // the key stays as it is, for this batch too
    m_keys[std::move(now.id)] = {fact.version, m_seq, false};
    m_values.insert(wish.collection);
    d.version = fact.version;
    return d;
}

Decision Decider::on(const SetApiKeyProposal& wish)
{
    if (m_apiKeys)
        return split();
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
            return refuse(Code::TooMany,
                          "there may be " + std::to_string(m_limits.maxApiKeys) + " API keys");
        fact.id = m_store.apiKeys().nextId();
    }
    Decision d = tell(fact);
    m_apiKeys = d.verdict == Verdict::Entry;
    return d;
}

Decision Decider::on(const RemoveApiKeyProposal& wish)
{
    if (m_apiKeys)
        return split();
    const auto there = m_store.apiKeys().find(wish.hash);
    if (!there)
        return refuse(Code::NotFound, "there is no such key");
    m_apiKeys = true;
    return tell(ApiKeyRemovedFact{there->id()});
}

} // namespace fluxion
