#include <doctest/doctest.h>

#include "live/change.h"
#include "live/event_batch.h"
#include "store/facts.h"

using namespace fluxion;

namespace {

constexpr int64_t kTimeUs = 1'700'000'000'123'456;

std::string textOf(const Change& c)
{
    static const char* const kOps[] = {"set", "removed", "expired", "inserted", "deleted", "drop"};
    std::string text = std::to_string(c.index) + " " + kOps[static_cast<size_t>(c.op)] + " " +
                       std::string(c.collection) + "/" + std::string(c.name);
    if (c.isOfKey())
        text += " v" + std::to_string(c.version) + " after " + std::to_string(c.previousSeq);
    if (c.expiryUs != 0)
        text += " until " + std::to_string(c.expiryUs);
    if (!c.value.empty())
        text += " '" + std::string(c.value) + "'";
    if (c.isOfDocument())
        text += c.whole ? " all" : " " + std::to_string(c.from) + ".." + std::to_string(c.to);
    return text;
}

// "refused" if the entry cannot be read.
std::vector<std::string> changesOf(const Fact& fact)
{
    std::string payload;
    encodeFact(fact, payload);
    const Entry entry{static_cast<uint16_t>(typeOf(fact)), 0, 3, 9, kTimeUs, payload};
    std::vector<Change> changes;
    if (!appendChanges(77, entry, changes))
        return {"refused"};
    std::vector<std::string> texts;
    for (const Change& c : changes) {
        texts.push_back(textOf(c));
        CHECK(c.seq == 77);
        CHECK(c.tenant == 3);
        CHECK(c.timeUs == kTimeUs);
        CHECK(c.before == Before::Unknown);
        CHECK(c.previous.empty());
    }
    return texts;
}

struct Case {
    const char* name;
    Fact fact;
    std::vector<std::string> expected;
};

using Kind = KeysWrittenFact::Kind;

} // namespace

TEST_CASE("what each kind of entry changed")
{
    const Case cases[] = {
        {"set", KeySetFact{"c", "k", "v", 4, 0, 12}, {"0 set c/k v4 after 12 'v'"}},
        {"set, to expire", KeySetFact{"c", "k", "", 1, 99, 0}, {"0 set c/k v1 after 0 until 99"}},
        {"removed", KeyRemovedFact{"c", "k", 5, 13}, {"0 removed c/k v5 after 13"}},
        {"expired", KeyExpiredFact{"c", "k", 6, 14}, {"0 expired c/k v6 after 14"}},
        {"several keys",
         KeysWrittenFact{"c",
                         {{Kind::Set, "a", "x", 2, 0, 1},
                          {Kind::Removed, "b", "", 3, 0, 2},
                          {Kind::Set, "d", "y", 1, 50, 0}}},
         {"0 set c/a v2 after 1 'x'", "1 removed c/b v3 after 2",
          "2 set c/d v1 after 0 until 50 'y'"}},
        {"records of several collections",
         InsertedFact{{{"c", {{"d", 5, "{}"}, {"d", 5, "{1}"}, {"e", -7, "{2}"}}},
                       {"g", {{"d", INT64_MIN, ""}}}}},
         {"0 inserted c/d '{}' 5..5", "1 inserted c/d '{1}' 5..5", "2 inserted c/e '{2}' -7..-7",
          "3 inserted g/d -9223372036854775808..-9223372036854775808"}},
        {"records deleted",
         RecordsDeletedFact{{{"c", "d", 5}, {"g", "e", 6}}},
         {"0 deleted c/d 5..5", "1 deleted g/e 6..6"}},
        {"a range deleted",
         RangeDeletedFact{"c", "d", INT64_MIN, 9},
         {"0 deleted c/d -9223372036854775808..9"}},
        {"a document deleted",
         DocumentDeletedFact{"d", {"c", "g"}},
         {"0 deleted c/d all", "1 deleted g/d all"}},
        {"dropped", CollectionDroppedFact{"c"}, {"0 drop c/"}},
        {"forgotten: nobody's business", KeysForgottenFact{"c", 9, {"k"}}, {}},
        {"an API key: nobody's business", ApiKeySetFact{1, {}, Scope::ReadOnly, "h"}, {}},
        {"an API key gone", ApiKeyRemovedFact{1}, {}},
    };
    size_t seen = 0;
    for (const Case& c : cases) {
        CAPTURE(std::string(c.name));
        CHECK(changesOf(c.fact) == c.expected);
        seen |= size_t{1} << c.fact.index();
    }
    CHECK(seen == (size_t{1} << std::variant_size_v<Fact>)-1); // every kind there is
}

TEST_CASE("changes are appended, and none of an entry that cannot be read")
{
    std::string payload;
    encodeFact(CollectionDroppedFact{"c"}, payload);
    Entry entry{static_cast<uint16_t>(FactType::CollectionDropped), 0, 0, 0, 1, payload};
    std::vector<Change> changes;
    CHECK(appendChanges(1, entry, changes).ok());
    CHECK(appendChanges(2, entry, changes).ok());
    REQUIRE(changes.size() == 2);
    CHECK(changes[1].seq == 2);
    CHECK(changes[1].index == 0);

    entry.payload = std::string_view(payload).substr(0, payload.size() - 1);
    Status status = appendChanges(3, entry, changes);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::Damaged);
    entry.payload = payload;
    entry.type = 9999;
    status = appendChanges(3, entry, changes);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Code::Damaged);
    CHECK(changes.size() == 2);
}

TEST_CASE("a batch of events outlives the batch it was made of")
{
    std::string payload;
    encodeFact(KeySetFact{"col", "key", "value", 1, 0, 0}, payload);
    BatchBuilder builder;
    builder.add({static_cast<uint16_t>(FactType::KeySet), 0, 0, 0, 1, payload});
    builder.seal(5, 1, 1);
    BatchView view = builder.view();
    EventBatch batch(view);
    EntryCursor cursor(batch.view(view));
    uint64_t seq = 0;
    Entry entry;
    while (cursor.next(seq, entry))
        CHECK(appendChanges(seq, entry, batch.changes).ok());
    builder.clear();
    payload.assign(payload.size(), '#');
    builder.add({static_cast<uint16_t>(FactType::KeySet), 0, 0, 0, 1, payload});
    CHECK(batch.firstSeq == 5);
    CHECK(batch.lastSeq == 5);
    REQUIRE(batch.changes.size() == 1);
    CHECK(textOf(batch.changes[0]) == "0 set col/key v1 after 0 'value'");
}
