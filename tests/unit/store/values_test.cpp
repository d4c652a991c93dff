#include "store/values.h"

#include <doctest/doctest.h>

#include <map>

#include "model_seed.h"

using namespace fluxion;

namespace {

struct Stored {
    std::string value;
    uint64_t version = 0;
    int64_t expiryUs = 0;
    uint64_t seq = 0;
    bool tombstone = false;
    bool operator==(const Stored&) const = default;
};

using Model = std::map<std::string, Stored>;

void put(Values& values, const std::string& key, const Stored& s)
{
    values.put({key, s.value, s.version, s.expiryUs, s.seq, s.tombstone},
               ValuePage::makeBlob(key, s.value));
}

Model content(const Values::Pin& pin)
{
    Model all;
    size_t live = 0;
    for (size_t p = 0; p < pin.pages.pageCount(); ++p) {
        const ValuePage& page = pin.pages.page(p);
        for (size_t i = 0; i < page.size(); ++i) {
            const ValueItem item = page.at(i);
            all[std::string(item.key)] = {std::string(item.value), item.version, item.expiryUs,
                                          item.seq, item.tombstone};
            live += item.tombstone ? 0 : 1;
        }
    }
    CHECK(pin.liveCount == live);
    CHECK(pin.liveCount + pin.tombstoneCount == all.size());
    return all;
}

KeyState get(const Values& values, std::string_view key)
{
    Ref<const ValueBlob> blob;
    KeyState state = values.get(key, blob);
    if (blob)
        state.value = blob->bytes.substr(key.size());
    return state;
}

} // namespace

TEST_CASE("values: an absent key has the floor's version, a removed one keeps its own")
{
    Values values;
    CHECK(get(values, "k").version == 0);
    values.raiseVersionFloor(7);
    values.raiseVersionFloor(3);
    KeyState absent = get(values, "k");
    CHECK_FALSE(absent.found);
    CHECK_FALSE(absent.tombstone);
    CHECK(absent.version == 7);
    CHECK(absent.seq == 0);
    CHECK_FALSE(values.has("k"));

    put(values, "k", {"v", 8, 99, 100, false});
    const KeyState live = get(values, "k");
    CHECK(live.found);
    CHECK(live.value == "v");
    CHECK(live.version == 8);
    CHECK(live.expiryUs == 99);
    CHECK(live.seq == 100);
    CHECK(values.liveCount() == 1);

    put(values, "k", {"", 9, 0, 101, true});
    const KeyState removed = get(values, "k");
    CHECK_FALSE(removed.found);
    CHECK(removed.tombstone);
    CHECK(removed.value.empty());
    CHECK(removed.version == 9);
    CHECK(removed.seq == 101);
    CHECK(values.has("k"));
    CHECK(values.liveCount() == 0);
    CHECK(values.tombstoneCount() == 1);
}

TEST_CASE("values: dropping all makes tombstones of the next version and touches no older one")
{
    Values values;
    put(values, "live", {"v", 5, 50, 1, false});
    put(values, "large", {std::string(100'000, 'x'), 6, 0, 2, false});
    put(values, "gone", {"", 7, 0, 3, true});
    const Values::Pin before = values.pin();
    values.dropAll(9);
    CHECK(content(values.pin()) == Model{{"live", {"", 6, 0, 9, true}},
                                         {"large", {"", 7, 0, 9, true}},
                                         {"gone", {"", 7, 0, 3, true}}});
    CHECK(before.liveCount == 2);
    CHECK(content(before).at("large").value.size() == 100'000);
}

TEST_CASE("values: behave as a map; pins stay as they were")
{
    auto random = seededRandom("values");
    Values values;
    Model model;
    std::vector<std::pair<Values::Pin, Model>> pins;
    for (uint64_t step = 1; step <= 60'000; ++step) {
        const std::string key = "key-" + std::to_string(random() % 8000);
        Stored s;
        s.tombstone = random() % 4 == 0;
        s.version = model[key].version + 1;
        s.seq = step;
        if (!s.tombstone) {
            s.value.assign(random() % 1000 == 0 ? 10'000 : random() % 80,
                           static_cast<char>('a' + random() % 26));
            s.expiryUs = random() % 2 == 0 ? static_cast<int64_t>(random() % 1000) : 0;
        }
        put(values, key, s);
        model[key] = s;
        if (step % 10'000 == 0) {
            pins.emplace_back(values.pin(), model);
            CHECK(get(values, key).version == s.version);
        }
        if (step == 35'000) {
            values.dropAll(step);
            for (auto& [name, stored] : model)
                if (!stored.tombstone)
                    stored = {"", stored.version + 1, 0, step, true};
        }
    }
    CHECK(content(values.pin()) == model);
    for (const auto& [pin, then] : pins)
        CHECK(content(pin) == then);
    for (size_t count = 0; count <= 100; ++count) { // together as one by one
        std::vector<std::string> keys(count);
        std::vector<KeyRead> reads(count);
        for (size_t i = 0; i < count; ++i)
            reads[i].key = keys[i] = "key-" + std::to_string(random() % 9000);
        values.get(reads);
        for (size_t i = 0; i < count; ++i) {
            Ref<const ValueBlob> blob;
            const KeyState one = values.get(keys[i], blob);
            CHECK(reads[i].blob.get() == blob.get());
            CHECK(reads[i].state.found == one.found);
            CHECK(reads[i].state.version == one.version);
            CHECK(reads[i].state.expiryUs == one.expiryUs);
            CHECK(reads[i].state.seq == one.seq);
            const auto at = model.find(keys[i]);
            CHECK(reads[i].value() == (at == model.end() ? "" : at->second.value));
        }
    }
}
