// What becomes of proposals, as a table: those of one batch are decided one after the other without
// being applied, as the engine does it. Of keys there is more in decide_keys_test.

#include "unit/engine/desk.h"

using namespace fluxion;

namespace {

const Wish kOneRecord = insert({{"c", "d", 1}});

} // namespace

TEST_CASE("a key's version rises by one with every change")
{
    check({
        {"a new key", {}, {set("c", "k")}, {"set v1 after 0"}},
        {"again, the same value", {set("c", "k")}, {set("c", "k")}, {"set v2 after 1"}},
        {"within one batch",
         {},
         {set("c", "k"), set("c", "k")},
         {"set v1 after 0", "set v2 after 1"}},
        {"keys on their own",
         {set("c", "k")},
         {set("c", "k2"), set("c2", "k"), set("c", "k")},
         {"set v1 after 0", "set v1 after 0", "set v2 after 1"}},
        {"names whose bytes run together",
         {},
         {set("ab", "c"), set("a", "bc"), set(std::string("a\0", 2), "bc")},
         {"set v1 after 0", "set v1 after 0", "set v1 after 0"}},
        {"across a removal",
         {set("c", "k"), removeKey("c", "k")},
         {set("c", "k")},
         {"set v3 after 2"}},
        {"across a removal in the batch",
         {set("c", "k")},
         {removeKey("c", "k"), set("c", "k"), removeKey("c", "k")},
         {"gone v2 after 1", "set v3 after 2", "gone v4 after 3"}},
        {"a key of the batch is removed",
         {},
         {set("c", "k"), removeKey("c", "k"), removeKey("c", "k")},
         {"set v1 after 0", "gone v2 after 1", "-"}},
        {"across a drop of the collection",
         {set("c", "k"), set("c", "k"), drop("c")},
         {set("c", "k")},
         {"set v4 after 3"}},
        {"across a drop in the batch",
         {set("c", "k")},
         {drop("c"), set("c", "k")},
         {"drop", "split, set v3 after 2"}},
        {"after one too large",
         {set("c", "k")},
         {set("c", "k", std::string(kMaxPayloadBytes, 'x')), set("c", "k")},
         {"too_large", "set v2 after 1"}},
    });
}

TEST_CASE("a delete of nothing leaves no entry")
{
    check({
        {"key of no collection", {}, {removeKey("c", "k")}, {"-"}},
        {"key that never was", {set("c", "k")}, {removeKey("c", "k2")}, {"-"}},
        {"key that is gone", {set("c", "k"), removeKey("c", "k")}, {removeKey("c", "k")}, {"-"}},
        {"record",
         {kOneRecord},
         {removeRecord("c", "d", 2), removeRecord("c", "e", 1)},
         {"-", "-"}},
        {"range",
         {kOneRecord},
         {removeRange("c", "d", 2, 9), removeRange("c", "e", 0, 9), removeRange("c", "d", 9, 0)},
         {"-", "-", "-"}},
        {"document",
         {kOneRecord},
         {removeDocument("e"), removeDocument("e", "c"), removeDocument("d", "c2")},
         {"-", "-", "-"}},
        {"collection that never was", {}, {drop("c")}, {"-"}},
        {"collection without key or record",
         {set("c", "k"), removeKey("c", "k")},
         {drop("c")},
         {"-"}},
        {"records of nothing", {}, {insert({}), DeleteRecordsProposal{}}, {"-", "-"}},
    });
}

TEST_CASE("a delete names what it meets, and nothing else")
{
    DeleteRecordsProposal several;
    several.items = {{"c", "d", 2}, {"c", "d", 1}, {"c", "d", 7}, {"c", "d", 1}, {"c2", "d", 1}};
    check({
        {"those of the records that are there, each once",
         {insert({{"c", "d", 1}, {"c", "d", 2}})},
         {several},
         {"records d2 d1"}},
        {"a range that meets one", {kOneRecord}, {removeRange("c", "d", -9, 1)}, {"range -9..1"}},
        {"a document, from where it is",
         {insert({{"a", "d", 1}, {"b", "e", 1}, {"c", "d", 1}})},
         {removeDocument("d")},
         {"document a c"}},
        {"a document, from one collection",
         {insert({{"a", "d", 1}, {"c", "d", 1}})},
         {removeDocument("d", "c")},
         {"document c"}},
    });
}

TEST_CASE("what depends on the batch's own changes waits for the next")
{
    check({
        {"inserts go together", {}, {kOneRecord, kOneRecord}, {"insert c1", "insert c1"}},
        {"a record of the batch",
         {},
         {kOneRecord, removeRecord("c", "d", 1)},
         {"insert c1", "split, records d1"}},
        {"a record removed twice",
         {kOneRecord},
         {removeRecord("c", "d", 1), removeRecord("c", "d", 1)},
         {"records d1", "split, -"}},
        {"a range of the batch",
         {},
         {kOneRecord, removeRange("c", "d", 0, 9)},
         {"insert c1", "split, range 0..9"}},
        {"a document of the batch",
         {},
         {kOneRecord, removeDocument("d", "c")},
         {"insert c1", "split, document c"}},
        {"a document everywhere",
         {insert({{"a", "d", 1}})},
         {kOneRecord, removeDocument("d")},
         {"insert c1", "split, document a c"}},
        {"another collection's do not matter",
         {kOneRecord},
         {insert({{"a", "d", 1}}), removeRecord("c", "d", 1), removeDocument("d", "b")},
         {"insert a1", "records d1", "-"}},
        {"keys do not matter to records",
         {kOneRecord},
         {set("c", "k"), removeRecord("c", "d", 1)},
         {"set v1 after 0", "records d1"}},
        {"a drop after records", {}, {kOneRecord, drop("c")}, {"insert c1", "split, drop"}},
        {"a drop after a key", {}, {set("c", "k"), drop("c")}, {"set v1 after 0", "split, drop"}},
        {"a drop twice", {kOneRecord}, {drop("c"), drop("c")}, {"drop", "split, -"}},
        {"an insert after a drop",
         {kOneRecord},
         {drop("c"), kOneRecord},
         {"drop", "split, insert c1"}},
        {"a removal after a drop",
         {set("c", "k")},
         {drop("c"), removeKey("c", "k")},
         {"drop", "split, -"}},
        {"an insert after a removal needs no split",
         {kOneRecord},
         {removeRecord("c", "d", 1), kOneRecord},
         {"records d1", "insert c1"}},
    });
}

TEST_CASE("there is a limit to collections; those of the batch count")
{
    const Wish three = insert({{"a", "d", 1}, {"b", "d", 1}, {"c", "d", 1}});
    check({
        {"up to it", {}, {three, set("a", "k")}, {"insert a1 b1 c1", "set v1 after 0"}},
        {"beyond", {three}, {set("x", "k"), insert({{"x", "d", 1}})}, {"too_many", "too_many"}},
        {"beyond, within the batch",
         {},
         {set("a", "k"), set("b", "k"), set("c", "k"), set("x", "k"), set("a", "k")},
         {"set v1 after 0", "set v1 after 0", "set v1 after 0", "too_many", "set v2 after 1"}},
        {"an insert goes whole or not at all",
         {set("a", "k"), set("b", "k")},
         {insert({{"c", "d", 1}, {"x", "d", 1}}), set("c", "k")},
         {"too_many", "set v1 after 0"}},
        {"one too large makes no collection",
         {set("a", "k"), set("b", "k")},
         {set("x", "k", std::string(kMaxPayloadBytes, 'x')),
          insert({{"y", "d", 1, std::string(kMaxPayloadBytes, 'x')}}), set("c", "k")},
         {"too_large", "too_large", "set v1 after 0"}},
        {"a drop makes room, in the same batch too",
         {three},
         {drop("a"), set("x", "k"), set("y", "k")},
         {"drop", "split, set v1 after 0", "too_many"}},
        {"so does the last key",
         {set("a", "k"), set("b", "k"), set("c", "k")},
         {removeKey("a", "k"), insert({{"x", "d", 1}})},
         {"gone v2 after 1", "split, insert x1"}},
        {"and the last document",
         {three},
         {removeDocument("d", "b"), set("x", "k")},
         {"document b", "split, set v1 after 0"}},
        {"one without key and record does not count",
         {set("a", "k"), removeKey("a", "k"), set("b", "k"), set("c", "k")},
         {set("x", "k"), set("a", "k")},
         {"set v1 after 0", "too_many"}},
    });
}

TEST_CASE("an entry has a largest size")
{
    const size_t overhead = [] {
        std::string payload;
        const std::string value(1000, 'x');
        encodeFact(KeySetFact{"c", "k", value, 1, 0, 0}, payload);
        return payload.size() - 1000;
    }();
    const std::string largest(kMaxPayloadBytes - overhead, 'x');
    InsertProposal records;
    records.payload = std::string(kMaxPayloadBytes + 1, 'x');
    DeleteRecordsProposal many;
    std::vector<TestRecord> there;
    for (int i = 0; i < 400; ++i) {
        many.items.push_back({"c", "document", i});
        there.push_back({"c", "document", i, "1"});
    }
    std::vector<DeskStep> before;
    for (size_t i = 0; i < there.size(); i += 50)
        before.push_back(insert({there.begin() + static_cast<ptrdiff_t>(i),
                                 there.begin() + static_cast<ptrdiff_t>(i) + 50}));
    check({
        {"a value that just fits", {}, {set("c", "k", largest)}, {"set v1 after 0"}},
        {"one byte more", {}, {set("c", "k", largest + "x")}, {"too_large"}},
        {"records", {}, {records}, {"too_large"}},
        {"a delete of many records", before, {many}, {"too_large"}},
    });
}

TEST_CASE("API keys")
{
    check({
        {"added", {}, {setApiKey(1, Scope::ReadOnly)}, {"api 1 readonly hint"}},
        {"ids rise",
         {setApiKey(1, Scope::ReadOnly)},
         {setApiKey(2, Scope::ReadWrite)},
         {"api 2 read_write hint"}},
        {"the same scope changes nothing",
         {setApiKey(1, Scope::ReadOnly)},
         {setApiKey(1, Scope::ReadOnly, "other")},
         {"-"}},
        {"another scope keeps id and hint",
         {setApiKey(1, Scope::ReadOnly), setApiKey(2, Scope::ReadOnly)},
         {setApiKey(1, Scope::ReadWriteDelete, "other")},
         {"api 1 read_write_delete hint"}},
        {"removed", {setApiKey(1, Scope::ReadOnly)}, {removeApiKey(1)}, {"api gone 1"}},
        {"an unknown one", {setApiKey(1, Scope::ReadOnly)}, {removeApiKey(2)}, {"not_found"}},
        {"an id never comes again",
         {setApiKey(1, Scope::ReadOnly), removeApiKey(1)},
         {setApiKey(1, Scope::ReadOnly)},
         {"api 2 readonly hint"}},
        {"one change of keys per batch",
         {},
         {setApiKey(1, Scope::ReadOnly), setApiKey(1, Scope::ReadOnly), removeApiKey(1),
          removeApiKey(1), setApiKey(1, Scope::ReadOnly)},
         {"api 1 readonly hint", "split, -", "api gone 1", "split, not_found",
          "api 2 readonly hint"}},
        {"up to the limit",
         {setApiKey(1, Scope::ReadOnly), setApiKey(2, Scope::ReadOnly)},
         {setApiKey(3, Scope::ReadOnly), setApiKey(2, Scope::ReadWrite)},
         {"too_many", "api 2 read_write hint"}},
        {"a removal makes room",
         {setApiKey(1, Scope::ReadOnly), setApiKey(2, Scope::ReadOnly)},
         {removeApiKey(1), setApiKey(3, Scope::ReadOnly)},
         {"api gone 1", "split, api 3 readonly hint"}},
    });
}

TEST_CASE("tenants do not see each other, within a batch neither")
{
    Desk desk(limitsOf(1));
    const auto decide = [&](const Wish& wish, uint32_t tenant) {
        const std::string decided = desk.decide(wish, tenant);
        return decided.substr(decided.starts_with("split, ") ? 7 : 0);
    };
    CHECK(decide(set("c", "k"), 0) == "set v1 after 0");
    CHECK(decide(set("c", "k"), 1) == "set v1 after 0");
    CHECK(decide(set("c", "k"), 0) == "set v2 after 1");
    CHECK(decide(set("other", "k"), 1) == "too_many");
    CHECK(decide(removeKey("c", "k"), 2) == "-");
    CHECK(decide(drop("c"), 0) == "drop");
    CHECK(decide(removeKey("c", "k"), 1) == "gone v2 after 2");
    CHECK(decide(set("other", "k"), 1) == "set v1 after 0");
    CHECK(decide(set("other", "k"), 0) == "set v1 after 0");
}
