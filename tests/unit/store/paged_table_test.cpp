#include "store/paged_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "model_seed.h"

using namespace fluxion;

namespace {

// A page of hashes; the hash is the item.
struct HashPage {
    std::vector<uint64_t> items;
    static inline size_t copies = 0;

    HashPage() = default;
    HashPage(const HashPage& other) : items(other.items) { ++copies; }
    HashPage(HashPage&&) = default;
    HashPage& operator=(const HashPage&) = default;
    HashPage& operator=(HashPage&&) = default;
    size_t size() const { return items.size(); }
    size_t memoryBytes() const { return items.size() * 8; }
    HashPage splitOff(unsigned bit)
    {
        HashPage upper;
        std::vector<uint64_t> lower;
        for (const uint64_t item : items)
            ((item >> bit & 1) != 0 ? upper.items : lower).push_back(item);
        items = std::move(lower);
        return upper;
    }
};

using Table = PagedTable<HashPage>;

void add(Table& table, uint64_t hash)
{
    table.editForInsert(hash, [&](HashPage& page) { page.items.push_back(hash); });
}

template <class Source> std::multiset<uint64_t> content(const Source& source)
{
    std::multiset<uint64_t> all;
    for (size_t i = 0; i < source.pageCount(); ++i)
        all.insert(source.page(i).items.begin(), source.page(i).items.end());
    return all;
}

} // namespace

TEST_CASE("paged table: every item stands in the page of its hash, pages hold at most 256")
{
    auto random = seededRandom("paged table");
    Table table;
    std::multiset<uint64_t> model;
    for (int i = 0; i < 50'000; ++i) {
        const uint64_t hash = random();
        add(table, hash);
        model.insert(hash);
    }
    CHECK(content(table) == model);
    CHECK(table.memoryBytes() >= model.size() * 8);
    CHECK(table.memoryBytes() < model.size() * 12);
    size_t largest = 0;
    size_t misplaced = 0;
    for (size_t i = 0; i < table.pageCount(); ++i) {
        largest = std::max(largest, table.page(i).size());
        for (const uint64_t hash : table.page(i).items)
            misplaced += &table.pageFor(hash) == &table.page(i) ? 0 : 1;
    }
    CHECK(misplaced == 0);
    CHECK(largest <= kPageItems);
    CHECK(table.pageCount() < 2 * model.size() / 128);
}

TEST_CASE("paged table: a pin costs nothing, then one page for the first write that meets it")
{
    Table table;
    auto random = seededRandom("paged table copies");
    std::vector<uint64_t> hashes;
    for (int i = 0; i < 20'000; ++i) {
        hashes.push_back(random());
        add(table, hashes.back());
    }
    const auto touch = [](HashPage& page) { std::reverse(page.items.begin(), page.items.end()); };

    HashPage::copies = 0;
    table.edit(hashes[0], touch);
    CHECK(HashPage::copies == 0); // nobody pins
    {
        const Table::Pin pin = table.pin();
        CHECK(HashPage::copies == 0);
        table.edit(hashes[0], touch);
        CHECK(HashPage::copies == 1);
        table.edit(hashes[0], touch);
        CHECK(HashPage::copies == 1);
        const Table::Pin second = table.pin();
        table.edit(hashes[0], touch);
        CHECK(HashPage::copies == 2);
    }
    table.edit(hashes[0], touch);
    CHECK(HashPage::copies == 2); // pins dropped
}

TEST_CASE("paged table: pins never change while the table goes on")
{
    auto random = seededRandom("paged table pins");
    Table table;
    std::multiset<uint64_t> model;
    std::vector<std::pair<Table::Pin, std::multiset<uint64_t>>> pins;
    for (int step = 0; step < 30'000; ++step) {
        if (step % 1500 == 0)
            pins.emplace_back(table.pin(), model);
        if (step % 4000 == 3999)
            pins.erase(pins.begin() + static_cast<long>(random() % pins.size()));
        if (random() % 4 != 0 || model.empty()) {
            const uint64_t hash = random();
            add(table, hash);
            model.insert(hash);
        } else {
            const uint64_t hash = *model.begin();
            table.edit(hash, [&](HashPage& page) { std::erase(page.items, hash); });
            model.erase(hash);
        }
        if (step == 20'000) {
            table.clear();
            model.clear();
        }
    }
    CHECK(content(table) == model);
    for (const auto& [pin, then] : pins)
        CHECK(content(pin) == then);
}

TEST_CASE("paged table: equal hashes make a page grow, not the directory")
{
    const struct {
        const char* what;
        uint64_t mask; // bits that differ between items
        size_t largest;
    } cases[] = {
        {"all equal", 0, 5000},
        {"leading 40 bits equal", 0xffffff, 5000},
        {"all equal but the first bit", uint64_t{1} << 63, 3000},
    };
    for (const auto& c : cases) {
        INFO(c.what);
        std::mt19937_64 random(1);
        Table table;
        for (int i = 0; i < 5000; ++i)
            add(table, random() & c.mask);
        CHECK(content(table).size() == 5000);
        CHECK(table.pageCount() <= 32);
        CHECK(table.memoryBytes() < 5000 * 8 + 64 * 1024);
        size_t largest = 0;
        for (size_t i = 0; i < table.pageCount(); ++i)
            largest = std::max(largest, table.page(i).size());
        CHECK(largest > kPageItems);
        CHECK(largest <= c.largest);
    }
}

TEST_CASE("paged table: a default pin has no pages, clear leaves one empty page")
{
    CHECK(Table::Pin().pageCount() == 0);
    Table table;
    for (uint64_t i = 0; i < 1000; ++i)
        add(table, i << 54);
    const Table::Pin pin = table.pin();
    table.clear();
    CHECK(table.pageCount() == 1);
    CHECK(content(table).empty());
    CHECK(content(pin).size() == 1000);
    table.editAll([](HashPage& page) { page.items.push_back(7); });
    CHECK(content(table) == std::multiset<uint64_t>{7});
}
