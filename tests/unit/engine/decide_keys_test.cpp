// What becomes of proposals about keys: conditions, merges, several keys at once, expiry.

#include "unit/engine/desk.h"

using namespace fluxion;

namespace {

using Version = std::optional<uint64_t>;
using Writes = std::vector<WriteKeysProposal::Write>;
using Op = WriteKeysProposal::Op;

constexpr uint64_t kFarVersion = std::numeric_limits<int64_t>::max();

Wish setIf(const std::string& key, uint64_t version, const std::string& value = "v")
{
    return SetKeyProposal{"c", key, value, version};
}

Wish removeIf(const std::string& key, uint64_t version)
{
    return RemoveKeyProposal{"c", key, version};
}

Wish setFor(const std::string& key, int64_t ttlUs, const std::string& value = "v",
            Version version = {})
{
    return SetKeyProposal{"c", key, value, version, ttlUs};
}

Wish patch(const std::string& key, const std::string& text, Version version = {},
           std::optional<int64_t> ttlUs = {}, NullMerge nulls = NullMerge::Store)
{
    return PatchKeyProposal{"c", key, text, version, ttlUs, nulls};
}

Wish write(Writes writes, const std::string& collection = "c")
{
    return WriteKeysProposal{collection, std::move(writes)};
}

Wish forget(std::vector<ForgetKeysProposal::Tombstone> tombstones)
{
    return ForgetKeysProposal{"c", std::move(tombstones)};
}

void checkKeys(const std::vector<DeskCase>& cases, DecisionLimits limits = limitsOf())
{
    check(cases, limits, true);
}

std::string large(size_t bytes)
{
    return std::string(bytes, 'x');
}

} // namespace

TEST_CASE("a set on condition: the version it must have, 0 for none")
{
    checkKeys({
        {"0 of a key that never was", {}, {setIf("k", 0)}, {"set v1 after 0 v"}},
        {"0 of a key that is there",
         {set("c", "k", "old")},
         {setIf("k", 0)},
         {"conflict k v1 old"}},
        {"0 of a key that was removed",
         {set("c", "k"), removeKey("c", "k")},
         {setIf("k", 0)},
         {"set v3 after 2 v"}},
        {"0 of a key that was dropped with its collection",
         {set("c", "k"), drop("c")},
         {setIf("k", 0)},
         {"set v3 after 2 v"}},
        {"the right one", {set("c", "k")}, {setIf("k", 1, "new")}, {"set v2 after 1 new"}},
        {"a lower one", {set("c", "k"), set("c", "k", "b")}, {setIf("k", 1)}, {"conflict k v2 b"}},
        {"a higher one", {set("c", "k", "a")}, {setIf("k", 2)}, {"conflict k v1 a"}},
        {"the highest there is",
         {set("c", "k", "a")},
         {setIf("k", kFarVersion)},
         {"conflict k v1 a"}},
        {"that of the tombstone",
         {set("c", "k"), removeKey("c", "k")},
         {setIf("k", 2)},
         {"set v3 after 2 v"}},
        {"that of before the removal",
         {set("c", "k"), removeKey("c", "k")},
         {setIf("k", 1)},
         {"conflict k v2 gone"}},
        {"any of a key that never was", {}, {setIf("k", 1)}, {"conflict k v0 gone"}},
        {"any of a key of a collection that is there",
         {set("c", "other")},
         {setIf("k", 1)},
         {"conflict k v0 gone"}},
        {"an empty value is a value", {set("c", "k", "")}, {setIf("k", 0)}, {"conflict k v1 "}},
    });
}

TEST_CASE("conditions see what the batch has decided before")
{
    checkKeys({
        {"a chain",
         {},
         {setIf("k", 0), setIf("k", 1), setIf("k", 2)},
         {"set v1 after 0 v", "set v2 after 1 v", "set v3 after 2 v"}},
        // The value is not kept in the batch: to tell it, the batch must be in the views.
        {"the second of two with the same",
         {set("c", "k", "old")},
         {setIf("k", 1, "first"), setIf("k", 1, "second")},
         {"set v2 after 1 first", "split, conflict k v2 first"}},
        {"two that create it",
         {},
         {setIf("k", 0, "first"), setIf("k", 0, "second")},
         {"set v1 after 0 first", "split, conflict k v1 first"}},
        {"a patch's value is kept",
         {},
         {patch("k", "{\"a\":1}"), setIf("k", 0)},
         {"set v1 after 0 {\"a\":1}", "conflict k v1 {\"a\":1}"}},
        {"one that was removed in the batch",
         {set("c", "k")},
         {removeIf("k", 1), setIf("k", 1), removeIf("k", 1), setIf("k", 0)},
         {"gone v2 after 1", "conflict k v2 gone", "conflict k v2 gone", "set v3 after 2 v"}},
        {"one that was refused leaves no trace",
         {set("c", "k", "old")},
         {setIf("k", 7), setIf("k", 1)},
         {"conflict k v1 old", "set v2 after 1 v"}},
        {"one that was too large leaves no trace",
         {set("c", "k", "old")},
         {setIf("k", 1, large(kMaxPayloadBytes)), setIf("k", 1)},
         {"too_large", "set v2 after 1 v"}},
        {"after a drop in the batch",
         {set("c", "k")},
         {drop("c"), setIf("k", 1)},
         {"drop", "split, conflict k v2 gone"}},
    });
}

TEST_CASE("a removal on condition")
{
    checkKeys({
        {"the right one", {set("c", "k")}, {removeIf("k", 1)}, {"gone v2 after 1"}},
        {"a wrong one", {set("c", "k", "a")}, {removeIf("k", 2)}, {"conflict k v1 a"}},
        {"0 of a key that is there", {set("c", "k", "a")}, {removeIf("k", 0)}, {"conflict k v1 a"}},
        {"0 of a key that never was", {}, {removeIf("k", 0)}, {"-"}},
        {"that of the tombstone",
         {set("c", "k"), removeKey("c", "k")},
         {removeIf("k", 2), removeIf("k", 0), removeIf("k", 1)},
         {"-", "-", "conflict k v2 gone"}},
    });
}

TEST_CASE("a patch")
{
    checkKeys({
        {"of an absent key", {}, {patch("k", " {\"a\" : 1} ")}, {"set v1 after 0 {\"a\":1}"}},
        {"of a removed key",
         {set("c", "k", "{\"a\":1}"), removeKey("c", "k")},
         {patch("k", "{\"b\":2}")},
         {"set v3 after 2 {\"b\":2}"}},
        {"of a key in the views",
         {set("c", "k", "{\"a\":1}")},
         {patch("k", "{\"b\":2}")},
         {"set v2 after 1 {\"a\":1,\"b\":2}"}},
        {"after a set of the batch, once it is in the views",
         {},
         {set("c", "k", "{\"a\":1}"), patch("k", "{\"b\":2}")},
         {"set v1 after 0 {\"a\":1}", "split, set v2 after 1 {\"a\":1,\"b\":2}"}},
        {"after patches of the batch",
         {},
         {patch("k", "{\"a\":1}"), patch("k", "{\"b\":2}"), patch("k", "{\"a\":3}")},
         {"set v1 after 0 {\"a\":1}", "set v2 after 1 {\"a\":1,\"b\":2}",
          "set v3 after 2 {\"a\":3,\"b\":2}"}},
        {"after a patch and a set",
         {},
         {patch("k", "{\"a\":1}"), set("c", "k", "{}"), patch("k", "{\"b\":2}")},
         {"set v1 after 0 {\"a\":1}", "set v2 after 1 {}", "split, set v3 after 2 {\"b\":2}"}},
        {"after a removal of the batch",
         {set("c", "k", "{\"a\":1}")},
         {removeKey("c", "k"), patch("k", "{\"b\":2}")},
         {"gone v2 after 1", "set v3 after 2 {\"b\":2}"}},
        {"of another key needs no split",
         {set("c", "k", "{}")},
         {set("c", "other"), patch("k", "{\"b\":2}")},
         {"set v1 after 0 v", "set v2 after 1 {\"b\":2}"}},
        {"on condition",
         {set("c", "k", "{\"a\":1}")},
         {patch("k", "{\"b\":2}", 2), patch("k", "{\"b\":2}", 0), patch("k", "{\"b\":2}", 1)},
         {"conflict k v1 {\"a\":1}", "conflict k v1 {\"a\":1}",
          "set v2 after 1 {\"a\":1,\"b\":2}"}},
        {"that changes nothing is a change",
         {set("c", "k", "{\"a\":1}")},
         {patch("k", "{}"), patch("k", "{\"a\":1}")},
         {"set v2 after 1 {\"a\":1}", "set v3 after 2 {\"a\":1}"}},
        {"nulls, stored and deleting",
         {set("c", "k", "{\"a\":1,\"b\":1}")},
         {patch("k", "{\"a\":null}"), patch("k", "{\"b\":null}", {}, {}, NullMerge::Delete)},
         {"set v2 after 1 {\"a\":null,\"b\":1}", "set v3 after 2 {\"a\":null}"}},
        {"of a value that is no object",
         {set("c", "k", "[1]")},
         {patch("k", "{\"a\":1}")},
         {"set v2 after 1 {\"a\":1}"}},
    });
}

TEST_CASE("a patch that cannot be changes nothing")
{
    checkKeys({
        {"of text that is not JSON",
         {set("c", "k", "{broken")},
         {patch("k", "{\"a\":1}"), patch("k", "1"), set("c", "k", "1"), patch("k", "2")},
         {"bad_request", "bad_request", "set v2 after 1 1", "split, set v3 after 2 2"}},
        {"of an empty value", {set("c", "k", "")}, {patch("k", "{}")}, {"bad_request"}},
        {"that is not JSON",
         {set("c", "k", "{\"a\":1}")},
         {patch("k", "{broken"), patch("k", ""), patch("k", "{} {}"), patch("k", "{}")},
         {"bad_request", "bad_request", "bad_request", "set v2 after 1 {\"a\":1}"}},
        {"the conflict is told first",
         {set("c", "k", "{broken")},
         {patch("k", "{}", 7)},
         {"conflict k v1 {broken"}},
        {"that is not JSON makes no collection",
         {set("a", "k"), set("b", "k")},
         {patch("k", "{broken"), set("d", "k")},
         {"bad_request", "set v1 after 0 v"}},
    });
    const std::string half = "\"" + large(kMaxPayloadBytes / 2) + "\"";
    check({
        {"whose merged value is too large",
         {set("c", "k", "{\"a\":" + half + "}")},
         {patch("k", "{\"b\":" + half + "}"), patch("k", "{\"a\":1}")},
         {"too_large", "set v2 after 1"}},
        {"the same after a patch of the batch",
         {},
         {patch("k", "{\"a\":" + half + "}"), patch("k", "{\"b\":" + half + "}"),
          patch("k", "{\"a\":1}")},
         {"set v1 after 0", "too_large", "set v2 after 1"}},
    });
}

TEST_CASE("several keys at once: one entry, or none")
{
    const Wish all = write({{Op::Set, "a", "1"},
                            {Op::Patch, "b", "{\"y\":2}"},
                            {Op::Remove, "r", ""},
                            {Op::Check, "k", "", 1}});
    const std::vector<DeskStep> there = {set("c", "b", "{\"x\":1}"), set("c", "r"),
                                         set("c", "k", "old")};
    checkKeys({
        {"of every kind",
         there,
         {all},
         {"write +a v1 after 0 1 +b v2 after 1 {\"x\":1,\"y\":2} -r v2 after 2 [1 2 2 1]"}},
        {"a removal of nothing adds nothing",
         {},
         {write({{Op::Set, "a", "1"}, {Op::Remove, "r", ""}})},
         {"write +a v1 after 0 1 [1 0]"}},
        {"checks alone leave no entry",
         there,
         {write({{Op::Check, "k", "", 1}, {Op::Check, "no", "", 0}}),
          write({{Op::Remove, "no", ""}})},
         {"- [1 0]", "- [0]"}},
        {"a check that does not hold",
         there,
         {write({{Op::Set, "a", "1"}, {Op::Check, "k", "", 2}}), setIf("a", 0)},
         {"conflict k v1 old", "set v1 after 0 v"}},
        {"the first that does not hold is told",
         there,
         {write({{Op::Set, "a", "1", 7}, {Op::Check, "k", "", 7}}),
          write({{Op::Check, "k", "", 7}, {Op::Set, "a", "1", 7}})},
         {"conflict a v0 gone", "conflict k v1 old"}},
        {"a set, a removal and a patch that do not hold",
         there,
         {write({{Op::Set, "a", "1"}, {Op::Set, "k", "2", 0}}),
          write({{Op::Set, "a", "1"}, {Op::Remove, "k", "", 9}}),
          write({{Op::Set, "a", "1"}, {Op::Patch, "b", "{}", 9}}), setIf("a", 0)},
         {"conflict k v1 old", "conflict k v1 old", "conflict b v1 {\"x\":1}", "set v1 after 0 v"}},
        {"a patch that cannot be",
         there,
         {write({{Op::Set, "a", "1"}, {Op::Patch, "k", "{}"}}), setIf("a", 0)},
         {"bad_request", "set v1 after 0 v"}},
        {"a patch after a set of the batch",
         there,
         {set("c", "b", "{}"), all},
         {"set v2 after 1 {}",
          "split, write +a v1 after 0 1 +b v3 after 4 {\"y\":2} -r v2 after 2 [1 3 2 1]"}},
        {"what follows in the batch sees it",
         there,
         {all, setIf("a", 1, "2"), setIf("r", 0), patch("b", "{\"z\":3}", 2), setIf("k", 1)},
         {"write +a v1 after 0 1 +b v2 after 1 {\"x\":1,\"y\":2} -r v2 after 2 [1 2 2 1]",
          "set v2 after 4 2", "set v3 after 4 v", "set v3 after 4 {\"x\":1,\"y\":2,\"z\":3}",
          "set v2 after 3 v"}},
        {"it sees what the batch has decided",
         {},
         {setIf("a", 0), write({{Op::Check, "a", "", 1}, {Op::Set, "b", "1"}}),
          write({{Op::Check, "a", "", 0}, {Op::Set, "b", "1"}})},
         {"set v1 after 0 v", "write +b v1 after 0 1 [1 1]", "split, conflict a v1 v"}},
        {"nothing at all", {}, {write({})}, {"- []"}},
        {"after a drop of the batch",
         {set("c", "k")},
         {drop("c"), write({{Op::Set, "k", "1", 2}})},
         {"drop", "split, write +k v3 after 2 1 [3]"}},
        {"a drop after it",
         {},
         {write({{Op::Set, "k", "1"}}), drop("c")},
         {"write +k v1 after 0 1 [1]", "split, drop"}},
    });
}

TEST_CASE("several keys at once: limits")
{
    check({
        {"too large as a whole",
         {},
         {write({{Op::Set, "a", large(2000)}, {Op::Set, "b", large(2000)}}), setIf("a", 0)},
         {"too_large", "set v1 after 0"}},
        {"one collection too many",
         {set("x", "k"), set("y", "k"), set("z", "k")},
         {write({{Op::Set, "a", "1"}, {Op::Set, "b", "1"}}), set("x", "k")},
         {"too_many", "set v2 after 1"}},
        {"a check or removal needs no collection",
         {set("x", "k"), set("y", "k"), set("z", "k")},
         {write({{Op::Check, "a", "", 0}, {Op::Remove, "b", ""}})},
         {"- [0 0]"}},
        {"two of one batch make one collection",
         {set("x", "k"), set("y", "k")},
         {write({{Op::Set, "a", "1"}}), write({{Op::Set, "b", "1"}}), set("z", "k")},
         {"write +a v1 after 0 [1]", "write +b v1 after 0 [1]", "too_many"}},
        {"a removal among them makes room",
         {set("c", "k"), set("y", "k"), set("z", "k")},
         {write({{Op::Remove, "k", ""}}), set("x", "k")},
         {"write -k v2 after 1 [2]", "split, set v1 after 0"}},
        {"one that was refused makes no collection",
         {set("x", "k"), set("y", "k")},
         {write({{Op::Set, "a", "1"}, {Op::Check, "b", "", 1}}), set("z", "k")},
         {"conflict b v0 gone", "set v1 after 0"}},
        {"a patch of a new collection",
         {set("x", "k"), set("y", "k"), set("z", "k")},
         {patch("k", "{}")},
         {"too_many"}},
    });
}

TEST_CASE("a key with a time to live")
{
    checkKeys({
        {"counts from the batch", {wait(100)}, {setFor("k", 50)}, {"set v1 after 0 v until 150"}},
        {"a set without ends it",
         {setFor("k", 50)},
         {set("c", "k"), wait(100), setIf("k", 2)},
         {"set v2 after 1 v", "set v3 after 2 v"}},
        {"a set with another counts anew",
         {setFor("k", 50), wait(10)},
         {setFor("k", 50)},
         {"set v2 after 1 v until 60"}},
        {"a patch keeps it, sets it, ends it",
         {setFor("k", 50, "{}"), wait(10)},
         {patch("k", "{\"a\":1}"), patch("k", "{\"b\":1}", {}, 100), patch("k", "{\"c\":1}"),
          patch("k", "{\"d\":1}", {}, 0), patch("k", "{}")},
         {"set v2 after 1 {\"a\":1} until 50", "set v3 after 2 {\"a\":1,\"b\":1} until 110",
          "set v4 after 3 {\"a\":1,\"b\":1,\"c\":1} until 110",
          "set v5 after 4 {\"a\":1,\"b\":1,\"c\":1,\"d\":1}",
          "set v6 after 5 {\"a\":1,\"b\":1,\"c\":1,\"d\":1}"}},
        {"of a removed key nothing is kept",
         {setFor("k", 50), removeKey("c", "k")},
         {patch("k", "{}")},
         {"set v3 after 2 {}"}},
        {"among several",
         {setFor("p", 50, "{}")},
         {write({{Op::Set, "a", "1", {}, 7},
                 {Op::Set, "b", "1", {}, 0},
                 {Op::Set, "c", "1"},
                 {Op::Patch, "p", "{}"},
                 {Op::Patch, "q", "{}", {}, 9}}),
          write({{Op::Patch, "p", "{}", {}, 0}, {Op::Patch, "a", "2"}})},
         {"write +a v1 after 0 1 until 7 +b v1 after 0 1 +c v1 after 0 1 +p v2 after 1 {} until 50 "
          "+q v1 after 0 {} until 9 [1 1 1 2 1]",
          "split, write +p v3 after 2 {} +a v2 after 2 2 until 7 [3 2]"}},
    });
}

TEST_CASE("a proposal that meets a key whose time is over: the expiry comes first")
{
    const std::vector<DeskStep> over = {setFor("k", 50, "{\"old\":1}"), wait(50)};
    checkKeys({
        {"not a moment before",
         {setFor("k", 50, "{}"), wait(49)},
         {setIf("k", 1)},
         {"set v2 after 1 v"}},
        {"a set", over, {set("c", "k")}, {"expired k v2 after 1, set v3 after 2 v"}},
        {"a set that wants none",
         over,
         {setIf("k", 0)},
         {"expired k v2 after 1, set v3 after 2 v"}},
        {"a set that wants what was",
         over,
         {setIf("k", 1)},
         {"expired k v2 after 1, conflict k v2 gone"}},
        {"a set that wants what readers see",
         over,
         {setIf("k", 2)},
         {"expired k v2 after 1, set v3 after 2 v"}},
        {"a removal", over, {removeKey("c", "k")}, {"expired k v2 after 1, -"}},
        {"a patch begins anew, without end",
         over,
         {patch("k", "{\"new\":1}")},
         {"expired k v2 after 1, set v3 after 2 {\"new\":1}"}},
        {"a check among several",
         over,
         {write({{Op::Set, "a", "1"}, {Op::Check, "k", "", 0}})},
         {"expired k v2 after 1, write +a v1 after 0 1 [1 2]"}},
        {"several that are over",
         {setFor("a", 50), setFor("b", 50), wait(60)},
         {write({{Op::Remove, "a", ""}, {Op::Set, "b", "1"}})},
         {"expired a v2 after 1, expired b v2 after 2, write +b v3 after 4 1 [2 3]"}},
        {"once",
         over,
         {setIf("k", 0), removeIf("k", 3), setIf("k", 0)},
         {"expired k v2 after 1, set v3 after 2 v", "gone v4 after 3", "set v5 after 4 v"}},
        {"another key, nothing", over, {set("c", "other")}, {"set v1 after 0 v"}},
        {"the last key of a collection makes room",
         {setFor("k", 50), set("x", "k"), set("y", "k"), wait(50)},
         {removeKey("c", "k"), set("z", "k")},
         {"expired k v2 after 1, -", "split, set v1 after 0 v"}},
        {"a drop after it",
         over,
         {removeKey("c", "k"), drop("c")},
         {"expired k v2 after 1, -", "split, -"}},
        {"one that is refused keeps the expiry",
         over,
         {setIf("k", 7), setIf("k", 2)},
         {"expired k v2 after 1, conflict k v2 gone", "set v3 after 2 v"}},
    });
}

TEST_CASE("an expiry that is due")
{
    Desk desk(limitsOf());
    const Expiries::Key key{50, 0, "c", "k"};
    CHECK(desk.expire(key) == "-"); // never was
    desk.decide(setFor("k", 50));
    desk.endBatch(10);
    CHECK(desk.expire({49, 0, "c", "k"}) == "-"); // has another
    CHECK(desk.expire({50, 0, "c", "other"}) == "-");
    CHECK(desk.expire({50, 1, "c", "k"}) == "-"); // of another tenant
    desk.endBatch(40);
    CHECK(desk.expire(key) == "expired k v2 after 1");
    CHECK(desk.expire(key) == "-");
    CHECK(desk.decide(setIf("k", 0)) == "set v3 after 2");
    CHECK(desk.expire(key) == "-");
    CHECK(desk.expire({50, 1, "c", "k"}) == "split"); // one batch is of one tenant
    desk.endBatch();
    CHECK(desk.expire(key) == "-");
    // Set in the batch, without an end.
    desk.decide(setFor("k", 5));
    desk.endBatch(5);
    desk.decide(set("c", "other"));
    CHECK(desk.store().expiries().size() == 1);
    CHECK(desk.expire(*desk.store().expiries().begin()) == "expired k v5 after 4");
    desk.endBatch();
    CHECK(desk.store().expiries().empty());
    CHECK(desk.decide(set("c", "k")) == "set v6 after 6");
}

TEST_CASE("tombstones are forgotten, and versions go on above the floor")
{
    const std::vector<DeskStep> gone = {set("c", "a"), removeKey("c", "a"), set("c", "b"),
                                        set("c", "b"), removeKey("c", "b"), set("c", "live")};
    checkKeys({
        {"those named", gone, {forget({{"a", 2}, {"b", 5}})}, {"forget a b up to v3"}},
        {"not those that changed since, or live, or never were",
         gone,
         {forget({{"a", 1}, {"a", 3}, {"live", 6}, {"no", 0}, {"no", 1}}), forget({})},
         {"-", "-"}},
        {"of those named the ones that still are",
         gone,
         {forget({{"a", 2}, {"b", 4}})},
         {"forget a up to v2"}},
        {"of no collection", {}, {forget({{"a", 2}})}, {"-"}},
        {"any key that is not there counts from the floor",
         gone,
         {forget({{"a", 2}, {"b", 5}}), set("c", "a"), set("c", "new"), set("c", "live")},
         {"forget a b up to v3", "split, set v4 after 0 v", "set v4 after 0 v",
          "set v2 after 6 v"}},
        {"conditions, too",
         gone,
         {forget({{"b", 5}}), setIf("b", 2), setIf("b", 3), setIf("x", 0), removeIf("y", 3)},
         {"forget b up to v3", "split, conflict b v3 gone", "set v4 after 0 v", "set v4 after 0 v",
          "-"}},
        {"waits for what the batch has decided of the collection",
         gone,
         {set("c", "a"), forget({{"a", 2}, {"b", 5}})},
         {"set v3 after 2 v", "split, forget b up to v3"}},
        {"what follows waits for it",
         gone,
         {forget({{"a", 2}}), removeKey("c", "a"), write({{Op::Check, "a", "", 0}}),
          insert({{"c", "d", 1}})},
         {"forget a up to v2", "split, -", "- [2]", "insert c1"}},
        {"after an expiry",
         {setFor("k", 50), wait(50), removeKey("c", "k")},
         {forget({{"k", 2}}), setIf("k", 0)},
         {"forget k up to v2", "split, set v3 after 0 v"}},
        {"a floor never sinks",
         gone,
         {forget({{"b", 5}}), forget({{"a", 2}}), set("c", "a")},
         {"forget b up to v3", "split, forget a up to v2", "split, set v4 after 0 v"}},
    });
}
