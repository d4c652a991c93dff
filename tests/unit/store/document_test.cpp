#include <doctest/doctest.h>

#include <atomic>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "store/document.h"
#include "store/range_cursor.h"

using namespace fluxion;

namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

using Model = std::map<int64_t, std::string>;
using Direction = RangeCursor::Direction;

std::vector<Record> read(const Document& document, int64_t from, int64_t to,
                         Direction direction = Direction::Forward)
{
    std::vector<Record> out;
    RangeCursor cursor(document, from, to, direction);
    RecordView record;
    while (cursor.next(record))
        out.push_back({record.ts, std::string(record.data)});
    CHECK_FALSE(cursor.next(record));
    return out;
}

bool matches(const Document& document, const Model& model, int64_t from = kMin, int64_t to = kMax)
{
    std::vector<Record> expected;
    if (from <= to) {
        for (auto at = model.lower_bound(from); at != model.end() && at->first <= to; ++at)
            expected.push_back({at->first, at->second});
    }
    const auto equal = [](const Record& a, const Record& b) {
        return a.ts == b.ts && a.data == b.data;
    };
    const std::vector<Record> up = read(document, from, to);
    const std::vector<Record> down = read(document, from, to, Direction::Reverse);
    return std::equal(up.begin(), up.end(), expected.begin(), expected.end(), equal) &&
           std::equal(down.begin(), down.end(), expected.rbegin(), expected.rend(), equal);
}

// One round of merging; false if there was nothing to do.
bool mergeOnce(Document& document, bool idle)
{
    const std::optional<MergePlan> plan = document.planMerge(idle);
    if (plan)
        REQUIRE(document.swapIn(Document::runMerge(*plan)));
    return plan.has_value();
}

void settle(Document& document)
{
    int rounds = 0;
    while (mergeOnce(document, true))
        REQUIRE(++rounds < 100);
}

std::string saved(const Document& document)
{
    std::string bytes;
    ByteWriter writer(bytes);
    document.save(writer);
    return bytes;
}

Status load(Document& document, std::string_view bytes)
{
    ByteReader reader(bytes);
    return document.load(reader);
}

// Both kept alike.
struct Pair {
    Document document;
    Model model;
    uint64_t seq = 0;

    void insert(int64_t ts, const std::string& data)
    {
        document.insert(ts, data, ++seq);
        model[ts] = data;
    }
    void fill(int64_t from, int64_t count, int64_t step, const std::string& data)
    {
        for (int64_t i = 0; i < count; ++i)
            insert(from + i * step, data + std::to_string(i));
    }
    bool eraseRange(int64_t from, int64_t to)
    {
        if (from <= to)
            model.erase(model.lower_bound(from), model.upper_bound(to));
        return document.eraseRange(from, to);
    }
};

} // namespace

TEST_CASE("an empty document holds nothing")
{
    const Document document;
    Record record;
    CHECK(document.empty());
    CHECK_FALSE(document.latestAtOrBefore(kMax, record));
    CHECK_FALSE(document.hasAnyIn(kMin, kMax));
    CHECK(matches(document, {}));
    CHECK(document.contentHash(1) == 0);
    CHECK_FALSE(document.planMerge(true).has_value());
}

TEST_CASE("records arrive in any order and replace their equals, wherever these stand")
{
    struct Case {
        const char* name;
        int64_t from, count, step;
    };
    const Case cases[] = {
        {"in order", 0, 2000, 10},
        {"backwards", 20'000, 2000, -10},
        {"all at one time", 5, 200, 0},
        {"interleaved with the first", 5, 2000, 10},
        {"the ends of time, upwards", kMax - 200, 201, 1},
        {"the ends of time, downwards", kMin + 200, 201, -1},
        {"over the first again", 0, 2000, 10},
    };
    Pair pair;
    for (const Case& c : cases) {
        INFO(c.name);
        pair.fill(c.from, c.count, c.step, c.name);
        CHECK(matches(pair.document, pair.model));
        CHECK(pair.document.recordCountUpperBound() >= pair.model.size());
    }
    settle(pair.document);
    CHECK(matches(pair.document, pair.model));
    CHECK(pair.document.recordCountUpperBound() < pair.model.size() + 8);
}

TEST_CASE("latest is the newest version of the newest record not after the time")
{
    Pair pair;
    for (int layer = 0; layer < 5; ++layer) {
        pair.fill(layer, 130, 7, "layer " + std::to_string(layer) + " ");
        pair.insert(100, "again " + std::to_string(layer));
    }
    for (int64_t ts = -2; ts < 1000; ++ts) {
        Record got;
        const auto after = pair.model.upper_bound(ts);
        REQUIRE(pair.document.latestAtOrBefore(ts, got) == (after != pair.model.begin()));
        if (after != pair.model.begin()) {
            CHECK(got.ts == std::prev(after)->first);
            CHECK(got.data == std::prev(after)->second);
        }
    }
}

TEST_CASE("what is deleted does not come back from an older chunk")
{
    for (const bool merged : {false, true}) {
        Pair pair;
        pair.fill(0, 300, 10, "old ");
        if (merged)
            settle(pair.document);
        pair.fill(0, 300, 10, "new "); // overlaps, so it stays beside the old
        pair.insert(500, "newest");
        CHECK(pair.document.erase(500));
        CHECK_FALSE(pair.document.erase(500));
        CHECK_FALSE(pair.document.contains(500));
        CHECK(pair.eraseRange(700, 900));
        pair.model.erase(500);
        CHECK_FALSE(pair.document.hasAnyIn(691, 909));
        CHECK(pair.document.contains(690));
        CHECK(matches(pair.document, pair.model));
        settle(pair.document);
        CHECK(matches(pair.document, pair.model));
    }
}

TEST_CASE("a range takes both ends, and nothing where nothing is")
{
    Pair pair;
    pair.fill(0, 1000, 10, "v");
    settle(pair.document);
    CHECK_FALSE(pair.eraseRange(9991, kMax));
    CHECK_FALSE(pair.eraseRange(kMin, -1));
    CHECK_FALSE(pair.eraseRange(5001, 5009)); // between two records of a chunk
    CHECK_FALSE(pair.eraseRange(10, 0));
    CHECK(pair.eraseRange(10, 20));
    CHECK(pair.eraseRange(1000, 7000));
    CHECK(matches(pair.document, pair.model));
    CHECK(pair.eraseRange(kMin, kMax));
    CHECK(pair.document.empty());
    pair.fill(0, 100, 1, "w");
    CHECK(matches(pair.document, pair.model));
}

TEST_CASE("records in order make full compressed chunks, and the newest stays open")
{
    Pair pair;
    for (int64_t i = 0; i < 512 * 4 + 1; ++i) {
        pair.insert(i, "value " + std::to_string(i));
        mergeOnce(pair.document, false);
    }
    const std::string open = saved(pair.document);
    ByteReader reader(open);
    reader.u8();
    REQUIRE(reader.varint() == 4);
    for (int i = 0; i < 4; ++i) {
        const auto chunk = Chunk::parse(reader);
        REQUIRE(chunk.ok());
        CHECK(chunk.value()->codec() == ChunkCodec::Zstd);
        CHECK(chunk.value()->count() == 512);
        CHECK(chunk.value()->lastSeq() >= static_cast<uint64_t>(512 * (i + 1)));
    }
}

TEST_CASE("a resting document is merged but for its newest record, once")
{
    Pair pair;
    pair.fill(0, 7, 1, "few ");
    CHECK_FALSE(pair.document.planMerge(true).has_value());
    pair.fill(0, 500, 1, "more ");
    const size_t before = pair.document.memoryBytes();
    settle(pair.document);
    CHECK(pair.document.memoryBytes() < before / 2);
    CHECK_FALSE(pair.document.planMerge(true).has_value());
    CHECK_FALSE(pair.document.planMerge(false).has_value());
    CHECK(matches(pair.document, pair.model));

    const std::string bytes = saved(pair.document);
    ByteReader reader(bytes);
    reader.u8();
    for (uint64_t chunks = reader.varint(); chunks > 0; --chunks)
        CHECK(Chunk::parse(reader).value()->codec() == ChunkCodec::Zstd);
    CHECK(reader.varint() == 0); // recent
    CHECK(reader.varint() == pair.seq);
    CHECK(reader.varint() == 1); // open
    CHECK(reader.i64() == 499);
    CHECK(reader.text() == "more 499");
    CHECK(reader.atEnd());
}

TEST_CASE("resting again and again does not leave small chunks behind")
{
    Pair pair;
    for (int64_t i = 0; i < 4000; ++i) {
        pair.insert(i, "value");
        if (i % 10 == 9)
            settle(pair.document);
    }
    const std::string bytes = saved(pair.document);
    ByteReader reader(bytes);
    reader.u8();
    CHECK(reader.varint() <= 4000 / 256 + 1);
    CHECK(matches(pair.document, pair.model));
}

TEST_CASE("a merge is taken only if what it was made from still stands")
{
    struct Case {
        const char* name;
        void (*change)(Pair&);
        bool taken;
    };
    const Case cases[] = {
        {"nothing changed", [](Pair&) {}, true},
        {"a record erased in a merged chunk", [](Pair& p) { p.eraseRange(100, 100); }, false},
        {"a hidden record erased", [](Pair& p) { p.eraseRange(1500, 1500); }, false},
        {"a range erased", [](Pair& p) { p.eraseRange(kMin, 1200); }, false},
        {"an insert into the open chunk, which was taken", [](Pair& p) { p.insert(9, "n"); },
         false},
        {"an erase in the open chunk", [](Pair& p) { p.eraseRange(6000, kMax); }, false},
        {"another merge came first", [](Pair& p) { settle(p.document); }, false},
    };
    for (const Case& c : cases) {
        INFO(c.name);
        Pair pair;
        pair.fill(0, 200, 10, "old ");
        settle(pair.document);
        pair.fill(1000, 200, 5, "new ");
        pair.fill(5000, 30, 50, "open ");
        const std::optional<MergePlan> plan = pair.document.planMerge(true);
        REQUIRE(plan.has_value());
        c.change(pair);
        CHECK(pair.document.swapIn(Document::runMerge(*plan)) == c.taken);
        CHECK(matches(pair.document, pair.model));
        settle(pair.document);
        CHECK(matches(pair.document, pair.model));
    }
}

TEST_CASE("inserts while a merge of sealed chunks runs do not spoil it")
{
    Pair pair;
    pair.fill(0, 600, 10, "a");
    const std::optional<MergePlan> plan = pair.document.planMerge(false);
    REQUIRE(plan.has_value());
    pair.fill(3, 600, 10, "b"); // overlapping, newer
    pair.fill(0, 600, 10, "c"); // replacing
    pair.fill(9000, 600, 10, "d");
    CHECK(pair.document.swapIn(Document::runMerge(*plan)));
    CHECK(matches(pair.document, pair.model));
    settle(pair.document);
    CHECK(matches(pair.document, pair.model));
}

TEST_CASE("a pinned version does not see later changes")
{
    Ref<Document> current = Ref<Document>::make();
    Model model;
    for (int64_t i = 0; i < 1000; ++i) {
        current->insert(i, "first", 1);
        model[i] = "first";
    }
    RangeCursor cursor(current, 10, 989);
    for (int64_t i = 0; i < 1000; i += 3)
        current.writable().insert(i, "second", 2);
    current.writable().eraseRange(200, 800);
    settle(current.writable());
    RecordView record;
    for (int64_t i = 10; i < 990; ++i) {
        REQUIRE(cursor.next(record));
        CHECK(record.ts == i);
        CHECK(record.data == "first");
    }
    CHECK_FALSE(cursor.next(record));
    CHECK(current->hasAnyIn(199, 800));
    CHECK_FALSE(current->hasAnyIn(200, 800));
}

TEST_CASE("what a full open chunk held is not kept as room")
{
    Document large;
    large.insert(0, std::string(16 << 20, 'x'), 1);
    large.insert(1, "small", 2);
    large.insert(2, "small", 3);
    Document plain;
    plain.insert(0, std::string(16 << 20, 'x'), 1);
    CHECK(large.memoryBytes() < plain.memoryBytes() + (1 << 20));

    Document resting;
    for (int64_t ts = 0; ts < 65; ++ts)
        resting.insert(ts, "0123456789012345678901234567890123456789", 1);
    CHECK(resting.memoryBytes() < 65 * 41 + 2500);
}

TEST_CASE("the content hash is of the records, not of their layout")
{
    Pair ordered;
    ordered.fill(0, 1000, 1, "v");
    Pair mixed;
    for (int64_t i = 999; i >= 0; --i) {
        mixed.insert(i, "to be replaced");
        mixed.insert(i, "v" + std::to_string(i));
    }
    const uint64_t hash = ordered.document.contentHash(5);
    CHECK(hash == mixed.document.contentHash(5));
    settle(mixed.document);
    CHECK(hash == mixed.document.contentHash(5));
    CHECK(hash != mixed.document.contentHash(6));
    mixed.insert(500, "other");
    CHECK(hash != mixed.document.contentHash(5));
    mixed.insert(500, "v500");
    CHECK(hash == mixed.document.contentHash(5));
    mixed.eraseRange(0, 0);
    CHECK(hash != mixed.document.contentHash(5));
}

TEST_CASE("a document is saved whole or in parts")
{
    Pair pair;
    pair.fill(0, 3000, 10, "sorted ");
    settle(pair.document);
    pair.fill(5, 700, 20, "recent ");
    for (const size_t maxBytes : {size_t{1}, size_t{5000}, std::numeric_limits<size_t>::max()}) {
        Document loaded;
        size_t position = 0;
        bool more = true;
        for (int parts = 0; more; ++parts) {
            REQUIRE(parts < 100);
            std::string part;
            ByteWriter writer(part);
            more = pair.document.savePart(writer, position, maxBytes);
            ByteReader reader(part);
            REQUIRE(loaded.load(reader).ok());
            CHECK(reader.atEnd());
        }
        CHECK(matches(loaded, pair.model));
        CHECK(saved(loaded) == saved(pair.document));
        loaded.insert(31, "after", 1);
        CHECK(loaded.contains(31));
    }
}

TEST_CASE("a damaged document is refused or behaves")
{
    const uint32_t seed = std::random_device{}();
    MESSAGE("seed ", seed);
    std::mt19937 random(seed);
    Pair pair;
    pair.fill(0, 200, 10, "sorted ");
    settle(pair.document);
    pair.fill(5, 150, 20, "recent ");
    const std::string good = saved(pair.document);
    for (size_t length = 0; length < good.size(); ++length) {
        Document document;
        CHECK_FALSE(load(document, std::string_view(good).substr(0, length)).ok());
    }
    for (int round = 0; round < 5'000; ++round) {
        std::string bytes = good;
        for (auto flips = 1 + random() % 3; flips > 0; --flips)
            bytes[random() % bytes.size()] ^= static_cast<char>(1u << (random() % 8));
        Document document;
        if (!load(document, bytes).ok())
            continue;
        document.insert(77, "x", 1);
        document.eraseRange(50, 60);
        const uint64_t hash = document.contentHash(0);
        settle(document);
        REQUIRE(document.contentHash(0) == hash);
    }
}

TEST_CASE("sorted chunks out of order, or parts after the last one, are damaged")
{
    Pair pair;
    pair.fill(0, 20, 1, "v");
    settle(pair.document);
    const std::string one = saved(pair.document);
    Document document;
    REQUIRE(load(document, one).ok());
    CHECK_FALSE(load(document, one).ok());

    std::string bytes;
    ByteWriter writer(bytes);
    ChunkBuilder builder;
    writer.u8(0);
    writer.varint(2);
    for (int i = 0; i < 2; ++i) {
        builder.add(5, "same");
        builder.finish(ChunkCodec::Raw, 1)->save(writer);
    }
    writer.varint(0);
    writer.varint(0);
    writer.varint(0);
    Document overlapping;
    CHECK_FALSE(load(overlapping, bytes).ok());
}

TEST_CASE("long documents keep their order through splits and joins of runs")
{
    Pair pair; // raw chunks only: some 900 of them
    pair.fill(0, 20'000, 10, "a");
    pair.fill(-600'000, 20'000, 10, "b");
    pair.fill(-300'000, 20'000, 10, "c");
    CHECK(matches(pair.document, pair.model));
    for (int64_t at = -600'000; at < 200'000; at += 37'000) {
        const size_t before = pair.model.size();
        const bool erased = pair.eraseRange(at, at + 30'000);
        CHECK(erased == (pair.model.size() < before));
    }
    CHECK(matches(pair.document, pair.model));
    settle(pair.document);
    CHECK(matches(pair.document, pair.model));
}

namespace {

// Times cluster, so that replacing, overlapping and range deletes meet each other.
int64_t someTime(std::mt19937_64& random, int64_t& clock)
{
    switch (random() % 12) {
    case 0:
        return kMin + static_cast<int64_t>(random() % 4);
    case 1:
        return kMax - static_cast<int64_t>(random() % 4);
    case 2:
        return static_cast<int64_t>(random());
    case 3:
    case 4:
        return clock - static_cast<int64_t>(random() % 2000);
    default:
        return clock += static_cast<int64_t>(random() % 6);
    }
}

void compareReads(std::mt19937_64& random, const Pair& pair, int64_t clock)
{
    const int64_t from = someTime(random, clock);
    const bool near = random() % 2 == 0 && from < kMax - 500;
    const int64_t to = near ? from + static_cast<int64_t>(random() % 500) : someTime(random, clock);
    REQUIRE(matches(pair.document, pair.model, from, to));
    const auto first = pair.model.lower_bound(from);
    REQUIRE(pair.document.hasAnyIn(from, to) ==
            (from <= to && first != pair.model.end() && first->first <= to));
    REQUIRE(pair.document.contains(from) == (pair.model.count(from) > 0));
    Record got;
    const auto after = pair.model.upper_bound(from);
    REQUIRE(pair.document.latestAtOrBefore(from, got) == (after != pair.model.begin()));
    if (after != pair.model.begin()) {
        REQUIRE(got.ts == std::prev(after)->first);
        REQUIRE(got.data == std::prev(after)->second);
    }
    REQUIRE(pair.document.empty() == pair.model.empty());
}

void runModel(uint64_t seed, int steps)
{
    std::mt19937_64 random(seed);
    Pair pair;
    int64_t clock = 0;
    std::optional<MergePlan> plan; // may be old when it is run
    for (int step = 0; step < steps; ++step) {
        const uint64_t dice = random() % 1000;
        if (dice < 930) {
            std::string data(random() % 40, static_cast<char>('a' + random() % 26));
            if (random() % 500 == 0)
                data.append(50'000, 'L');
            pair.insert(someTime(random, clock), data + std::to_string(step));
        } else if (dice < 955) {
            const int64_t ts = someTime(random, clock);
            const bool there = pair.model.erase(ts) > 0;
            REQUIRE(pair.document.erase(ts) == there);
        } else if (dice < 962) {
            const int64_t from = someTime(random, clock);
            const int64_t to = random() % 4 && from < kMax - 300
                                   ? from + static_cast<int64_t>(random() % 300)
                                   : someTime(random, clock);
            const size_t before = pair.model.size();
            const bool erased = pair.eraseRange(from, to);
            REQUIRE(erased == (pair.model.size() != before));
        } else if (dice < 972) {
            plan = pair.document.planMerge(random() % 2 == 0);
        } else if (dice < 980 && plan) {
            pair.document.swapIn(Document::runMerge(*plan));
        } else if (dice < 983) {
            settle(pair.document);
        } else if (dice < 984) {
            Document loaded;
            REQUIRE(load(loaded, saved(pair.document)).ok());
            REQUIRE(loaded.contentHash(seed) == pair.document.contentHash(seed));
            pair.document = loaded;
        } else {
            compareReads(random, pair, clock);
        }
        if (step % 5000 == 0)
            REQUIRE(matches(pair.document, pair.model));
    }
    REQUIRE(matches(pair.document, pair.model));
    settle(pair.document);
    REQUIRE(matches(pair.document, pair.model));
    REQUIRE(pair.document.recordCountUpperBound() < pair.model.size() + 8);
}

} // namespace

TEST_CASE("random operations give what a plain map gives")
{
    const uint64_t base = std::random_device{}();
    for (uint64_t seed : {uint64_t{1}, uint64_t{2}, base, base + 1}) {
        MESSAGE("seed ", seed);
        runModel(seed, 30'000);
    }
}

TEST_CASE("readers and merging work on pinned versions beside the writer")
{
    std::mutex mutex; // stands for the collection's lock
    Ref<Document> current = Ref<Document>::make();
    std::atomic<bool> stop{false};
    const auto pin = [&] {
        const std::lock_guard lock(mutex);
        return current;
    };
    std::thread reader([&] {
        while (!stop) {
            RangeCursor cursor(pin(), 0, kMax);
            RecordView record;
            int64_t expected = 0; // every version holds a whole prefix
            while (cursor.next(record))
                CHECK(record.ts == expected++);
        }
    });
    std::thread maintenance([&] {
        while (!stop) {
            const auto plan = pin()->planMerge(true);
            if (!plan)
                continue;
            MergeResult result = Document::runMerge(*plan);
            const std::lock_guard lock(mutex);
            current.writable().swapIn(std::move(result));
        }
    });
    for (int64_t i = 0; i < 20'000; ++i) {
        const std::lock_guard lock(mutex);
        current.writable().insert(i, "value", static_cast<uint64_t>(i));
        if (i >= 100 && i % 7 == 0)
            current.writable().insert(i - 90, "late", static_cast<uint64_t>(i));
    }
    stop = true;
    reader.join();
    maintenance.join();
    CHECK(read(*current, kMin, kMax).size() == 20'000);
}
