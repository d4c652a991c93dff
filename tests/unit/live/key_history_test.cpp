#include <doctest/doctest.h>

#include <thread>

#include "live/key_history.h"
#include "unit/engine/engine_fixture.h"

using namespace fluxion;

namespace {

// A folder's log, or the one in memory.
struct Keys : EngineFixture {
    explicit Keys(bool inMemory, uint64_t retainBytes = 16 * 1024 * 1024,
                  uint64_t segmentBytes = 4096)
    {
        options = smallOptions(Durability::Always, segmentBytes);
        options.log.retainBytes = retainBytes;
        if (!inMemory) {
            mustOpen(options);
            return;
        }
        auto opened = Engine::open(options, nullptr, clock, nullSink());
        REQUIRE(opened.ok());
        engine = std::move(opened.value());
    }

    EngineOptions options;

    KeyHistory read(const std::string& key, HistoryRange range = {100, 0})
    {
        const auto collection = engine->store().find(0, "c");
        const KeyHead head = collection ? collection->head(key) : KeyHead();
        auto history = readKeyHistory(*engine, {0, "c", key}, head.seq, head.version, range);
        REQUIRE(history.ok());
        return std::move(history.value());
    }
    // "v3 removed @9; v2 set b @7": the versions and seqs; "..." if there is more.
    std::string tell(const std::string& key, HistoryRange range = {100, 0})
    {
        static const char* const kOps[] = {"set", "removed", "expired", "-", "-", "dropped"};
        const KeyHistory history = read(key, range);
        std::string text;
        for (const KeyVersion& v : history.versions) {
            text += (text.empty() ? "v" : "; v") + std::to_string(v.version) + " " +
                    kOps[static_cast<size_t>(v.op)] + (v.value.empty() ? "" : " " + v.value) +
                    " @" + std::to_string(v.seq);
        }
        return text + (history.more ? " ..." : "");
    }
};

Wish setFor(std::string key, std::string value, int64_t ttlUs)
{
    return SetKeyProposal{"c", std::move(key), std::move(value), {}, ttlUs};
}

// The engine, whose log comes late from the third look on.
struct LateLog : LiveSource {
    explicit LateLog(Engine& engine) : source(engine) {}
    const std::string& history() const override { return source.history(); }
    uint64_t appliedSeq() const override { return source.appliedSeq(); }
    uint64_t oldestSeq() const override { return source.oldestSeq(); }
    int64_t nowUs() const override { return source.nowUs(); }
    std::unique_ptr<LogCursor> readLog(uint64_t after) override
    {
        if (++looks == 3)
            std::this_thread::sleep_for(kMaxHistoryTime + std::chrono::milliseconds(100));
        return source.readLog(after);
    }
    std::optional<Cut> cut() override { return source.cut(); }
    Broadcast& broadcast() override { return source.broadcast(); }

    LiveSource& source;
    int looks = 0;
};

} // namespace

TEST_CASE("a history that takes too long: what was found, and that there is more")
{
    Keys f(true);
    f.mustSubmit({set("c", "k"), set("c", "k"), set("c", "k"), set("c", "k"), set("c", "k")});
    const auto read = [&](HistoryRange range) {
        LateLog late(*f.engine);
        return readKeyHistory(late, {0, "c", "k"}, 5, 5, range);
    };
    const auto some = read({100, 0});
    REQUIRE(some.ok());
    CHECK(some.value().versions.size() == 3);
    CHECK(some.value().more);
    CHECK(read({3, 4}).value().versions.size() == 1); // the third look was for this one
    const auto none = read({100, 2});
    REQUIRE_FALSE(none.ok());
    CHECK(none.error().code == Code::Timeout);
}

TEST_CASE("the history of a key: every kind of change, with a folder, without, and after a start")
{
    for (const bool inMemory : {true, false}) {
        Keys f(inMemory);
        using Op = WriteKeysProposal::Op;
        f.mustSubmit({set("c", "k", "a"), set("c", "x", "?"), set("c", "k", "b")}); // 1 to 3
        f.clock.advanceUs(1000);
        f.mustSubmit({removeKey("c", "k")}); // 4
        f.mustSubmit({setFor("k", "d", 5000)});
        const int64_t setAt = f.clock.wallUs();
        f.clock.advanceUs(5000);
        f.engine->step(); // 6: expired
        f.mustSubmit({WriteKeysProposal{"c", {{Op::Set, "y", "?"}, {Op::Set, "k", "e"}}}}); // 7
        f.mustSubmit({WriteKeysProposal{"c", {{Op::Remove, "k", ""}, {Op::Set, "z", "?"}}}});
        f.mustSubmit({PatchKeyProposal{"c", "k", "{\"a\":1}"}}); // 9
        const auto look = [&] {
            CHECK(f.tell("k") == "v8 set {\"a\":1} @9; v7 removed @8; v6 set e @7; "
                                 "v5 expired @6; v4 set d @5; v3 removed @4; v2 set b @3; "
                                 "v1 set a @1");
            CHECK(f.tell("x") == "v1 set ? @2");
            CHECK(f.tell("none") == "");
            const KeyHistory history = f.read("k");
            CHECK(history.versions[4].expiryUs == setAt + 5000);
            CHECK(history.versions[5].expiryUs == 0);
            CHECK(history.versions[5].timeUs == setAt);
            CHECK(history.versions[6].timeUs == setAt - 1000);
            CHECK(history.versions[3].timeUs == setAt + 5000);
        };
        look();
        if (inMemory)
            continue;
        f.mustStop();
        f.mustOpen(f.options);
        look();
        f.mustSubmit({set("c", "k", "f")});
        CHECK(f.tell("k", {2, 0}) == "v9 set f @10; v8 set {\"a\":1} @9 ...");
    }
}

TEST_CASE("the history of a key: limit, before, and whether there is more")
{
    Keys f(true);
    f.mustSubmit({set("c", "k", "a"), set("c", "k", "b"), set("c", "k", "d"), set("c", "k", "e")});
    CHECK(f.tell("k", {1, 0}) == "v4 set e @4 ...");
    CHECK(f.tell("k", {3, 0}) == "v4 set e @4; v3 set d @3; v2 set b @2 ...");
    CHECK(f.tell("k", {4, 0}) == "v4 set e @4; v3 set d @3; v2 set b @2; v1 set a @1");
    CHECK(f.tell("k", {2, 4}) == "v3 set d @3; v2 set b @2 ...");
    CHECK(f.tell("k", {2, 3}) == "v2 set b @2; v1 set a @1");
    CHECK(f.tell("k", {2, 1}) == "");
    CHECK(f.tell("k", {1, 99}) == "v4 set e @4 ...");
    // Page by page it is the whole.
    std::string all;
    for (uint64_t before = 0; before != 1;) {
        const KeyHistory page = f.read("k", {1, before});
        REQUIRE(page.versions.size() == 1);
        all += page.versions[0].value;
        before = page.versions[0].version;
        CHECK(page.more == (before != 1));
    }
    CHECK(all == "edba");
}

TEST_CASE("the history of a key begins where its collection was dropped, or it was forgotten")
{
    for (const bool inMemory : {true, false}) {
        Keys f(inMemory);
        f.mustSubmit({set("c", "k", "a"), set("c", "k", "b"), set("c", "x")});
        f.mustSubmit({drop("c")});
        CHECK(f.tell("k") == "v3 dropped @4");
        f.mustSubmit({set("c", "k", "d"), removeKey("c", "k")});
        CHECK(f.tell("k") == "v5 removed @6; v4 set d @5; v3 dropped @4");
        CHECK(f.tell("k", {2, 0}) == "v5 removed @6; v4 set d @5 ...");
        CHECK(f.tell("x") == "v2 dropped @4");
        f.mustSubmit({ForgetKeysProposal{"c", {{"k", 6}}}}); // 7
        CHECK(f.tell("k") == "");
        f.mustSubmit({set("c", "k", "e")});
        CHECK(f.tell("k") == "v6 set e @8");
    }
}

TEST_CASE("the history of a key reaches as far back as the log")
{
    Keys f(true, 4096);
    for (int i = 1; i <= 20; ++i)
        f.mustSubmit({set("c", "k", std::to_string(i) + std::string(500, 'v'))});
    const KeyHistory history = f.read("k");
    CHECK(history.versions.size() > 3);
    CHECK(history.versions.size() < 10);
    CHECK_FALSE(history.more);
    CHECK(history.versions.back().seq == f.engine->oldestSeq());
    const KeyHistory some = f.read("k", {history.versions.size() - 1, 0});
    CHECK(some.more);
    const KeyHistory all = f.read("k", {history.versions.size(), 0});
    CHECK_FALSE(all.more);
    CHECK(f.tell("k", {9, history.versions.back().version}) == "");

    auto gone = readKeyVersion(*f.engine, {0, "c", "k"}, 1);
    REQUIRE_FALSE(gone.ok());
    CHECK(gone.error().code == Code::Compacted);
    auto strange = readKeyVersion(*f.engine, {0, "c", "other"}, 20);
    REQUIRE_FALSE(strange.ok());
    CHECK(strange.error().code == Code::Damaged);
    strange = readKeyVersion(*f.engine, {1, "c", "k"}, 20); // another tenant's
    CHECK_FALSE(strange.ok());
}

TEST_CASE("a history of large values comes in parts")
{
    Keys f(true, 64 << 20, 8 << 20);
    for (int i = 0; i < 5; ++i)
        f.mustSubmit({set("c", "k", std::string(kMaxHistoryBytes / 2, 'v'))});
    KeyHistory history = f.read("k");
    CHECK(history.versions.size() == 2);
    CHECK(history.more);
    f.mustSubmit({set("c", "k", std::string(kMaxHistoryBytes + 1, 'v'))});
    history = f.read("k");
    CHECK(history.versions.size() == 1); // one at least
    CHECK(history.more);
    history = f.read("k", {100, 2});
    CHECK(history.versions.size() == 1);
    CHECK_FALSE(history.more);
}
