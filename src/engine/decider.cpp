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
    m_apiKeys = false;
}

Decision Decider::decide(const Proposal& proposal, uint64_t seq)
{
    m_tenant = proposal.principal.tenant;
    m_seq = seq;
    Decision d = std::visit([this](const auto& wish) { return on(wish); }, proposal.wish);
    if (d.verdict == Verdict::Entry && d.payload.size() > m_limits.maxPayloadBytes)
        return tooLarge(m_limits.maxPayloadBytes);
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

// Also counts the collection as there from now on.
bool Decider::hasRoomFor(const std::string& collection)
{
    if (m_created.contains(collection))
        return true;
    const auto there = m_store.find(m_tenant, collection);
    if (there && there->listed())
        return true;
    if (m_store.collectionCount(m_tenant) + m_created.size() >= m_limits.maxCollections)
        return false;
    m_created.insert(collection);
    return true;
}

Ref<Document> Decider::findDocument(const std::string& collection, const std::string& doc) const
{
    const auto there = m_store.find(m_tenant, collection);
    return there ? there->findDocument(doc) : Ref<Document>();
}

Decision Decider::on(const InsertProposal& wish)
{
    if (wish.payload.empty())
        return {};
    for (const std::string& collection : wish.collections) {
        if (m_dropped.contains(collection))
            return split();
        if (!hasRoomFor(collection))
            return refuse(Code::TooMany, "there may be " + std::to_string(m_limits.maxCollections) +
                                             " collections");
    }
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
    for (const auto& item : fact.items)
        m_records.emplace(item.collection);
    return tell(fact);
}

Decision Decider::on(const DeleteRangeProposal& wish)
{
    if (m_records.contains(wish.collection))
        return split();
    const auto document = findDocument(wish.collection, wish.doc);
    if (!document || !document->hasAnyIn(wish.from, wish.to))
        return {};
    m_records.insert(wish.collection);
    return tell(RangeDeletedFact{wish.collection, wish.doc, wish.from, wish.to});
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
    for (const auto& name : fact.collections)
        m_records.emplace(name);
    return tell(fact);
}

Decision Decider::on(const DropCollectionProposal& wish)
{
    if (m_records.contains(wish.collection) || m_values.contains(wish.collection))
        return split();
    const auto collection = m_store.find(m_tenant, wish.collection);
    if (!collection || !collection->listed())
        return {};
    m_records.insert(wish.collection);
    m_values.insert(wish.collection);
    m_dropped.insert(wish.collection);
    return tell(CollectionDroppedFact{wish.collection});
}

Decider::KeyNow Decider::keyNow(const std::string& collection, const std::string& key) const
{
    KeyNow now;
    now.id = keyId(collection, key);
    if (const auto it = m_keys.find(now.id); it != m_keys.end()) {
        now.state = it->second;
        return now;
    }
    if (const auto there = m_store.find(m_tenant, collection)) {
        const KeyState head = there->get(key);
        now.state = {head.version, head.seq, head.found};
    }
    return now;
}

Decision Decider::on(const SetKeyProposal& wish)
{
    if (m_dropped.contains(wish.collection))
        return split();
    if (!hasRoomFor(wish.collection))
        return refuse(Code::TooMany,
                      "there may be " + std::to_string(m_limits.maxCollections) + " collections");
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
    m_apiKeys = true;
    return tell(fact);
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
