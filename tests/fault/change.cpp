#include "fault/change.h"

#include <algorithm>
#include <limits>

#include "store/range_cursor.h"

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
        break;
    }
    return RemoveApiKeyProposal{hashOf(change.apiKey)};
}

std::string describe(const Deed& change)
{
    static const char* const words[] = {"set key",         "remove key",   "insert",
                                        "delete record",   "delete range", "delete document",
                                        "drop collection", "set api key",  "remove api key"};
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
        Kind::RemoveApiKey,
    };
    Deed change;
    change.kind = kinds[pick(random, std::size(kinds))];
    change.collection = std::string(1, static_cast<char>('a' + pick(random, 3)));
    change.name = "n" + std::to_string(pick(random, 5));
    change.from = static_cast<int64_t>(pick(random, 12));
    change.to = change.from + static_cast<int64_t>(pick(random, 4));
    change.apiKey = static_cast<uint8_t>(1 + pick(random, 4));
    change.scope = static_cast<Scope>(pick(random, 3));
    const size_t each =
        change.kind == Kind::Insert ? static_cast<size_t>(change.to - change.from + 1) : 1;
    const size_t size = pick(random, maxValueBytes / each + 1);
    for (size_t i = 0; i < size; ++i)
        change.value += static_cast<char>('!' + pick(random, 90));
    return change;
}

void Model::apply(const Deed& change)
{
    switch (change.kind) {
    case Kind::SetKey:
        values[change.collection][change.name] = change.value;
        break;
    case Kind::RemoveKey:
        values[change.collection].erase(change.name);
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
        values.erase(change.collection);
        break;
    case Kind::SetApiKey:
        apiKeys[change.apiKey] = change.scope;
        break;
    case Kind::RemoveApiKey:
        apiKeys.erase(change.apiKey);
        break;
    }
    for (auto& [collection, documents] : records)
        std::erase_if(documents, [](const auto& document) { return document.second.empty(); });
    std::erase_if(records, [](const auto& collection) { return collection.second.empty(); });
    std::erase_if(values, [](const auto& collection) { return collection.second.empty(); });
}

Model readModel(const Store& store)
{
    constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
    constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
    Model model;
    for (const std::string& name : store.collections(kTenant)) {
        const auto collection = store.find(kTenant, name);
        const Values::Pin values = collection->pinValues();
        for (size_t p = 0; p < values.pages.pageCount(); ++p) {
            const ValuePage& page = values.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i) {
                const std::string key(page.at(i).key);
                const KeyState state = collection->get(key);
                if (state.found)
                    model.values[name][key] = state.value;
            }
        }
        const Collection::SeriesPin series = collection->pinSeries();
        for (size_t p = 0; p < series.pages.pageCount(); ++p) {
            const DocumentPage& page = series.pages.page(p);
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
