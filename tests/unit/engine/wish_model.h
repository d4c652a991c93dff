#pragma once

// The naive meaning of proposals, told once more: what each should come to, given what came before.

#include <string>
#include <utility>

#include "engine/proposal.h"
#include "unit/store/store_model.h"

namespace fluxion {

class WishModel {
  public:
    struct Effect {
        bool entry = false;   // else nothing is to change
        Code refusal = {};    // only with `refused`
        bool refused = false; // not_found
        uint64_t version = 0; // of a key
    };

    // As if it were the next one; takes a seq if it makes an entry.
    Effect apply(const Wish& wish)
    {
        return std::visit([this](const auto& w) { return on(w); }, wish);
    }
    const Model& content() const { return m_model; }
    uint64_t lastSeq() const { return m_seq; }

  private:
    using Records = std::map<int64_t, std::string>;

    Effect enter(const Fact& fact, uint64_t version = 0)
    {
        m_model.apply(0, ++m_seq, fact);
        return {true, {}, false, version};
    }
    const ModelCollection* find(const std::string& name) const
    {
        const auto it = m_model.collections.find({0, name});
        return it == m_model.collections.end() ? nullptr : &it->second;
    }
    const Records* find(const std::string& collection, const std::string& doc) const
    {
        const ModelCollection* c = find(collection);
        if (!c)
            return nullptr;
        const auto it = c->documents.find(doc);
        return it == c->documents.end() ? nullptr : &it->second;
    }
    ModelValue value(const std::string& collection, const std::string& key) const
    {
        ModelValue absent;
        absent.tombstone = true;
        const ModelCollection* c = find(collection);
        if (!c)
            return absent;
        const auto it = c->values.find(key);
        return it == c->values.end() ? absent : it->second;
    }

    Effect on(const InsertProposal& w)
    {
        if (w.payload.empty())
            return {};
        const auto fact = decodeFact(static_cast<uint16_t>(FactType::Inserted), w.payload);
        return enter(fact.value());
    }
    Effect on(const DeleteRecordsProposal& w)
    {
        RecordsDeletedFact fact;
        for (const auto& i : w.items) {
            const Records* records = find(i.collection, i.doc);
            if (records && records->count(i.ts))
                fact.items.push_back({i.collection, i.doc, i.ts});
        }
        return fact.items.empty() ? Effect() : enter(fact);
    }
    Effect on(const DeleteRangeProposal& w)
    {
        const Records* records = find(w.collection, w.doc);
        if (!records)
            return {};
        const auto it = records->lower_bound(w.from);
        if (it == records->end() || it->first > w.to)
            return {};
        return enter(RangeDeletedFact{w.collection, w.doc, w.from, w.to});
    }
    Effect on(const DeleteDocumentProposal& w)
    {
        DocumentDeletedFact fact;
        fact.doc = w.doc;
        for (const auto& [name, c] : m_model.collections) {
            if ((!w.collection || name.second == *w.collection) && c.documents.count(w.doc))
                fact.collections.push_back(name.second);
        }
        if (fact.collections.empty())
            return {};
        return enter(fact);
    }
    Effect on(const DropCollectionProposal& w)
    {
        const ModelCollection* c = find(w.collection);
        return c && c->listed() ? enter(CollectionDroppedFact{w.collection}) : Effect();
    }
    Effect on(const SetKeyProposal& w)
    {
        const uint64_t version = value(w.collection, w.key).version + 1;
        return enter(KeySetFact{w.collection, w.key, w.value, version, 0, 0}, version);
    }
    Effect on(const RemoveKeyProposal& w)
    {
        const ModelValue now = value(w.collection, w.key);
        if (now.tombstone)
            return {};
        return enter(KeyRemovedFact{w.collection, w.key, now.version + 1, 0}, now.version + 1);
    }
    Effect on(const PatchKeyProposal&) { return {}; }
    Effect on(const WriteKeysProposal&) { return {}; }
    Effect on(const ForgetKeysProposal&) { return {}; }
    uint32_t idOf(const KeyHash& hash) const
    {
        for (const auto& [id, key] : m_model.apiKeys) {
            if (key.hash == hash)
                return id;
        }
        return 0;
    }
    Effect on(const SetApiKeyProposal& w)
    {
        const uint32_t id = idOf(w.hash);
        if (id == 0)
            return enter(ApiKeySetFact{m_model.nextApiKey, w.hash, w.scope, w.hint});
        const ModelApiKey key = m_model.apiKeys.at(id);
        return key.scope == w.scope ? Effect()
                                    : enter(ApiKeySetFact{id, w.hash, w.scope, key.hint});
    }
    Effect on(const RemoveApiKeyProposal& w)
    {
        const uint32_t id = idOf(w.hash);
        if (id == 0)
            return {false, Code::NotFound, true, 0};
        return enter(ApiKeyRemovedFact{id});
    }

    Model m_model;
    uint64_t m_seq = 0;
};

// Random proposals over a few names; the same seed gives the same ones. Values tell who wrote them.
class WishSource {
  public:
    // `space` begins the names of the collections that are this source's own.
    WishSource(uint64_t seed, std::string space) : m_random(seed), m_space(std::move(space)) {}

    // Of every kind, in own collections.
    Wish next()
    {
        const uint64_t dice = below(1000);
        if (dice < 380)
            return records();
        if (dice < 420)
            return removedRecords();
        if (dice < 450)
            return DeleteRangeProposal{collection(), document(), ts() - 60, ts()};
        if (dice < 465)
            return DeleteDocumentProposal{document(), collection()};
        if (dice < 470)
            return DropCollectionProposal{collection()};
        if (dice < 820)
            return SetKeyProposal{collection(), key(), value()};
        if (dice < 980)
            return RemoveKeyProposal{collection(), key()};
        if (dice < 992)
            return SetApiKeyProposal{apiKey(), static_cast<Scope>(below(3)), m_space};
        return RemoveApiKeyProposal{apiKey()};
    }
    uint64_t below(uint64_t n) { return m_random() % n; }
    std::string collection() { return m_space + std::to_string(below(4)); }
    std::string document() { return "device-" + std::to_string(below(below(12) + 1)); }
    std::string key() { return "key" + std::to_string(below(40)); }

  private:
    // Mostly rising.
    int64_t ts()
    {
        m_now += below(3) == 0 ? 1 : 0;
        return m_now - (below(6) == 0 ? static_cast<int64_t>(below(400)) : 0);
    }
    std::string value() { return std::string(below(60) == 0 ? 2000 : below(50), 'v'); }
    KeyHash apiKey()
    {
        KeyHash hash{};
        hash.fill(m_space.front());
        hash[31] = static_cast<char>(below(6));
        return hash;
    }
    Wish records()
    {
        InsertedFact fact;
        InsertProposal wish;
        const uint64_t first = below(4);
        const size_t groups = 1 + (below(8) == 0 ? 1 : 0);
        std::deque<std::string> texts;
        for (size_t g = 0; g < groups; ++g) {
            wish.collections.push_back(m_space + std::to_string((first + g) % 4));
            std::vector<RecordFact> made;
            for (uint64_t n = 1 + below(5); n > 0; --n) {
                const std::string& doc = texts.emplace_back(document());
                const std::string& data =
                    texts.emplace_back("{\"t\":" + std::to_string(below(100)) + "}");
                made.push_back({doc, ts(), data});
            }
            fact.groups.push_back({texts.emplace_back(wish.collections.back()), std::move(made)});
        }
        encodeFact(fact, wish.payload);
        return wish;
    }
    Wish removedRecords()
    {
        DeleteRecordsProposal wish;
        for (uint64_t n = 1 + below(4); n > 0; --n)
            wish.items.push_back({collection(), document(), ts()});
        return wish;
    }

    std::mt19937_64 m_random;
    const std::string m_space;
    int64_t m_now = 0;
};

} // namespace fluxion
