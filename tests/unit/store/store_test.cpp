#include "store/store.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "model_seed.h"
#include "store_model.h"

using namespace fluxion;

namespace {

struct Blocks {
    std::vector<std::string> series;
    std::vector<std::string> values;
    std::vector<std::string> apiKeys;
};

BlockSink into(std::vector<std::string>& blocks)
{
    return [&blocks](std::string_view block) {
        blocks.emplace_back(block);
        return Status();
    };
}

Blocks save(const Cut& cut)
{
    Blocks blocks;
    REQUIRE(Store::saveSeries(cut, into(blocks.series)).ok());
    REQUIRE(Store::saveValues(cut, into(blocks.values)).ok());
    REQUIRE(Store::saveApiKeys(cut, into(blocks.apiKeys)).ok());
    return blocks;
}

Status load(Store& store, const Blocks& blocks)
{
    Status status;
    for (size_t i = 0; i < blocks.series.size() && status.ok(); ++i)
        status = store.loadSeriesBlock(blocks.series[i]);
    for (size_t i = 0; i < blocks.values.size() && status.ok(); ++i)
        status = store.loadValuesBlock(blocks.values[i]);
    for (size_t i = 0; i < blocks.apiKeys.size() && status.ok(); ++i)
        status = store.loadApiKeysBlock(blocks.apiKeys[i]);
    return status;
}

// Applies facts with rising seqs.
struct Writer {
    Store& store;
    uint64_t seq = 0;
    void operator()(const Fact& fact, uint32_t tenant = 0)
    {
        ++seq;
        REQUIRE(store.apply(tenant, seq, static_cast<int64_t>(seq) * 10, fact).ok());
    }
};

Fact record(std::string_view collection, std::string_view doc, int64_t ts, std::string_view data)
{
    return InsertedFact{{{collection, {{doc, ts, data}}}}};
}

void fill(Store& store, std::mt19937_64& random, Model& model, uint64_t facts)
{
    FactSource source(random, model);
    for (uint64_t seq = store.appliedSeq() + 1; facts > 0; --facts, ++seq) {
        const uint32_t tenant = source.tenant();
        const Fact fact = source.next(tenant);
        REQUIRE(store.apply(tenant, seq, static_cast<int64_t>(seq), fact).ok());
        model.apply(tenant, seq, fact);
    }
}

// What no reader may see, whatever the writer does meanwhile.
uint64_t wrongInOneRead(const Store& store, std::mt19937_64& random)
{
    const auto c = store.find(0, "col" + std::to_string(random() % 5));
    if (!c)
        return 0;
    const KeyState state = c->get("key" + std::to_string(random() % 300));
    uint64_t wrong = state.found && state.tombstone ? 1 : 0;
    Record latest;
    const Ref<Document> document = c->findDocument("device-" + std::to_string(random() % 9));
    wrong += document && !document->latestAtOrBefore(INT64_MAX, latest) ? 1 : 0;
    Collection::SeriesPin series;
    Values::Pin values;
    c->pin(series, values);
    size_t documents = 0;
    for (size_t p = 0; p < series.pages.pageCount(); ++p)
        for (size_t i = 0; i < series.pages.page(p).size(); ++i)
            documents += series.pages.page(p).document(i)->empty() ? 0 : 1;
    size_t live = 0;
    for (size_t p = 0; p < values.pages.pageCount(); ++p)
        for (size_t i = 0; i < values.pages.page(p).size(); ++i)
            live += values.pages.page(p).at(i).tombstone ? 0 : 1;
    wrong += documents == series.documentCount && live == values.liveCount ? 0 : 1;
    return wrong + (store.collectionCount(0) > 5 ? 1 : 0);
}

} // namespace

TEST_CASE("store: a collection is listed while it has a record or a live key, per tenant")
{
    Store store;
    Writer write{store};
    using Names = std::vector<std::string>;
    CHECK(store.collections(0).empty());
    write(record("b", "d", 1, "v"));
    write(KeySetFact{"a", "k", "v", 1, 0, 0});
    write(record("other", "d", 1, "v"), 7);
    CHECK(store.collections(0) == Names{"a", "b"});
    CHECK(store.collectionCount(0) == 2);
    CHECK(store.collections(7) == Names{"other"});
    CHECK(store.collectionCount(7) == 1);
    CHECK(store.collectionCount(8) == 0);
    CHECK_FALSE(store.find(0, "other"));

    write(KeyRemovedFact{"a", "k", 2, 2});
    CHECK(store.collections(0) == Names{"b"});
    CHECK(store.collectionCount(0) == 1);
    REQUIRE(store.find(0, "a")); // remembers the version
    CHECK(store.find(0, "a")->get("k").version == 2);

    write(RecordsDeletedFact{{{"b", "d", 1}}});
    CHECK(store.collections(0).empty());
    CHECK(store.collectionCount(0) == 0);
    CHECK_FALSE(store.find(0, "b"));
    write(record("b", "d", 1, "v"));
    CHECK(store.collections(0) == Names{"b"});
    write(CollectionDroppedFact{"b"});
    CHECK(store.collectionCount(0) == 0);
    // Facts about what is not there change nothing.
    write(CollectionDroppedFact{"absent"});
    write(DocumentDeletedFact{"d", {"absent", "a"}});
    write(RangeDeletedFact{"absent", "d", 0, 9});
    write(InsertedFact{});
    CHECK(store.collections(0).empty());
    CHECK_FALSE(store.find(0, "absent"));
    CHECK(store.appliedSeq() == write.seq);
    CHECK(store.appliedTimeUs() == static_cast<int64_t>(write.seq) * 10);
}

TEST_CASE("store: entries come in rising order, each once")
{
    Store store;
    Writer write{store, 4};
    write(record("c", "d", 1, "v"));
    CHECK(store.appliedSeq() == 5);
    const uint64_t hash = contentHash(store.openCut());
    for (const uint64_t seq : {uint64_t{5}, uint64_t{4}, uint64_t{0}}) {
        const Status status = store.apply(0, seq, 1, record("c", "d", 2, "v"));
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::Damaged);
    }
    CHECK_FALSE(store.skip(5, 1).ok());
    CHECK(contentHash(store.openCut()) == hash);
    CHECK(store.skip(9, 99).ok());
    CHECK(store.appliedSeq() == 9);
    CHECK(store.appliedTimeUs() == 99);
    CHECK(contentHash(store.openCut()) == hash);
    CHECK_FALSE(store.apply(0, 10, 100, ApiKeyRemovedFact{1}).ok());
    CHECK(store.appliedSeq() == 9);
}

TEST_CASE("store: the content hash sees every logical difference and no other")
{
    const auto hashAfter = [](const std::vector<Fact>& facts) {
        Store store;
        Writer write{store};
        for (const Fact& fact : facts)
            write(fact);
        return contentHash(store.openCut());
    };
    const Fact key = KeySetFact{"c", "k", "v", 1, 5, 0};
    const Fact r1 = record("c", "d", 1, "v");
    const Fact r2 = record("c", "d", 2, "w");
    CHECK(hashAfter({r1, r2, key}) == hashAfter({r2, r1, key}));
    CHECK(hashAfter({r1}) == hashAfter({record("c", "d", 1, "old"), r1}));
    CHECK(hashAfter({}) == hashAfter({r1, RangeDeletedFact{"c", "d", 0, 5}}));

    KeyHash hash{};
    const std::vector<std::vector<Fact>> different = {
        {},
        {r1},
        {r2},
        {r1, r2},
        {record("c", "d", 1, "w")},
        {record("c", "e", 1, "v")},
        {record("d", "d", 1, "v")},
        {key},
        {KeySetFact{"c", "k", "w", 1, 5, 0}},
        {KeySetFact{"c", "k", "v", 2, 5, 0}},
        {KeySetFact{"c", "k", "v", 1, 6, 0}},
        {KeySetFact{"c", "kv", "", 1, 5, 0}},
        {KeySetFact{"d", "k", "v", 1, 5, 0}},
        {KeyRemovedFact{"c", "k", 1, 0}},
        {InsertedFact{}, key}, // the same key of another seq
        {ApiKeySetFact{1, hash, Scope::ReadOnly, "abcd"}},
        {ApiKeySetFact{1, hash, Scope::ReadWrite, "abcd"}},
        {ApiKeySetFact{1, hash, Scope::ReadOnly, "abcd"}, ApiKeyRemovedFact{1}},
    };
    std::map<uint64_t, size_t> seen;
    for (size_t i = 0; i < different.size(); ++i) {
        INFO("case ", i);
        CHECK(seen.emplace(hashAfter(different[i]), i).second);
    }
}

TEST_CASE("store: behaves as the model; cuts stay as they were; checkpoints bring all back")
{
    auto random = seededRandom("store model");
    Store store;
    Model model;
    std::vector<std::pair<Cut, Model>> cuts;
    for (int round = 0; round < 12; ++round) {
        fill(store, random, model, 1000);
        if (round % 3 == 0)
            store.startSweep();
        if (round % 2 == 0) {
            const uint64_t before = contentHash(store.openCut());
            while (store.maintain(100)) {
            }
            CHECK(contentHash(store.openCut()) == before);
        }
        CHECK(contentOf(store.openCut()) == model);
        CHECK(expiriesOf(store) == expiriesOf(model));
        for (const uint32_t tenant : {0u, 1u}) {
            std::vector<std::string> listed;
            for (const auto& [name, c] : model.collections)
                if (name.first == tenant && c.listed())
                    listed.push_back(name.second);
            CHECK(store.collections(tenant) == listed);
            CHECK(store.collectionCount(tenant) == listed.size());
        }
        cuts.emplace_back(store.openCut(), model);
        if (cuts.size() > 4)
            cuts.erase(cuts.begin() + static_cast<long>(random() % cuts.size()));
    }
    for (const auto& [cut, then] : cuts) {
        CHECK(contentOf(cut) == then);
        Store loaded;
        REQUIRE(load(loaded, save(cut)).ok());
        loaded.loaded(cut.seq, cut.timeUs);
        CHECK(loaded.appliedSeq() == cut.seq);
        CHECK(contentHash(loaded.openCut()) == contentHash(cut));
        CHECK(contentOf(loaded.openCut()) == then);
        CHECK(expiriesOf(loaded) == expiriesOf(then));
        // And it goes on from there like any other.
        Model after = then;
        fill(loaded, random, after, 300);
        loaded.startSweep();
        while (loaded.maintain(100)) {
        }
        CHECK(contentOf(loaded.openCut()) == after);
        CHECK(expiriesOf(loaded) == expiriesOf(after));
        CHECK(loaded.collectionCount(0) == loaded.collections(0).size());
    }
    CHECK(store.memory().seriesBytes > 0);
    CHECK(store.memory().valuesBytes > 0);
}

TEST_CASE("store: what is large fills several blocks and comes back")
{
    Store store;
    Writer write{store};
    auto random = seededRandom("store blocks");
    std::string noise(3000, ' ');
    for (int64_t ts = 0; ts < 400; ++ts) { // one document of several parts
        for (char& c : noise)
            c = static_cast<char>(random());
        write(record("large", "d", ts, noise));
    }
    for (int i = 0; i < 3000; ++i)
        write(record("many", "document-" + std::to_string(i), 1, noise.substr(0, 200)));
    write(KeySetFact{"large", "blob", std::string(1 << 20, 'b'), 1, 0, 0});
    for (int i = 0; i < 3000; ++i)
        write(KeySetFact{"many", "key-" + std::to_string(i), noise.substr(0, 200), 1, 0, 0});
    write(CollectionDroppedFact{"many"});
    for (int i = 0; i < 3000; ++i)
        write(record("many", "document-" + std::to_string(i), 1, noise.substr(0, 200)));
    const Cut cut = store.openCut();
    const Blocks blocks = save(cut);
    CHECK(blocks.series.size() >= 5);
    CHECK(blocks.values.size() >= 2);
    for (const std::string& block : blocks.series)
        CHECK(block.size() < 3 * kCheckpointBlockBytes);
    Store loaded;
    REQUIRE(load(loaded, blocks).ok());
    CHECK(contentHash(loaded.openCut()) == contentHash(cut));

    SUBCASE("a block twice is damage")
    {
        for (const std::string& block : blocks.series)
            CHECK_FALSE(loaded.loadSeriesBlock(block).ok());
        for (const std::string& block : blocks.values)
            CHECK_FALSE(loaded.loadValuesBlock(block).ok());
    }
    SUBCASE("a sink's error ends the writing")
    {
        int calls = 0;
        const Status status = Store::saveSeries(cut, [&](std::string_view) {
            return ++calls == 2 ? Status(Code::StorageFull, "full") : Status();
        });
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::StorageFull);
        CHECK(calls == 2);
    }
}

TEST_CASE("store: keys that expire count in the memory of values, as long as they do")
{
    Store store;
    Writer write{store};
    write(KeySetFact{"c", "other", "v", 1, 0, 0});
    const auto expiriesBytes = [&] { return store.expiries().memoryBytes(); };
    CHECK(expiriesBytes() == 0);
    const size_t before = store.memory().valuesBytes;
    const std::string longKey(100, 'k');
    write(KeySetFact{"c", "k", "v", 1, 1000, 0});
    write(KeySetFact{"c", longKey, "v", 1, 1000, 0});
    const size_t two = expiriesBytes();
    CHECK(two > longKey.size() + 2 * sizeof(Expiries::Key));
    CHECK(store.memory().valuesBytes >= before + two);
    write(KeySetFact{"c", "k", "v", 2, 2000, 2}); // another moment
    CHECK(expiriesBytes() == two);
    write(KeySetFact{"c", "k", "v", 3, 0, 4});
    CHECK(expiriesBytes() < two);
    write(CollectionDroppedFact{"c"});
    CHECK(expiriesBytes() == 0);
}

TEST_CASE("store: only tombstones and version floors survive a checkpoint too")
{
    Store store;
    Writer write{store};
    write(KeySetFact{"c", "k", "v", 1, 0, 0});
    write(KeyRemovedFact{"c", "k", 2, 1});
    Store loaded;
    REQUIRE(load(loaded, save(store.openCut())).ok());
    CHECK(loaded.collections(0).empty());
    REQUIRE(loaded.find(0, "c"));
    CHECK(loaded.find(0, "c")->get("k").version == 2);
    CHECK(loaded.find(0, "c")->get("k").seq == 2);
    CHECK(contentHash(loaded.openCut()) == contentHash(store.openCut()));

    std::string floorOnly; // tenant 0, "f", floor 9, no items
    ByteWriter w(floorOnly);
    w.varint(0);
    w.text("f");
    w.varint(9);
    w.varint(0);
    REQUIRE(loaded.loadValuesBlock(floorOnly).ok());
    CHECK(loaded.find(0, "f")->get("new").version == 9);
    Store again;
    REQUIRE(load(again, save(loaded.openCut())).ok());
    CHECK(again.find(0, "f")->get("new").version == 9);
    CHECK(again.collections(0).empty());
    CHECK(contentHash(again.openCut()) == contentHash(loaded.openCut()));
    CHECK(contentHash(again.openCut()) != contentHash(store.openCut()));
}

TEST_CASE("store: damaged blocks are refused or read, never worse")
{
    auto random = seededRandom("store damage");
    Store store;
    Model model;
    fill(store, random, model, 400);
    const Blocks blocks = save(store.openCut());
    const struct {
        const char* what;
        const std::vector<std::string>& blocks;
        Status (Store::*load)(std::string_view);
    } views[] = {
        {"series", blocks.series, &Store::loadSeriesBlock},
        {"values", blocks.values, &Store::loadValuesBlock},
        {"keys", blocks.apiKeys, &Store::loadApiKeysBlock},
    };
    for (const auto& view : views) {
        INFO(view.what);
        REQUIRE_FALSE(view.blocks.empty());
        const std::string& block = view.blocks[0];
        size_t refused = 0;
        for (int i = 0; i < 1500; ++i) {
            std::string changed = block;
            const size_t at = random() % changed.size();
            switch (random() % 4) {
            case 0:
                changed.resize(at);
                break;
            case 1:
                changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8));
                break;
            case 2:
                changed.erase(at, 1 + random() % 4);
                break;
            default:
                for (size_t n = 0; n < 8 && at + n < changed.size(); ++n)
                    changed[at + n] = static_cast<char>(random());
            }
            changed.shrink_to_fit();
            Store loaded;
            const Status status = (loaded.*view.load)(changed);
            if (status.ok()) {
                (void)contentHash(loaded.openCut()); // what was accepted can be read
            } else {
                CHECK(status.error().code == Code::Damaged);
                ++refused;
            }
        }
        CHECK(refused > 300);
        Store empty;
        CHECK_FALSE((empty.*view.load)("").ok());
        CHECK_FALSE((empty.*view.load)(std::string(100, '\xff')).ok());
    }
}

TEST_CASE("store: a sweep merges what rests, and leaves what was written since the last one")
{
    Store store;
    Writer write{store};
    const auto insert = [&](std::string_view doc, int64_t from) {
        for (int64_t ts = from; ts < from + 30; ++ts)
            write(record("c", doc, ts, "{\"temperature\":22.5,\"humidity\":40}"));
    };
    const auto bytes = [&](std::string_view doc) {
        return store.find(0, "c")->findDocument(doc)->memoryBytes();
    };
    const auto sweep = [&] {
        store.startSweep();
        while (store.maintain(1)) {
        }
    };
    insert("resting", 0);
    insert("busy", 0);
    const size_t before = bytes("resting");
    sweep();
    CHECK(bytes("resting") == before); // both were written since the start
    insert("busy", 30);
    const size_t busyBefore = bytes("busy");
    sweep();
    CHECK(bytes("resting") < before);
    CHECK(bytes("busy") == busyBefore);
    CHECK_FALSE(store.maintain(10));
}

TEST_CASE("store: one writer, readers, maintenance, and cuts hashed beside it")
{
    auto random = seededRandom("store threads");
    Store store;
    Model model;
    std::atomic<bool> done{false};
    std::atomic<uint64_t> reads{0};
    std::atomic<uint64_t> wrong{0};

    std::mutex cutsMutex;
    std::vector<std::pair<Cut, uint64_t>> cuts; // with the hash the writer saw

    const auto reader = [&](uint64_t seed) {
        std::mt19937_64 own(seed);
        do {
            wrong += wrongInOneRead(store, own);
            ++reads;
        } while (!done);
    };
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 3; ++i)
        threads.emplace_back(reader, random());
    threads.emplace_back([&] {
        while (!done) {
            store.startSweep();
            store.maintain(20);
        }
    });
    threads.emplace_back([&] {
        for (;;) {
            std::vector<std::pair<Cut, uint64_t>> taken;
            const bool last = done;
            {
                std::lock_guard guard(cutsMutex);
                taken.swap(cuts);
            }
            for (const auto& [cut, hash] : taken)
                wrong += contentHash(cut) == hash ? 0 : 1;
            if (last)
                return;
            std::this_thread::yield();
        }
    });
    for (int round = 0; round < 60; ++round) {
        fill(store, random, model, 60);
        Cut cut = store.openCut();
        const uint64_t hash = contentHash(cut);
        std::lock_guard guard(cutsMutex);
        cuts.emplace_back(std::move(cut), hash);
    }
    done = true;
    for (std::thread& thread : threads)
        thread.join();
    CHECK(wrong == 0);
    CHECK(reads >= 3);
    CHECK(contentOf(store.openCut()) == model);
}
