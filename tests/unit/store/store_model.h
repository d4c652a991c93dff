#pragma once

// A naive model of the views, and random facts that could stand in a log: what the store must fold
// to is what these few lines fold to.

#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "store/range_cursor.h"
#include "store/store.h"

namespace fluxion {

struct ModelValue {
    std::string value;
    uint64_t version = 0;
    int64_t expiryUs = 0;
    uint64_t seq = 0;
    bool tombstone = false;
    bool operator==(const ModelValue&) const = default;
};

struct ModelCollection {
    std::map<std::string, std::map<int64_t, std::string>> documents;
    std::map<std::string, ModelValue> values;
    uint64_t versionFloor = 0;

    bool operator==(const ModelCollection&) const = default;
    bool listed() const
    {
        for (const auto& [key, value] : values) {
            if (!value.tombstone)
                return true;
        }
        return !documents.empty();
    }
};

struct ModelApiKey {
    KeyHash hash{};
    Scope scope = Scope::ReadOnly;
    std::string hint;
    bool operator==(const ModelApiKey&) const = default;
};

struct Model {
    std::map<std::pair<uint32_t, std::string>, ModelCollection> collections;
    std::map<uint32_t, ModelApiKey> apiKeys;
    uint32_t nextApiKey = 1;

    bool operator==(const Model&) const = default;

    void apply(uint32_t tenant, uint64_t seq, const Fact& fact)
    {
        std::visit([&](const auto& f) { fold(tenant, seq, f); }, fact);
        std::erase_if(collections, [](const auto& c) { return c.second == ModelCollection(); });
    }

  private:
    ModelCollection& at(uint32_t tenant, std::string_view name)
    {
        return collections[{tenant, std::string(name)}];
    }
    void erase(uint32_t tenant, std::string_view name, std::string_view doc, int64_t from,
               int64_t to)
    {
        auto& documents = at(tenant, name).documents;
        const auto it = documents.find(std::string(doc));
        if (it == documents.end())
            return;
        std::erase_if(it->second, [&](const auto& r) { return r.first >= from && r.first <= to; });
        if (it->second.empty())
            documents.erase(it);
    }
    void fold(uint32_t tenant, uint64_t, const InsertedFact& f)
    {
        for (const auto& group : f.groups)
            for (const RecordFact& r : group.records)
                at(tenant, group.collection).documents[std::string(r.doc)][r.ts] = r.data;
    }
    void fold(uint32_t tenant, uint64_t, const RecordsDeletedFact& f)
    {
        for (const auto& i : f.items)
            erase(tenant, i.collection, i.doc, i.ts, i.ts);
    }
    void fold(uint32_t tenant, uint64_t, const RangeDeletedFact& f)
    {
        erase(tenant, f.collection, f.doc, f.from, f.to);
    }
    void fold(uint32_t tenant, uint64_t, const DocumentDeletedFact& f)
    {
        for (const std::string_view name : f.collections)
            at(tenant, name).documents.erase(std::string(f.doc));
    }
    void fold(uint32_t tenant, uint64_t seq, const CollectionDroppedFact& f)
    {
        ModelCollection& c = at(tenant, f.collection);
        c.documents.clear();
        for (auto& [key, value] : c.values)
            if (!value.tombstone)
                value = {"", value.version + 1, 0, seq, true};
    }
    void fold(uint32_t tenant, uint64_t seq, const KeySetFact& f)
    {
        at(tenant, f.collection).values[std::string(f.key)] = {std::string(f.value), f.version,
                                                               f.expiryUs, seq, false};
    }
    void fold(uint32_t tenant, uint64_t seq, const KeyRemovedFact& f)
    {
        at(tenant, f.collection).values[std::string(f.key)] = {"", f.version, 0, seq, true};
    }
    void fold(uint32_t tenant, uint64_t seq, const KeyExpiredFact& f)
    {
        at(tenant, f.collection).values[std::string(f.key)] = {"", f.version, 0, seq, true};
    }
    void fold(uint32_t tenant, uint64_t, const KeysForgottenFact& f)
    {
        ModelCollection& c = at(tenant, f.collection);
        for (const std::string_view key : f.keys)
            c.values.erase(std::string(key));
        c.versionFloor = std::max(c.versionFloor, f.versionFloor);
    }
    void fold(uint32_t tenant, uint64_t seq, const KeysWrittenFact& f)
    {
        for (const KeysWrittenFact::Write& w : f.writes)
            at(tenant, f.collection).values[std::string(w.key)] = {
                std::string(w.value), w.version, w.expiryUs, seq,
                w.kind == KeysWrittenFact::Kind::Removed};
    }
    void fold(uint32_t, uint64_t, const ApiKeySetFact& f)
    {
        apiKeys[f.id] = {f.hash, f.scope, std::string(f.hint)};
        nextApiKey = std::max(nextApiKey, f.id + 1);
    }
    void fold(uint32_t, uint64_t, const ApiKeyRemovedFact& f) { apiKeys.erase(f.id); }
};

// A cut, as a model.
inline Model contentOf(const Cut& cut)
{
    Model model;
    model.nextApiKey = cut.apiKeys.nextId;
    for (const ApiKeyRecord& key : cut.apiKeys.keys)
        model.apiKeys[key.id] = {key.hash, key.scope, key.hint};
    for (const Cut::Part& part : cut.collections) {
        ModelCollection c;
        c.versionFloor = part.values.versionFloor;
        for (size_t p = 0; p < part.series.pages.pageCount(); ++p) {
            const DocumentPage& page = part.series.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i) {
                auto& records = c.documents[std::string(page.name(i))];
                RangeCursor cursor(*page.document(i), INT64_MIN, INT64_MAX);
                RecordView record;
                while (cursor.next(record))
                    records.emplace(record.ts, record.data);
            }
        }
        for (size_t p = 0; p < part.values.pages.pageCount(); ++p) {
            const ValuePage& page = part.values.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i) {
                const ValueItem v = page.at(i);
                c.values[std::string(v.key)] = {std::string(v.value), v.version, v.expiryUs, v.seq,
                                                v.tombstone};
            }
        }
        if (c != ModelCollection())
            model.collections[{part.collection->tenant(), part.collection->name()}] = c;
    }
    return model;
}

// Which live keys expire; both ways to tell.
inline std::set<Expiries::Key> expiriesOf(const Model& model)
{
    std::set<Expiries::Key> expiries;
    for (const auto& [name, c] : model.collections) {
        for (const auto& [key, v] : c.values) {
            if (v.expiryUs != 0)
                expiries.insert({v.expiryUs, name.first, name.second, key});
        }
    }
    return expiries;
}
inline std::set<Expiries::Key> expiriesOf(const Store& store)
{
    return {store.expiries().begin(), store.expiries().end()};
}

// Random facts over a few names. A fact's views live until the next one is made.
class FactSource {
  public:
    FactSource(std::mt19937_64& random, const Model& model) : m_random(random), m_model(model) {}

    uint32_t tenant() { return below(8) == 0 ? 1 : 0; }

    Fact next(uint32_t tenant)
    {
        m_texts.clear();
        const uint64_t dice = below(1000);
        if (dice < 550)
            return inserted();
        if (dice < 600)
            return recordsDeleted();
        if (dice < 630)
            return RangeDeletedFact{collection(), document(), ts() - 100, ts()};
        if (dice < 640)
            return DocumentDeletedFact{document(), {collection(), collection()}};
        if (dice < 642)
            return CollectionDroppedFact{collection()};
        if (dice < 970)
            return key(tenant);
        return apiKey();
    }

  private:
    uint64_t below(uint64_t n) { return m_random() % n; }
    std::string_view text(std::string s) { return m_texts.emplace_back(std::move(s)); }
    std::string_view collection() { return text("col" + std::to_string(below(5))); }
    std::string_view document() { return text("device-" + std::to_string(below(below(9) + 1))); }
    // Mostly rising.
    int64_t ts() { return m_now + (below(4) == 0 ? -static_cast<int64_t>(below(3000)) : 0); }

    Fact inserted()
    {
        InsertedFact f;
        const size_t groups = 1 + below(2);
        const uint64_t first = below(5);
        for (size_t g = 0; g < groups; ++g) {
            InsertedFact::Group group;
            group.collection = text("col" + std::to_string((first + g) % 5));
            for (uint64_t n = 1 + below(12); n > 0; --n) {
                m_now += static_cast<int64_t>(below(5));
                const size_t size = below(500) == 0 ? 30'000 : below(60);
                std::string data = "{\"t\":" + std::to_string(below(1000)) + "}";
                data.append(size, 'x');
                group.records.push_back({document(), ts(), text(std::move(data))});
            }
            f.groups.push_back(std::move(group));
        }
        return f;
    }
    Fact recordsDeleted()
    {
        RecordsDeletedFact f;
        for (const auto& [name, c] : m_model.collections) {
            if (name.first != 0 || c.documents.empty() || below(2) == 0)
                continue;
            const auto& [doc, records] = *c.documents.begin();
            f.items.push_back({text(name.second), text(doc), records.rbegin()->first});
            f.items.push_back({text(name.second), text(doc), records.begin()->first});
        }
        return f;
    }
    ModelValue before(uint32_t tenant, std::string_view collection, std::string_view key) const
    {
        ModelValue absent;
        absent.tombstone = true;
        const auto it = m_model.collections.find({tenant, std::string(collection)});
        if (it == m_model.collections.end())
            return absent;
        absent.version = it->second.versionFloor;
        const auto value = it->second.values.find(std::string(key));
        return value == it->second.values.end() ? absent : value->second;
    }
    std::string_view keyName() { return text("key" + std::to_string(below(300))); }
    std::string_view value() { return text(std::string(below(100) == 0 ? 6000 : below(100), 'v')); }
    int64_t expiry() { return below(3) == 0 ? static_cast<int64_t>(m_random()) : 0; }
    Fact key(uint32_t tenant)
    {
        const uint64_t dice = below(100);
        const std::string_view c = collection();
        if (dice == 0)
            return keysForgotten(tenant, c);
        if (dice < 10)
            return keysWritten(tenant, c);
        const std::string_view k = keyName();
        const ModelValue was = before(tenant, c, k);
        if (dice < 25 && !was.tombstone)
            return KeyRemovedFact{c, k, was.version + 1, was.seq};
        if (dice < 40 && !was.tombstone)
            return KeyExpiredFact{c, k, was.version + 1, was.seq};
        return KeySetFact{c, k, value(), was.version + 1, expiry(), was.seq};
    }
    Fact keysWritten(uint32_t tenant, std::string_view c)
    {
        KeysWrittenFact f;
        f.collection = c;
        const uint64_t first = below(300);
        for (uint64_t n = 1 + below(6); n > 0; --n) {
            KeysWrittenFact::Write w;
            w.key = text("key" + std::to_string((first + n * 11) % 300));
            const ModelValue was = before(tenant, c, w.key);
            w.version = was.version + 1;
            w.previousSeq = was.seq;
            if (!was.tombstone && below(3) == 0) {
                w.kind = KeysWrittenFact::Kind::Removed;
            } else {
                w.value = value();
                w.expiryUs = expiry();
            }
            f.writes.push_back(w);
        }
        return f;
    }
    Fact keysForgotten(uint32_t tenant, std::string_view c)
    {
        KeysForgottenFact f;
        f.collection = c;
        const auto it = m_model.collections.find({tenant, std::string(c)});
        if (it == m_model.collections.end())
            return f;
        for (const auto& [key, v] : it->second.values) {
            if (!v.tombstone || below(3) == 0)
                continue;
            f.keys.push_back(text(key));
            f.versionFloor = std::max(f.versionFloor, v.version);
        }
        return f;
    }
    Fact apiKey()
    {
        const uint32_t next = m_model.nextApiKey;
        if (m_model.apiKeys.empty() || below(2) == 0) {
            KeyHash hash{};
            for (char& c : hash)
                c = static_cast<char>(m_random());
            return ApiKeySetFact{next, hash, Scope::ReadOnly, text("abcd")};
        }
        const auto& [id, key] = *m_model.apiKeys.begin();
        if (below(2) == 0)
            return ApiKeyRemovedFact{id};
        return ApiKeySetFact{id, key.hash, Scope::ReadWrite, key.hint};
    }

    std::mt19937_64& m_random;
    const Model& m_model;
    std::deque<std::string> m_texts;
    int64_t m_now = 0;
};

} // namespace fluxion
