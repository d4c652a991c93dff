// Cuts that clients hold, and what is read of them.

#include <doctest/doctest.h>

#include "live/backfill.h"
#include "live/held_cuts.h"
#include "unit/live/live_wishes.h"

using namespace fluxion;

namespace {

SharedCut emptyCut()
{
    return std::make_shared<const Cut>();
}

std::shared_ptr<const Filter> filterOf(WatchKind kind, const char* collection)
{
    Filter filter;
    filter.kind = kind;
    filter.collection = collection;
    return std::make_shared<const Filter>(std::move(filter));
}

// The texts of all pieces.
std::vector<std::string> readAll(SnapshotBackfill& backfill)
{
    std::vector<std::string> texts;
    for (int pieces = 0; pieces < 100'000; ++pieces) {
        const BackfillPiece piece = backfill.next();
        REQUIRE(piece.status.ok());
        for (const QueuedEvent& event : piece.events)
            texts.push_back(event.text->text());
        if (piece.atEnd)
            return texts;
    }
    FAIL("it does not end");
    return texts;
}

std::string record(const std::string& document, int ts)
{
    return R"({"seq":0,"i":0,"op":"inserted","col":"c","doc":")" + document + R"(","ts":)" +
           std::to_string(ts) + R"(,"data":")" + std::to_string(ts) + "\"}";
}

} // namespace

TEST_CASE("held cuts: named, few, and gone when nobody cares")
{
    constexpr size_t kMaxHeldCuts = 8;
    constexpr int64_t kHeldCutIdleUs = 1000;
    HeldCuts cuts({kMaxHeldCuts, kHeldCutIdleUs});
    const auto first = cuts.add(0, 0, emptyCut(), 0);
    REQUIRE(first.ok());
    CHECK(first.value().size() == 32);
    CHECK(cuts.find(0, first.value(), 0));
    CHECK_FALSE(cuts.find(1, first.value(), 0)); // another tenant's
    CHECK_FALSE(cuts.find(0, "other", 0));
    for (size_t i = 1; i < kMaxHeldCuts; ++i)
        CHECK(cuts.add(0, 0, emptyCut(), 0).ok());
    CHECK(cuts.add(0, 0, emptyCut(), 0).error().code == Code::TooMany);

    // One is asked for, one is read.
    const auto last = cuts.remove(0, first.value());
    CHECK(last);
    CHECK_FALSE(cuts.remove(0, first.value()));
    const auto asked = cuts.add(0, 0, emptyCut(), 1);
    CHECK(cuts.takeExpired(kHeldCutIdleUs - 1).empty());
    CHECK(cuts.find(0, asked.value(), kHeldCutIdleUs - 1));
    CHECK(cuts.takeExpired(kHeldCutIdleUs).size() == kMaxHeldCuts - 1);
    SharedCut reader = cuts.find(0, asked.value(), kHeldCutIdleUs);
    CHECK(reader);
    CHECK(cuts.takeExpired(5 * kHeldCutIdleUs).empty());
    reader.reset();
    CHECK(cuts.takeExpired(6 * kHeldCutIdleUs - 1).empty());
    CHECK(cuts.takeExpired(6 * kHeldCutIdleUs).size() == 1);
    CHECK_FALSE(cuts.find(0, asked.value(), 6 * kHeldCutIdleUs));
}

TEST_CASE("held cuts: one API key has half of them, the master key all")
{
    HeldCuts cuts({5, 1000});
    std::string name;
    for (int i = 0; i < 3; ++i) {
        auto added = cuts.add(0, 7, emptyCut(), 0);
        REQUIRE(added.ok());
        name = added.value();
    }
    const auto refused = cuts.add(0, 7, emptyCut(), 0);
    CHECK(refused.error().code == Code::TooMany);
    CHECK(refused.error().text.find("this API key holds 3 cuts") == 0);
    CHECK(cuts.add(0, 8, emptyCut(), 0).ok());
    CHECK(cuts.remove(0, name));
    CHECK(cuts.add(0, 7, emptyCut(), 0).ok());
    CHECK(cuts.takeExpired(1000).size() == 4);
    for (int i = 0; i < 5; ++i)
        CHECK(cuts.add(0, 0, emptyCut(), 0).ok());
    CHECK(cuts.add(0, 8, emptyCut(), 0).error().text.find("the server holds 5 cuts") == 0);
}

TEST_CASE("the history of a cut: in pieces of every size, from every record on")
{
    LiveFixture f;
    constexpr int kRecords = 150; // more than an open chunk
    for (int ts = 0; ts < kRecords; ++ts)
        f.write(insert({{"c", "d1", ts, std::to_string(ts)},
                        {"c", "d2", -ts, std::to_string(-ts)},
                        {"e", "d1", ts, "other"}}));
    const auto cut = std::make_shared<const Cut>(f.engine().openCut());
    f.write({drop("c"), insert({{"c", "d1", 7, "later"}})});
    const auto filter = filterOf(WatchKind::Documents, "c");
    std::vector<std::string> all;
    for (const PieceLimits limits : {PieceLimits{}, PieceLimits{1, 1}, PieceLimits{1000, 1 << 20},
                                     PieceLimits{1 << 20, 500}}) {
        SnapshotBackfill backfill(f.engine(), f.shared->cuts, f.shared->eventBytes, filter, 0,
                                  limits, {cut, true, {}, {}});
        all = readAll(backfill);
        REQUIRE(all.size() == 2 * kRecords);
        const bool firstIsD1 = all[0] == record("d1", 0);
        for (int i = 0; i < kRecords; ++i) {
            CHECK(all[static_cast<size_t>(firstIsD1 ? i : kRecords + i)] == record("d1", i));
            CHECK(all[static_cast<size_t>(firstIsD1 ? kRecords + i : i)] ==
                  record("d2", i - kRecords + 1));
        }
    }
    for (size_t at = 0; at < all.size(); at += 7) {
        const bool d1 = all[at].find("\"d1\"") != std::string::npos;
        const int ts = static_cast<int>(at % kRecords) - (d1 ? 0 : kRecords - 1);
        SnapshotBackfill backfill(f.engine(), f.shared->cuts, f.shared->eventBytes, filter, 0,
                                  {300, 100}, {cut, true, d1 ? "d1" : "d2", ts});
        CHECK(readAll(backfill) ==
              std::vector<std::string>(all.begin() + static_cast<long>(at), all.end()));
    }
    SnapshotBackfill missing(f.engine(), f.shared->cuts, f.shared->eventBytes, filter, 0, {},
                             {cut, true, "nobody", {}});
    CHECK(missing.next().status.error().code == Code::NotFound);
    SnapshotBackfill nowhere(f.engine(), f.shared->cuts, f.shared->eventBytes,
                             filterOf(WatchKind::Documents, "none"), 0, {}, {cut, true, "d1", {}});
    CHECK(nowhere.next().status.error().code == Code::NotFound);
}

TEST_CASE("the keys of a cut, from each of them on")
{
    LiveFixture f;
    for (int i = 0; i < 700; ++i) // several pages
        f.write(set("c", "k" + std::to_string(i)));
    const auto cut = std::make_shared<const Cut>(f.engine().openCut());
    f.write(drop("c"));
    const auto filter = filterOf(WatchKind::Keys, "c");
    SnapshotBackfill whole(f.engine(), f.shared->cuts, f.shared->eventBytes, filter, 0, {},
                           {cut, false, {}, {}});
    const std::vector<std::string> all = readAll(whole);
    REQUIRE(all.size() == 700);
    for (size_t at = 0; at < all.size(); at += 41) {
        const size_t name = all[at].find("\"key\":\"") + 7;
        const std::string key = all[at].substr(name, all[at].find('"', name) - name);
        SnapshotBackfill rest(f.engine(), f.shared->cuts, f.shared->eventBytes, filter, 0, {1, 1},
                              {cut, false, key, {}});
        CHECK(readAll(rest) ==
              std::vector<std::string>(all.begin() + static_cast<long>(at), all.end()));
    }
}

TEST_CASE("a subscription to a cut ends with it")
{
    LiveFixture f;
    f.write({set("c", "a"), set("c", "b")});
    SubscribeFrom from;
    from.snapshot = true;
    from.wish.cut = std::make_shared<const Cut>(f.engine().openCut());
    const uint64_t seq = from.wish.cut->seq;
    f.write(set("c", "b"));
    TestClient client;
    client.subscribe(*f.hub, from);
    f.write(set("c", "d"));
    f.settleAll();
    CHECK(client.finished);
    CHECK(client.state.size() == 2);
    CHECK(client.stateSeq == seq);
    CHECK(client.changes.empty());
    CHECK(f.shared->subscriptions == 0);
    CHECK(f.hub->unsubscribe(client.id) == 0);
}
