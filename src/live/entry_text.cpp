#include "live/entry_text.h"

#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "store/facts.h"

namespace fluxion {

namespace {

template <class Items, class Append>
void list(std::string& out, std::string_view field, const Items& items, Append append)
{
    out.append(",\"").append(field).append("\":");
    char separator = '[';
    for (const auto& item : items) {
        out += std::exchange(separator, ',');
        append(item);
    }
    out += items.empty() ? "[]" : "]";
}

// What a fact says, as members of its entry's object.
struct FactWriter {
    std::string& out;

    void name(std::string_view type) { appendJsonMember(out, "type", type); }
    template <class F> void key(std::string_view type, const F& f)
    {
        name(type);
        appendJsonMember(out, "col", f.collection);
        appendJsonMember(out, "key", f.key);
        appendJsonMember(out, "ver", static_cast<int64_t>(f.version));
    }
    void value(std::string_view value, int64_t expiryUs)
    {
        appendJsonMember(out, "value", value);
        if (expiryUs != 0)
            appendJsonMember(out, "expires", expiryUs / kUsPerMs);
    }
    void record(std::string_view col, std::string_view doc, int64_t ts)
    {
        out += "{\"col\":";
        appendJsonString(out, col);
        appendJsonMember(out, "doc", doc);
        appendJsonMember(out, "ts", ts);
    }

    void operator()(const InsertedFact& f)
    {
        name("inserted");
        std::vector<std::pair<std::string_view, const RecordFact*>> records;
        for (const InsertedFact::Group& group : f.groups) {
            for (const RecordFact& r : group.records)
                records.emplace_back(group.collection, &r);
        }
        list(out, "records", records, [&](const auto& item) {
            record(item.first, item.second->doc, item.second->ts);
            appendJsonMember(out, "data", item.second->data);
            out += '}';
        });
    }
    void operator()(const RecordsDeletedFact& f)
    {
        name("records_deleted");
        list(out, "records", f.items, [&](const RecordsDeletedFact::Item& item) {
            record(item.collection, item.doc, item.ts);
            out += '}';
        });
    }
    void operator()(const RangeDeletedFact& f)
    {
        name("range_deleted");
        appendJsonMember(out, "col", f.collection);
        appendJsonMember(out, "doc", f.doc);
        appendJsonMember(out, "from", f.from);
        appendJsonMember(out, "to", f.to);
    }
    void operator()(const DocumentDeletedFact& f)
    {
        name("document_deleted");
        appendJsonMember(out, "doc", f.doc);
        list(out, "cols", f.collections, [&](std::string_view c) { appendJsonString(out, c); });
    }
    void operator()(const CollectionDroppedFact& f)
    {
        name("collection_dropped");
        appendJsonMember(out, "col", f.collection);
    }
    void operator()(const KeySetFact& f)
    {
        key("key_set", f);
        value(f.value, f.expiryUs);
    }
    void operator()(const KeyRemovedFact& f) { key("key_removed", f); }
    void operator()(const KeyExpiredFact& f) { key("key_expired", f); }
    void operator()(const KeysForgottenFact& f)
    {
        name("keys_forgotten");
        appendJsonMember(out, "col", f.collection);
        appendJsonMember(out, "ver", static_cast<int64_t>(f.versionFloor));
        list(out, "keys", f.keys, [&](std::string_view k) { appendJsonString(out, k); });
    }
    void operator()(const KeysWrittenFact& f)
    {
        name("keys_written");
        appendJsonMember(out, "col", f.collection);
        list(out, "writes", f.writes, [&](const KeysWrittenFact::Write& w) {
            const bool set = w.kind == KeysWrittenFact::Kind::Set;
            out += set ? "{\"op\":\"set\"" : "{\"op\":\"removed\"";
            appendJsonMember(out, "key", w.key);
            appendJsonMember(out, "ver", static_cast<int64_t>(w.version));
            if (set)
                value(w.value, w.expiryUs);
            out += '}';
        });
    }
    // Never the hash.
    void operator()(const ApiKeySetFact& f)
    {
        name("api_key_set");
        appendJsonMember(out, "key_id", int64_t{f.id});
        appendJsonMember(out, "scope", token(f.scope));
    }
    void operator()(const ApiKeyRemovedFact& f)
    {
        name("api_key_removed");
        appendJsonMember(out, "key_id", int64_t{f.id});
    }
};

} // namespace

Status appendEntryText(std::string& out, uint64_t seq, const Entry& entry)
{
    const auto fact = decodeFact(entry.type, entry.payload);
    if (!fact)
        return fact.status();
    out += "{\"seq\":";
    appendJsonUint(out, seq);
    appendJsonMember(out, "time", entry.timeUs / kUsPerMs);
    appendJsonMember(out, "actor", int64_t{entry.actor});
    std::visit(FactWriter{out}, fact.value());
    out += '}';
    return {};
}

} // namespace fluxion
