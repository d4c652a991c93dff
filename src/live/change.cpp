#include "live/change.h"

#include <variant>

namespace fluxion {

namespace {

// Adds what one fact changed.
struct Teller {
    uint64_t seq;
    const Entry& entry;
    std::vector<Change>& out;
    uint32_t index = 0;

    Change& add(ChangeOp op, std::string_view collection, std::string_view name)
    {
        Change& change = out.emplace_back();
        change.op = op;
        change.seq = seq;
        change.index = index++;
        change.tenant = entry.tenant;
        change.timeUs = entry.timeUs;
        change.collection = collection;
        change.name = name;
        return change;
    }
    // Any of the facts about one key.
    template <class F> Change& key(ChangeOp op, std::string_view collection, const F& f)
    {
        Change& change = add(op, collection, f.key);
        change.version = f.version;
        change.previousSeq = f.previousSeq;
        return change;
    }
    void deleted(std::string_view collection, std::string_view doc, int64_t from, int64_t to)
    {
        Change& change = add(ChangeOp::Deleted, collection, doc);
        change.from = from;
        change.to = to;
    }

    void operator()(const InsertedFact& f)
    {
        for (const InsertedFact::Group& group : f.groups) {
            for (const RecordFact& record : group.records) {
                Change& change = add(ChangeOp::Inserted, group.collection, record.doc);
                change.from = change.to = record.ts;
                change.value = record.data;
            }
        }
    }
    void operator()(const RecordsDeletedFact& f)
    {
        for (const RecordsDeletedFact::Item& item : f.items)
            deleted(item.collection, item.doc, item.ts, item.ts);
    }
    void operator()(const RangeDeletedFact& f) { deleted(f.collection, f.doc, f.from, f.to); }
    void operator()(const DocumentDeletedFact& f)
    {
        for (const std::string_view collection : f.collections)
            add(ChangeOp::Deleted, collection, f.doc).whole = true;
    }
    void operator()(const CollectionDroppedFact& f) { add(ChangeOp::Dropped, f.collection, {}); }
    void operator()(const KeySetFact& f)
    {
        Change& change = key(ChangeOp::Set, f.collection, f);
        change.value = f.value;
        change.expiryUs = f.expiryUs;
    }
    void operator()(const KeyRemovedFact& f) { key(ChangeOp::Removed, f.collection, f); }
    void operator()(const KeyExpiredFact& f) { key(ChangeOp::Expired, f.collection, f); }
    void operator()(const KeysWrittenFact& f)
    {
        for (const KeysWrittenFact::Write& w : f.writes) {
            const bool set = w.kind == KeysWrittenFact::Kind::Set;
            Change& change = key(set ? ChangeOp::Set : ChangeOp::Removed, f.collection, w);
            change.value = w.value;
            change.expiryUs = w.expiryUs;
        }
    }
    void operator()(const KeysForgottenFact&) {}
    void operator()(const ApiKeySetFact&) {}
    void operator()(const ApiKeyRemovedFact&) {}
};

} // namespace

std::string_view token(ChangeOp op)
{
    switch (op) {
    case ChangeOp::Set:
        return "set";
    case ChangeOp::Removed:
        return "removed";
    case ChangeOp::Expired:
        return "expired";
    case ChangeOp::Inserted:
        return "inserted";
    case ChangeOp::Deleted:
        return "deleted";
    case ChangeOp::Dropped:
        break;
    }
    return "dropped";
}

void appendChanges(uint64_t seq, const Entry& entry, const Fact& fact, std::vector<Change>& changes)
{
    std::visit(Teller{seq, entry, changes}, fact);
}

Status appendChanges(uint64_t seq, const Entry& entry, std::vector<Change>& changes)
{
    const auto fact = decodeFact(entry.type, entry.payload);
    if (!fact)
        return fact.status();
    appendChanges(seq, entry, fact.value(), changes);
    return {};
}

} // namespace fluxion
