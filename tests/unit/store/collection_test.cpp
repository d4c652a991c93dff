#include "store/collection.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>

#include "model_seed.h"
#include "store/range_cursor.h"

using namespace fluxion;

namespace {

void insert(Collection& c, std::vector<RecordFact> records, uint64_t seq = 1)
{
    std::vector<std::string_view> due;
    c.insert(records, seq, due);
}

std::string all(const Document& document)
{
    std::string text;
    RangeCursor cursor(document, INT64_MIN, INT64_MAX);
    RecordView record;
    while (cursor.next(record))
        text += std::to_string(record.ts) + "=" + std::string(record.data) + " ";
    return text;
}

} // namespace

TEST_CASE("collection: is listed while it has a record or a live key, bare without a tombstone")
{
    Collection c(0, "c");
    const struct {
        const char* what;
        std::function<void()> change;
        bool listed;
        bool bare;
    } steps[] = {
        {"new", [] {}, false, true},
        {"record",
         [&] {
             insert(c, {{"d", 1, "a"}, {"d", 2, "b"}});
         },
         true, false},
        {"one of two erased", [&] { c.eraseRange("d", 2, 2); }, true, false},
        {"nothing erased", [&] { c.eraseRange("d", 2, 9); }, true, false},
        {"last one erased", [&] { c.eraseRange("d", 1, 1); }, false, true},
        {"record again",
         [&] {
             insert(c, {{"d", 1, "a"}});
         },
         true, false},
        {"unknown document erased", [&] { c.eraseDocument("x"); }, true, false},
        {"document erased", [&] { c.eraseDocument("d"); }, false, true},
        {"key",
         [&] {
             c.put({"k", "v", 1, 0, 5, false});
         },
         true, false},
        {"key removed",
         [&] {
             c.put({"k", "", 2, 0, 6, true});
         },
         false, false},
        {"record beside",
         [&] {
             insert(c, {{"d", 1, "a"}});
         },
         true, false},
        {"dropped", [&] { (void)c.drop(8); }, false, false},
    };
    for (const auto& step : steps) {
        INFO(step.what);
        step.change();
        CHECK(c.listed() == step.listed);
        CHECK(c.bare() == step.bare);
    }
    Collection floored(0, "f");
    floored.loadVersionFloor(0);
    CHECK(floored.bare());
    floored.loadVersionFloor(4);
    CHECK_FALSE(floored.bare());
    CHECK(floored.get("new").version == 4);
}

TEST_CASE("collection: a key's state, small and large")
{
    Collection c(0, "c");
    const std::string large(100'000, 'x');
    c.put({"small", "v", 3, 77, 5, false});
    c.put({"large", large, 4, 0, 6, false});
    CHECK(c.get("small").value == "v");
    CHECK(c.get("small").expiryUs == 77);
    CHECK(c.get("large").value == large);
    CHECK(c.get("large").version == 4);
    CHECK_FALSE(c.get("absent").found);
    CHECK(c.valuesMemoryBytes() > large.size());
    (void)c.drop(9);
    CHECK(c.get("large").tombstone);
    CHECK(c.get("large").version == 5);
    CHECK(c.get("large").seq == 9);
    CHECK(c.valuesMemoryBytes() < large.size());
}

TEST_CASE("collection: pinned versions stay while documents change, merge and go")
{
    Collection c(0, "c");
    insert(c, {{"d", 1, "a"}, {"d", 2, "b"}, {"e", 1, "x"}});
    const Ref<Document> document = c.findDocument("d");
    const Collection::SeriesPin pin = c.pinSeries();
    std::vector<RecordFact> more;
    for (int64_t ts = 3; ts < 2000; ++ts)
        more.push_back({"d", ts, "more"});
    insert(c, more, 2);
    c.eraseRange("d", 1, 1);
    CHECK(all(*document) == "1=a 2=b ");
    CHECK(c.findDocument("d")->contains(1999));
    CHECK_FALSE(c.findDocument("d")->contains(1));

    const Ref<Document> unmerged = c.findDocument("d");
    const std::string before = all(*unmerged);
    const size_t unmergedBytes = unmerged->memoryBytes();
    while (c.mergeDocument("d", false)) {
    }
    CHECK(all(*unmerged) == before);
    CHECK(all(*c.findDocument("d")) == before);
    CHECK(c.findDocument("d")->memoryBytes() < unmergedBytes);

    (void)c.drop(3);
    CHECK_FALSE(c.findDocument("d"));
    CHECK(all(*unmerged) == before);
    CHECK(pin.documentCount == 2);
    const uint64_t hash = DocumentPage::hashOf("e");
    const DocumentPage& page = pin.pages.pageFor(hash);
    REQUIRE(page.find(hash, "e") != DocumentPage::kNone);
    CHECK(all(*page.document(page.find(hash, "e"))) == "1=x ");
}

TEST_CASE("collection: documents are due for merging by records and by bytes")
{
    const struct {
        size_t dataBytes;
        int recordsPerDue;
    } cases[] = {{10, 64}, {1000, 64}, {32 * 1024, 2}, {200 * 1024, 1}};
    for (const auto& t : cases) {
        INFO(t.dataBytes);
        Collection c(0, "c");
        const std::string data(t.dataBytes, 'x');
        std::vector<std::string_view> due;
        for (int i = 0; i < t.recordsPerDue * 5; ++i)
            c.insert({{"d", i, data}}, static_cast<uint64_t>(i) + 1, due);
        CHECK(due.size() == 5);
    }
}

TEST_CASE("collection: names many documents, forgets them, and starts anew")
{
    auto random = seededRandom("collection names");
    Collection c(0, "c");
    std::map<std::string, int64_t> model;
    std::vector<std::pair<Collection::SeriesPin, size_t>> pins;
    for (int step = 0; step < 20'000; ++step) {
        const std::string name = "document-" + std::to_string(random() % 3000);
        if (random() % 3 == 0) {
            c.eraseDocument(name);
            model.erase(name);
        } else {
            insert(c, {{name, step, "data"}});
            model[name] = step;
        }
        if (step % 5000 == 0)
            pins.emplace_back(c.pinSeries(), model.size());
    }
    size_t wrong = 0;
    for (int i = 0; i < 3000; ++i) {
        const std::string name = "document-" + std::to_string(i);
        const Ref<Document> document = c.findDocument(name);
        const auto it = model.find(name);
        wrong += static_cast<bool>(document) == (it != model.end()) ? 0 : 1;
        wrong += document && !document->contains(it->second) ? 1 : 0;
    }
    CHECK(wrong == 0);
    pins.emplace_back(c.pinSeries(), model.size());
    for (const auto& [name, ts] : model)
        c.eraseDocument(name);
    CHECK(c.bare());
    CHECK(c.pinSeries().pages.pageCount() == 1);
    for (const auto& [pin, count] : pins) {
        size_t found = 0;
        for (size_t p = 0; p < pin.pages.pageCount(); ++p)
            for (size_t i = 0; i < pin.pages.page(p).size(); ++i)
                found += pin.pages.page(p).document(i)->empty() ? 0 : 1;
        CHECK(found == count);
        CHECK(pin.documentCount == count);
    }
}

TEST_CASE("collection: a merge meets a document of the same name that came after it")
{
    const struct {
        const char* what;
        bool erased;
        bool swapped;
    } cases[] = {{"unchanged", false, true}, {"erased, and as many records again", true, false}};
    for (const auto& t : cases) {
        INFO(t.what);
        Collection c(0, "c");
        const auto insertTwenty = [&](int64_t from) {
            for (int64_t i = 0; i < 20; ++i)
                insert(c, {{"d", from + i, "v"}});
        };
        insertTwenty(0);
        const auto planned = c.planMerge("d", true);
        REQUIRE(planned);
        if (t.erased) {
            c.eraseDocument("d");
            CHECK_FALSE(c.swapIn("d", planned->id, Document::runMerge(planned->plan)));
            insertTwenty(1000);
        }
        const std::string before = all(*c.findDocument("d"));
        CHECK(c.swapIn("d", planned->id, Document::runMerge(planned->plan)) == t.swapped);
        CHECK(all(*c.findDocument("d")) == before);
    }
}
