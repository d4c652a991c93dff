#pragma once

// The naive meaning of proposals, told once more: what each should come to, given what came before.

#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "engine/proposal.h"
#include "unit/engine/naive_json.h"
#include "unit/store/store_model.h"

namespace fluxion {

class WishModel {
  public:
    struct Effect {
        bool entry = false;   // else nothing is to change
        Code refusal = {};    // only with `refused`
        bool refused = false; // not_found, conflict, bad_request
        uint64_t version = 0; // of a key
        std::optional<KeyConflict> conflict = {};
        std::vector<uint64_t> versions = {}; // of several keys
    };

    // As if it were the next one; takes a seq if it makes an entry.
    Effect apply(const Wish& wish)
    {
        return std::visit([this](const auto& w) { return on(w); }, wish);
    }
    // Time goes on: an entry for each key that is over by then, in their order.
    void passTo(int64_t nowUs)
    {
        m_nowUs = nowUs;
        std::set<std::tuple<int64_t, std::string, std::string>> due;
        for (const auto& [name, c] : m_model.collections) {
            for (const auto& [key, v] : c.values) {
                if (v.expiryUs != 0 && v.expiryUs <= nowUs)
                    due.emplace(v.expiryUs, name.second, key);
            }
        }
        for (const auto& [expiryUs, collection, key] : due)
            enter(KeyExpiredFact{collection, key, value(collection, key).version + 1, 0});
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
        absent.version = c->versionFloor;
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
    using Write = WriteKeysProposal::Write;
    using Op = WriteKeysProposal::Op;

    // What one write comes to: nothing, a fact's part, or a refusal.
    struct Change {
        Effect refusal;
        std::optional<KeysWrittenFact::Write> fact;
        std::string text; // the fact's value
        uint64_t version = 0;
    };
    Change change(const std::string& collection, const Write& w) const
    {
        const ModelValue now = value(collection, w.key);
        const bool there = !now.tombstone;
        Change c;
        c.version = now.version;
        if (w.ifVersion && (*w.ifVersion == 0 ? there : *w.ifVersion != now.version)) {
            c.refusal = {false, Code::Conflict, true, 0};
            c.refusal.conflict = KeyConflict{w.key, now.version, there, now.value};
            return c;
        }
        if (w.op == Op::Check || (w.op == Op::Remove && !there))
            return c;
        c.version = now.version + 1;
        c.text = w.value;
        if (w.op == Op::Patch) {
            const auto patch = NaiveJson::read(w.value);
            auto merged = there ? NaiveJson::read(now.value) : NaiveJson();
            if (!patch || !merged) {
                c.refusal = {false, Code::BadRequest, true, 0};
                return c;
            }
            merged->merge(*patch, w.nulls == NullMerge::Delete);
            c.text = merged->write();
        }
        c.fact.emplace();
        c.fact->key = w.key;
        c.fact->version = c.version;
        if (w.op == Op::Remove) {
            c.fact->kind = KeysWrittenFact::Kind::Removed;
            c.text.clear();
        } else if (w.ttlUs) {
            c.fact->expiryUs = *w.ttlUs > 0 ? m_nowUs + *w.ttlUs : 0;
        } else if (w.op == Op::Patch) {
            c.fact->expiryUs = now.expiryUs;
        }
        return c;
    }
    Effect one(const std::string& collection, const Write& w)
    {
        const Change c = change(collection, w);
        if (c.refusal.refused || !c.fact)
            return c.refusal;
        if (w.op == Op::Remove)
            return enter(KeyRemovedFact{collection, w.key, c.version, 0}, c.version);
        return enter(KeySetFact{collection, w.key, c.text, c.version, c.fact->expiryUs, 0},
                     c.version);
    }
    Effect on(const SetKeyProposal& w)
    {
        return one(w.collection, {Op::Set, w.key, w.value, w.ifVersion, w.ttlUs});
    }
    Effect on(const PatchKeyProposal& w)
    {
        return one(w.collection, {Op::Patch, w.key, w.patch, w.ifVersion, w.ttlUs, w.nulls});
    }
    Effect on(const RemoveKeyProposal& w)
    {
        return one(w.collection, {Op::Remove, w.key, "", w.ifVersion});
    }
    Effect on(const WriteKeysProposal& w)
    {
        KeysWrittenFact fact;
        fact.collection = w.collection;
        std::deque<Change> changes;
        std::vector<uint64_t> versions;
        for (const Write& write : w.writes) {
            Change& c = changes.emplace_back(change(w.collection, write));
            if (c.refusal.refused)
                return c.refusal;
            versions.push_back(c.version);
            if (!c.fact)
                continue;
            c.fact->value = c.text;
            fact.writes.push_back(*c.fact);
        }
        Effect effect = fact.writes.empty() ? Effect() : enter(fact);
        effect.versions = versions;
        return effect;
    }
    Effect on(const ForgetKeysProposal& w)
    {
        KeysForgottenFact fact;
        fact.collection = w.collection;
        for (const auto& tombstone : w.tombstones) {
            const ModelValue now = value(w.collection, tombstone.key);
            if (!now.tombstone || now.seq == 0 || now.seq != tombstone.seq)
                continue;
            fact.keys.push_back(tombstone.key);
            fact.versionFloor = std::max(fact.versionFloor, now.version);
        }
        return fact.keys.empty() ? Effect() : enter(fact);
    }
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
    int64_t m_nowUs = 0;
};

// Random proposals over a few names; the same seed gives the same ones. Values tell who wrote them.
class WishSource {
  public:
    // `space` begins the names of the collections that are this source's own. With
    // `longestTtlUs` some keys expire.
    WishSource(uint64_t seed, std::string space, int64_t longestTtlUs = 0)
        : m_random(seed), m_space(std::move(space)), m_longestTtlUs(longestTtlUs)
    {
    }

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
        if (dice < 700)
            return SetKeyProposal{collection(), key(), value(), version(), ttl().value_or(0)};
        if (dice < 800)
            return PatchKeyProposal{collection(), key(), patch(), version(), ttl(), nulls()};
        if (dice < 860)
            return severalKeys();
        if (dice < 980)
            return RemoveKeyProposal{collection(), key(), version()};
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
    // Text, or JSON: what is text cannot be patched.
    std::string value()
    {
        if (below(4) != 0)
            return object(3);
        return std::string(below(10) == 0 ? 2000 : below(50), 'v');
    }
    std::string object(uint64_t depth)
    {
        std::string text = "{";
        for (char name = 'a'; name < 'f'; ++name) {
            if (below(3) == 0)
                text +=
                    (text.size() > 1 ? ",\"" : "\"") + std::string(1, name) + "\":" + member(depth);
        }
        return text + "}";
    }
    std::string member(uint64_t depth)
    {
        static const char* const plain[] = {
            "null", "1.50", "-0", "1E5", "12345678901234567890123", "\"text\"", "9007199254740993"};
        return depth > 0 && below(3) == 0 ? object(depth - 1) : plain[below(std::size(plain))];
    }
    std::string patch()
    {
        const uint64_t dice = below(20);
        return dice == 0 ? "{\"broken" : dice == 1 ? member(0) : object(3);
    }
    NullMerge nulls() { return below(2) == 0 ? NullMerge::Delete : NullMerge::Store; }
    // Most would not hold, so that most writes go without.
    std::optional<uint64_t> version()
    {
        const uint64_t dice = below(8);
        return dice == 0   ? std::optional(uint64_t{0})
               : dice == 1 ? std::optional(below(40))
                           : std::nullopt;
    }
    std::optional<int64_t> ttl()
    {
        if (m_longestTtlUs == 0 || below(4) != 0)
            return below(4) == 0 ? std::optional(int64_t{0}) : std::nullopt;
        return 1 + static_cast<int64_t>(below(static_cast<uint64_t>(m_longestTtlUs)));
    }
    Wish severalKeys()
    {
        WriteKeysProposal wish;
        wish.collection = collection();
        const uint64_t first = below(40);
        for (uint64_t n = below(6); n > 0; --n) {
            auto& w = wish.writes.emplace_back();
            w.op = static_cast<WriteKeysProposal::Op>(below(4));
            w.key = "key" + std::to_string((first + n * 7) % 40);
            w.ttlUs = ttl();
            w.nulls = nulls();
            // One that does not hold is enough to refuse all.
            if (w.op == WriteKeysProposal::Op::Check || below(4) == 0)
                w.ifVersion = version();
            if (w.op == WriteKeysProposal::Op::Check && !w.ifVersion)
                w.op = WriteKeysProposal::Op::Remove;
            if (w.op == WriteKeysProposal::Op::Set)
                w.value = value();
            if (w.op == WriteKeysProposal::Op::Patch)
                w.value = object(3);
        }
        return wish;
    }
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
    const int64_t m_longestTtlUs;
    int64_t m_now = 0;
};

} // namespace fluxion
