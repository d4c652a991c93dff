#include "fault/change.h"

#include <algorithm>
#include <limits>

#include "store/range_cursor.h"
#include "unit/engine/naive_json.h"

namespace fluxion {

namespace {

using Kind = Deed::Kind;

constexpr uint32_t kTenant = 0;

KeyHash hashOf(uint8_t apiKey)
{
    KeyHash hash;
    hash.fill(static_cast<char>(apiKey));
    return hash;
}

std::string recordData(const Deed& change, int64_t ts)
{
    return change.value + "@" + std::to_string(ts);
}

InsertProposal toInsert(const Deed& change)
{
    std::vector<std::string> data;
    for (int64_t ts = change.from; ts <= change.to; ++ts)
        data.push_back(recordData(change, ts));
    InsertedFact fact;
    auto& group = fact.groups.emplace_back();
    group.collection = change.collection;
    for (size_t i = 0; i < data.size(); ++i)
        group.records.push_back({change.name, change.from + static_cast<int64_t>(i), data[i]});
    InsertProposal wish;
    encodeFact(fact, wish.payload);
    wish.collections.push_back(change.collection);
    return wish;
}

// The keys of WriteKeys beside `change.name`.
const char* const kPatchedBeside = "j0";
const char* const kRemovedBeside = "n0";

WriteKeysProposal toWriteKeys(const Deed& change)
{
    using Op = WriteKeysProposal::Op;
    WriteKeysProposal wish;
    wish.collection = change.collection;
    wish.writes.push_back({Op::Set, change.name, change.value, change.version});
    wish.writes.push_back({Op::Patch, kPatchedBeside, "{\"several\":" + change.value + "}"});
    if (change.name != kRemovedBeside)
        wish.writes.push_back({Op::Remove, kRemovedBeside, ""});
    return wish;
}

size_t pick(std::mt19937_64& random, size_t count)
{
    return static_cast<size_t>(random() % count);
}

} // namespace

Wish toWish(const Deed& change)
{
    switch (change.kind) {
    case Kind::SetKey:
        return SetKeyProposal{change.collection, change.name, change.value};
    case Kind::RemoveKey:
        return RemoveKeyProposal{change.collection, change.name};
    case Kind::Insert:
        return toInsert(change);
    case Kind::DeleteRecord:
        return DeleteRecordsProposal{{{change.collection, change.name, change.from}}};
    case Kind::DeleteRange:
        return DeleteRangeProposal{change.collection, change.name, change.from, change.to};
    case Kind::DeleteDocument:
        return DeleteDocumentProposal{change.name, std::nullopt};
    case Kind::DropCollection:
        return DropCollectionProposal{change.collection};
    case Kind::SetApiKey:
        return SetApiKeyProposal{hashOf(change.apiKey), change.scope, "k"};
    case Kind::RemoveApiKey:
        return RemoveApiKeyProposal{hashOf(change.apiKey)};
    case Kind::PatchKey:
        return PatchKeyProposal{change.collection, change.name, change.value};
    case Kind::SetIfVersion:
        return SetKeyProposal{change.collection, change.name, change.value, change.version};
    case Kind::WriteKeys:
        return toWriteKeys(change);
    case Kind::SetExpiring:
        return SetKeyProposal{change.collection, change.name, change.value, {}, kLifetimeUs};
    case Kind::Wait:
        break;
    }
    return RemoveKeyProposal{change.collection, "never there"};
}

std::string describe(const Deed& change)
{
    static const char* const words[] = {"set key",          "remove key",   "insert",
                                        "delete record",    "delete range", "delete document",
                                        "drop collection",  "set api key",  "remove api key",
                                        "patch key",        "set key if",   "write keys",
                                        "set expiring key", "wait"};
    return std::string(words[static_cast<size_t>(change.kind)]) + " " + change.collection + " " +
           change.name + " " + std::to_string(change.value.size()) + " bytes " +
           std::to_string(change.from) + ".." + std::to_string(change.to) + " api key " +
           std::to_string(change.apiKey);
}

Deed randomChange(std::mt19937_64& random, size_t maxValueBytes)
{
    static const Kind kinds[] = {
        Kind::SetKey,       Kind::SetKey,    Kind::SetKey,         Kind::SetKey,
        Kind::SetKey,       Kind::Insert,    Kind::Insert,         Kind::Insert,
        Kind::Insert,       Kind::RemoveKey, Kind::DeleteRecord,   Kind::DeleteRange,
        Kind::SetApiKey,    Kind::SetApiKey, Kind::DeleteDocument, Kind::DropCollection,
        Kind::RemoveApiKey, Kind::PatchKey,  Kind::PatchKey,       Kind::SetIfVersion,
        Kind::SetIfVersion, Kind::WriteKeys, Kind::SetExpiring,    Kind::SetExpiring,
        Kind::Wait,
    };
    constexpr size_t kMaxJsonBytes = 150; // patches add up
    Deed change;
    change.kind = kinds[pick(random, std::size(kinds))];
    change.collection = std::string(1, static_cast<char>('a' + pick(random, 3)));
    change.name = "n" + std::to_string(pick(random, 5));
    change.from = static_cast<int64_t>(pick(random, 12));
    change.to = change.from + static_cast<int64_t>(pick(random, 4));
    change.apiKey = static_cast<uint8_t>(1 + pick(random, 4));
    change.scope = static_cast<Scope>(pick(random, 3));
    if (change.kind == Kind::SetIfVersion || (change.kind == Kind::WriteKeys && pick(random, 2)))
        change.version = pick(random, 4);
    const bool json = change.kind == Kind::PatchKey || change.kind == Kind::WriteKeys;
    const size_t each =
        change.kind == Kind::Insert ? static_cast<size_t>(change.to - change.from + 1) : 1;
    const size_t size =
        pick(random, (json ? std::min(kMaxJsonBytes, maxValueBytes) : maxValueBytes / each) + 1);
    if (json) {
        change.value = "\"" + std::string(size, static_cast<char>('a' + pick(random, 26))) + "\"";
    } else if (size > 0) {
        change.value = "!"; // so that it is no JSON
        while (change.value.size() < size)
            change.value += static_cast<char>('!' + pick(random, 90));
    }
    if (change.kind == Kind::PatchKey) {
        // Now and then of what may be no JSON, which changes nothing.
        if (pick(random, 4) != 0)
            change.name[0] = 'j';
        change.value = "{\"" + std::string(1, static_cast<char>('a' + pick(random, 3))) +
                       "\":" + change.value + "}";
    }
    return change;
}

bool Model::holds(const Deed& change) const
{
    if (!change.version)
        return true;
    const auto c = versions.find(change.collection);
    const auto version = c == versions.end() ? std::map<std::string, uint64_t>() : c->second;
    const auto v = version.find(change.name);
    const auto live = values.find(change.collection);
    const bool there = live != values.end() && live->second.count(change.name) > 0;
    return *change.version == 0 ? !there : *change.version == (v == version.end() ? 0 : v->second);
}

void Model::set(const std::string& collection, const std::string& key, const std::string& value)
{
    values[collection][key] = value;
    ++versions[collection][key];
    expiring.erase({collection, key});
}

void Model::remove(const std::string& collection, const std::string& key)
{
    if (values[collection].erase(key) > 0)
        ++versions[collection][key];
    expiring.erase({collection, key});
}

// What is stored and no JSON stays as it is; so does an expiry.
void Model::patch(const std::string& collection, const std::string& key, const std::string& patch)
{
    const bool there = values[collection].count(key) > 0;
    auto value = there ? NaiveJson::read(values[collection][key]) : NaiveJson();
    if (!value)
        return;
    value->merge(*NaiveJson::read(patch), false);
    values[collection][key] = value->write();
    ++versions[collection][key];
}

void Model::apply(const Deed& change)
{
    switch (change.kind) {
    case Kind::SetKey:
        set(change.collection, change.name, change.value);
        break;
    case Kind::RemoveKey:
        remove(change.collection, change.name);
        break;
    case Kind::Insert:
        for (int64_t ts = change.from; ts <= change.to; ++ts)
            records[change.collection][change.name][ts] = recordData(change, ts);
        break;
    case Kind::DeleteRecord:
        records[change.collection][change.name].erase(change.from);
        break;
    case Kind::DeleteRange:
        for (int64_t ts = change.from; ts <= change.to; ++ts)
            records[change.collection][change.name].erase(ts);
        break;
    case Kind::DeleteDocument:
        for (auto& [collection, documents] : records)
            documents.erase(change.name);
        break;
    case Kind::DropCollection:
        records.erase(change.collection);
        for (const auto& [key, value] : std::map(values[change.collection]))
            remove(change.collection, key);
        break;
    case Kind::SetApiKey:
        apiKeys[change.apiKey] = change.scope;
        break;
    case Kind::RemoveApiKey:
        apiKeys.erase(change.apiKey);
        break;
    case Kind::PatchKey:
        patch(change.collection, change.name, change.value);
        break;
    case Kind::SetIfVersion:
        if (holds(change))
            set(change.collection, change.name, change.value);
        break;
    case Kind::WriteKeys:
        if (!holds(change))
            break;
        set(change.collection, change.name, change.value);
        patch(change.collection, kPatchedBeside, "{\"several\":" + change.value + "}");
        if (change.name != kRemovedBeside)
            remove(change.collection, kRemovedBeside);
        break;
    case Kind::SetExpiring:
        set(change.collection, change.name, change.value);
        expiring.emplace(change.collection, change.name);
        break;
    case Kind::Wait:
        for (const auto& [collection, key] : std::set(expiring))
            remove(collection, key);
        break;
    }
    for (auto& [collection, documents] : records)
        std::erase_if(documents, [](const auto& document) { return document.second.empty(); });
    std::erase_if(records, [](const auto& collection) { return collection.second.empty(); });
    std::erase_if(values, [](const auto& collection) { return collection.second.empty(); });
}

Model readModel(const Store& store, int64_t nowUs)
{
    constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
    constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
    Model model;
    for (const Cut::Part& part : store.openCut().collections) {
        if (part.collection->tenant() != kTenant)
            continue;
        const std::string& name = part.collection->name();
        for (size_t p = 0; p < part.values.pages.pageCount(); ++p) {
            const ValuePage& page = part.values.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i) {
                const std::string key(page.at(i).key);
                KeyState state = part.collection->get(key);
                state.endIfOver(nowUs);
                model.versions[name][key] = state.version;
                if (state.found)
                    model.values[name][key] = state.value;
                if (state.expiryUs != 0)
                    model.expiring.emplace(name, key);
            }
        }
        for (size_t p = 0; p < part.series.pages.pageCount(); ++p) {
            const DocumentPage& page = part.series.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i) {
                auto& records = model.records[name][std::string(page.name(i))];
                RangeCursor cursor(page.document(i), kFirst, kLast);
                RecordView record;
                while (cursor.next(record))
                    records[record.ts] = record.data;
            }
        }
    }
    for (const ApiKeyRecord& key : store.apiKeys().list().keys)
        model.apiKeys[static_cast<uint8_t>(key.hash[0])] = key.scope;
    return model;
}

} // namespace fluxion
