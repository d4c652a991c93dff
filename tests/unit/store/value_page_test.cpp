#include "store/value_page.h"

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

void put(ValuePage& page, const std::string& key, const Stored& s)
{
    const uint64_t hash = ValuePage::hashOf(key);
    const ValueItem item{key, s.value, s.version, s.expiryUs, s.seq, s.tombstone};
    const size_t index = page.find(hash, key);
    if (index == ValuePage::kNone)
        page.insert(hash, item, ValuePage::makeBlob(key, s.value));
    else
        page.replace(index, item, ValuePage::makeBlob(key, s.value));
}

Model content(const ValuePage& page)
{
    Model all;
    for (size_t i = 0; i < page.size(); ++i) {
        const ValueItem item = page.at(i);
        all[std::string(item.key)] = {std::string(item.value), item.version, item.expiryUs,
                                      item.seq, item.tombstone};
        CHECK(page.find(ValuePage::hashOf(item.key), item.key) == i);
    }
    CHECK(all.size() == page.size());
    return all;
}

Stored randomStored(std::mt19937_64& random)
{
    // Sizes on both sides of the border to a blob, mostly small.
    static const size_t sizes[] = {0, 1, 10, 48, 48, 60, 127, 128, 300, 4090, 4097, 20'000};
    Stored s;
    s.tombstone = random() % 5 == 0;
    if (!s.tombstone) {
        s.value.assign(sizes[random() % std::size(sizes)], static_cast<char>(random()));
        s.expiryUs = random() % 3 == 0 ? static_cast<int64_t>(random()) : 0;
    }
    s.version = random() >> random() % 64;
    s.seq = random() >> random() % 64;
    return s;
}

Ref<const ValueBlob> blobAt(const ValuePage& page, size_t index)
{
    Ref<const ValueBlob> blob;
    (void)page.at(index, blob);
    return blob;
}

} // namespace

TEST_CASE("value page: every kind of item comes back as it was put")
{
    const Stored cases[] = {
        {"", 1, 0, 1, false},
        {"v", 127, 0, 128, false},
        {std::string("a\0b", 3), UINT64_MAX, INT64_MIN, UINT64_MAX, false},
        {"expires", 2, INT64_MAX, 9, false},
        {"", 3, 0, 10, true},
        {std::string(kInlineItemBytes, 'x'), 4, 0, 11, false},
        {std::string(1 << 20, 'y'), 5, 77, 12, false},
    };
    ValuePage page;
    Model model;
    int n = 0;
    for (const Stored& s : cases) {
        const std::string key = "key" + std::to_string(n++);
        put(page, key, s);
        model[key] = s;
    }
    put(page, std::string(10'000, 'k'), cases[1]);
    model[std::string(10'000, 'k')] = cases[1];
    put(page, "", cases[0]);
    model[""] = cases[0];
    CHECK(content(page) == model);
    CHECK(page.find(ValuePage::hashOf("absent"), "absent") == ValuePage::kNone);
}

TEST_CASE("value page: a large item stands in a blob that copies share")
{
    ValuePage page;
    put(page, "large", {std::string(1 << 20, 'x'), 1, 0, 1, false});
    put(page, "small", {"s", 1, 0, 2, false});
    const ValuePage copy = page;
    CHECK(blobAt(copy, 0).get() == blobAt(page, 0).get());
    CHECK_FALSE(blobAt(copy, 1));
    put(page, "large", {"now small", 2, 0, 3, false});
    CHECK_FALSE(blobAt(page, 0));
    CHECK(copy.at(0).value.size() == 1 << 20);
    CHECK(copy.memoryBytes() > 1 << 20);
    CHECK(page.memoryBytes() < 1000);
}

TEST_CASE("value page: overwriting does not pile up garbage")
{
    const struct {
        const char* what;
        size_t sizes[2];
    } cases[] = {
        {"same size", {48, 48}},
        {"growing and shrinking", {20, 90}},
        {"in and out of a blob", {48, 5000}},
    };
    for (const auto& c : cases) {
        INFO(c.what);
        ValuePage page;
        for (uint64_t round = 0; round < 200; ++round)
            for (int k = 0; k < 100; ++k)
                put(page, std::to_string(k),
                    {std::string(c.sizes[(round + static_cast<uint64_t>(k)) % 2], 'v'), round + 1,
                     0, round * 100, false});
        const size_t live = 100 * ((c.sizes[0] + c.sizes[1]) / 2 + 16);
        CHECK(page.memoryBytes() < live * 2);
    }
    ValuePage page;
    for (int k = 0; k < 200; ++k)
        put(page, std::to_string(k), {std::string(1000, 'v'), 1, 0, 1, false});
    for (int k = 0; k < 200; ++k)
        put(page, std::to_string(k), {"", 2, 0, 2, true});
    CHECK(page.memoryBytes() < 200 * 40); // removed in place, then compacted
}

TEST_CASE("value page: behaves as a map, through copies, splits and drops")
{
    auto random = seededRandom("value page");
    ValuePage page;
    Model model;
    ValuePage pinned;
    Model pinnedModel;
    for (int step = 0; step < 20'000; ++step) {
        const std::string key = "k" + std::to_string(random() % 200);
        const Stored s = randomStored(random);
        put(page, key, s);
        model[key] = s;
        if (step % 997 == 0) {
            CHECK(content(pinned) == pinnedModel);
            pinned = page;
            pinnedModel = model;
        }
        if (step % 1999 == 0) {
            const ValuePage upper = page.splitOff(63);
            CHECK(page.size() + upper.size() == model.size());
            for (size_t i = 0; i < upper.size(); ++i) {
                CHECK((ValuePage::hashOf(upper.at(i).key) >> 63) == 1);
                const ValueItem item = upper.at(i);
                page.insert(ValuePage::hashOf(item.key), item,
                            ValuePage::makeBlob(item.key, item.value));
            }
            CHECK(content(page) == model);
        }
        if (step % 4999 == 4998) {
            size_t live = 0;
            for (auto& [name, stored] : model) {
                if (stored.tombstone)
                    continue;
                stored = {"", stored.version + 1, 0, 123, true};
                ++live;
            }
            CHECK(page.dropAll(123) == live);
            CHECK(content(page) == model);
            CHECK(page.dropAll(124) == 0);
        }
    }
    CHECK(content(page) == model);
    CHECK(content(pinned) == pinnedModel);
}
