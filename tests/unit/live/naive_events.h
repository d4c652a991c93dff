#pragma once

// What subscribers should hear, told a second time and naively: from the facts in the log, with
// substrings in place of patterns, and every key's value kept aside. Texts must need no escapes.

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "live/filter.h"
#include "live/live_source.h"
#include "store/facts.h"

namespace fluxion {

struct Happening {
    uint64_t seq = 0;
    uint64_t index = 0;
    int64_t timeUs = 0;
    uint32_t tenant = 0;
    std::string op;
    std::string collection;
    std::string name;
    std::string value; // also the data of a record
    uint64_t version = 0;
    int64_t expiryUs = 0;
    bool had = false; // the key was there before
    std::string previous;
    int64_t from = 0;
    int64_t to = 0;
    bool whole = false;

    bool ofKey() const { return op == "set" || op == "removed" || op == "expired"; }
};

// What a subscriber asked for, as the naive side understands it.
struct Wanted {
    bool documents = false;
    std::optional<std::string> collection = {};
    std::optional<std::string> name = {};    // all of it
    std::optional<std::string> nameHas = {}; // as an expression
    std::optional<std::string> has = {};     // in the value
    std::optional<std::string> hasNot = {};
    EventFields fields = {};

    bool wantsBefore() const { return !documents && (has || hasNot || fields.previous); }

    Filter filter() const
    {
        const auto parse = [](const std::string& text) { return Pattern::parse(text, {}).value(); };
        Filter f;
        f.kind = documents ? WatchKind::Documents : WatchKind::Keys;
        f.collection = collection;
        if (name)
            f.match = parse(*name);
        if (nameHas)
            f.match = parse("/" + *nameHas + "/");
        if (has)
            f.where = parse(*has);
        if (hasNot)
            f.without = parse("/" + *hasNot + "/");
        f.fields = fields;
        return f;
    }

    bool passes(const std::string& value) const
    {
        return (!has || value.find(*has) != std::string::npos) &&
               (!hasNot || value.find(*hasNot) == std::string::npos);
    }
    bool namePasses(const std::string& text) const
    {
        return (!name || text == *name) && (!nameHas || text.find(*nameHas) != std::string::npos);
    }
    // The event's text; nothing if it is none of theirs.
    std::optional<std::string> told(const Happening& h) const
    {
        if (h.tenant != 0 || (collection && *collection != h.collection))
            return {};
        if (h.op == "dropped")
            return text(h, "");
        if (h.ofKey() == documents || !namePasses(h.name))
            return {};
        if (documents) {
            if (h.op == "inserted" && !passes(h.value))
                return {};
            return text(h, "");
        }
        if (!has && !hasNot)
            return text(h, "");
        const bool before = h.had && passes(h.previous);
        const bool after = h.op == "set" && passes(h.value);
        if (!before && !after)
            return {};
        if (h.op == "set" && before != after)
            return text(h, before ? "left" : "entered");
        return text(h, "");
    }

  private:
    static std::string quoted(const char* field, const std::string& value)
    {
        return std::string(",\"") + field + "\":\"" + value + "\"";
    }
    static std::string number(const char* field, int64_t value)
    {
        return std::string(",\"") + field + "\":" + std::to_string(value);
    }
    std::string text(const Happening& h, const std::string& mark) const
    {
        std::string out = "{\"seq\":" + std::to_string(h.seq) + ",\"i\":" + std::to_string(h.index);
        out += quoted("op", h.op) + quoted("col", h.collection);
        const bool shows = fields.value && mark != "left";
        if (h.ofKey()) {
            out += quoted("key", h.name) + number("ver", static_cast<int64_t>(h.version));
            out += mark.empty() ? "" : ",\"" + mark + "\":true";
            out += shows && h.op == "set" ? quoted("value", h.value) : "";
            if (fields.expiry && mark != "left" && h.expiryUs != 0)
                out += number("expires", h.expiryUs / 1000);
            out += fields.previous && h.had ? quoted("previous", h.previous) : "";
        } else if (h.op != "dropped") {
            out += quoted("doc", h.name);
            if (h.op == "inserted")
                out += number("ts", h.from) + (shows ? quoted("data", h.value) : "");
            else if (!h.whole)
                out += number("from", h.from) + number("to", h.to);
        }
        return out + (fields.time ? number("time", h.timeUs / 1000) : "") + "}";
    }
};

// Everything that happened, read from the log as it grows; catchUp() before the log drops it.
class NaiveLog {
  public:
    void catchUp(LiveSource& source)
    {
        const auto cursor = source.readLog(m_through);
        while (true) {
            const auto batch = cursor->next(source.appliedSeq());
            REQUIRE(batch.ok());
            if (!batch.value())
                return;
            EntryCursor entries(*batch.value());
            uint64_t seq = 0;
            Entry entry;
            while (entries.next(seq, entry)) {
                if (seq > m_through)
                    take(seq, entry);
            }
        }
    }
    uint64_t through() const { return m_through; }
    const std::vector<Happening>& all() const { return m_all; }
    int64_t timeOf(uint64_t seq) const { return seq == 0 ? 0 : m_times[seq - 1]; }

    struct Told {
        uint64_t seq = 0;
        std::string text;
    };
    // What `wanted` hears after one seq and up to another.
    std::vector<Told> told(const Wanted& wanted, uint64_t after, uint64_t through) const
    {
        std::vector<Told> out;
        auto at = std::upper_bound(m_all.begin(), m_all.end(), after,
                                   [](uint64_t s, const Happening& h) { return s < h.seq; });
        for (; at != m_all.end() && at->seq <= through; ++at) {
            if (auto text = wanted.told(*at))
                out.push_back({at->seq, std::move(*text)});
        }
        return out;
    }

    // The state at a seq as a snapshot tells it; keys that expire up to `nowUs` are in `over` only.
    struct State {
        std::multiset<std::string> there, over;
    };
    State stateAt(const Wanted& wanted, uint64_t seq, int64_t nowUs) const
    {
        std::map<std::pair<std::string, std::string>, Happening> keys;
        std::map<std::pair<std::string, std::string>, std::map<int64_t, std::string>> documents;
        for (const Happening& h : m_all) {
            if (h.seq > seq)
                break;
            if (h.tenant == 0)
                fold(h, keys, documents);
        }
        State state;
        for (const auto& [name, records] : documents) {
            if (!wanted.documents || records.empty())
                continue;
            Happening h;
            h.op = "inserted";
            std::tie(h.collection, h.name) = name;
            h.from = records.rbegin()->first;
            h.value = records.rbegin()->second;
            h.timeUs = timeOf(seq);
            if (const auto text = wanted.told(h))
                state.there.insert(*text);
        }
        for (auto& [name, h] : keys) {
            if (wanted.documents || !wanted.passes(h.value))
                continue;
            const bool over = h.expiryUs != 0 && h.expiryUs <= nowUs;
            h.index = 0;
            h.previous = h.value; // neither entered nor left
            h.had = true;
            h.timeUs = timeOf(seq);
            Wanted plain = wanted;
            plain.fields.previous = false;
            if (const auto text = plain.told(h))
                (over ? state.over : state.there).insert(*text);
        }
        return state;
    }

  private:
    using Key = std::tuple<uint32_t, std::string, std::string>;

    static void
    fold(const Happening& h, std::map<std::pair<std::string, std::string>, Happening>& keys,
         std::map<std::pair<std::string, std::string>, std::map<int64_t, std::string>>& documents)
    {
        const std::pair name(h.collection, h.name);
        const auto isOfCollection = [&](const auto& item) {
            return item.first.first == h.collection;
        };
        if (h.op == "dropped") {
            std::erase_if(keys, isOfCollection);
            std::erase_if(documents, isOfCollection);
        } else if (h.op == "set") {
            keys[name] = h;
        } else if (h.ofKey()) {
            keys.erase(name);
        } else if (h.op == "inserted") {
            documents[name][h.from] = h.value;
        } else {
            std::erase_if(documents[name], [&](const auto& record) {
                return h.whole || (record.first >= h.from && record.first <= h.to);
            });
        }
    }

    Happening& add(const char* op, std::string_view collection, std::string_view name)
    {
        Happening h;
        h.seq = m_through;
        h.index = m_index++;
        h.timeUs = m_times.back();
        h.tenant = m_tenant;
        h.op = op;
        h.collection = collection;
        h.name = name;
        return m_all.emplace_back(std::move(h));
    }
    void key(const char* op, std::string_view collection, std::string_view name, uint64_t version,
             std::string_view value = {}, int64_t expiryUs = 0)
    {
        Happening& h = add(op, collection, name);
        h.version = version;
        h.value = value;
        h.expiryUs = expiryUs;
        const Key at{m_tenant, h.collection, h.name};
        const auto before = m_values.find(at);
        h.had = before != m_values.end();
        h.previous = h.had ? before->second : "";
        if (h.op == "set")
            m_values[at] = h.value;
        else
            m_values.erase(at);
    }
    void records(const char* op, std::string_view collection, std::string_view doc, int64_t from,
                 int64_t to, std::string_view data = {})
    {
        Happening& h = add(op, collection, doc);
        h.from = from;
        h.to = to;
        h.value = data;
    }

    void take(uint64_t seq, const Entry& entry)
    {
        REQUIRE(seq == m_through + 1);
        m_through = seq;
        m_times.push_back(entry.timeUs);
        m_index = 0;
        m_tenant = entry.tenant;
        const auto fact = decodeFact(entry.type, entry.payload);
        REQUIRE(fact.ok());
        std::visit([this](const auto& f) { on(f); }, fact.value());
    }
    void on(const InsertedFact& f)
    {
        for (const auto& group : f.groups)
            for (const RecordFact& r : group.records)
                records("inserted", group.collection, r.doc, r.ts, r.ts, r.data);
    }
    void on(const RecordsDeletedFact& f)
    {
        for (const auto& i : f.items)
            records("deleted", i.collection, i.doc, i.ts, i.ts);
    }
    void on(const RangeDeletedFact& f) { records("deleted", f.collection, f.doc, f.from, f.to); }
    void on(const DocumentDeletedFact& f)
    {
        for (const auto collection : f.collections)
            add("deleted", collection, f.doc).whole = true;
    }
    void on(const CollectionDroppedFact& f)
    {
        add("dropped", f.collection, "");
        std::erase_if(m_values, [&](const auto& v) {
            return std::get<0>(v.first) == m_tenant && std::get<1>(v.first) == f.collection;
        });
    }
    void on(const KeySetFact& f)
    {
        key("set", f.collection, f.key, f.version, f.value, f.expiryUs);
    }
    void on(const KeyRemovedFact& f) { key("removed", f.collection, f.key, f.version); }
    void on(const KeyExpiredFact& f) { key("expired", f.collection, f.key, f.version); }
    void on(const KeysWrittenFact& f)
    {
        for (const auto& w : f.writes) {
            if (w.kind == KeysWrittenFact::Kind::Set)
                key("set", f.collection, w.key, w.version, w.value, w.expiryUs);
            else
                key("removed", f.collection, w.key, w.version);
        }
    }
    void on(const KeysForgottenFact&) {}
    void on(const ApiKeySetFact&) {}
    void on(const ApiKeyRemovedFact&) {}

    std::vector<Happening> m_all;
    std::vector<int64_t> m_times; // of seq 1, 2, ...
    std::map<Key, std::string> m_values;
    uint64_t m_through = 0;
    uint64_t m_index = 0;
    uint32_t m_tenant = 0;
};

} // namespace fluxion
