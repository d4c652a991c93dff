#include "fuzz/simulated_folder.h"

#include <limits>

#include "base/log_sink.h"
#include "base/sim_clock.h"
#include "fuzz/check.h"
#include "store/range_cursor.h"

namespace fluxion::fuzz {

namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr size_t kManyPieces = 100000; // more work than any input can ask for

void readDocument(const Document& document)
{
    std::vector<int64_t> times;
    RangeCursor forward(document, kMin, kMax);
    RecordView record;
    while (forward.next(record)) {
        FUZZ_CHECK(times.empty() || times.back() < record.ts, std::to_string(record.ts));
        times.push_back(record.ts);
    }
    FUZZ_CHECK(!times.empty(), "a document without records");
    FUZZ_CHECK(times.size() <= document.recordCountUpperBound(), std::to_string(times.size()));
    RangeCursor backward(document, kMin, kMax, RangeCursor::Direction::Reverse);
    for (size_t i = times.size(); i-- > 0;) {
        FUZZ_CHECK(backward.next(record) && record.ts == times[i], std::to_string(times[i]));
    }
    FUZZ_CHECK(!backward.next(record), std::to_string(record.ts));
    Record latest;
    FUZZ_CHECK(document.latestAtOrBefore(kMax, latest) && latest.ts == times.back(), "no latest");
    FUZZ_CHECK(document.contains(times.front()) && document.hasAnyIn(kMin, kMax), "no first");
    if (times.front() > kMin)
        FUZZ_CHECK(!document.latestAtOrBefore(times.front() - 1, latest), "one before the first");
}

void mergeAll(Engine& engine)
{
    auto& store = const_cast<Store&>(engine.store()); // there is no other thread
    const uint64_t before = contentHash(engine.openCut());
    for (int sweep = 0; sweep < 2; ++sweep) {
        store.startSweep();
        size_t pieces = 0;
        while (store.maintain(1))
            FUZZ_CHECK(++pieces < kManyPieces, "merging does not end");
    }
    FUZZ_CHECK(contentHash(engine.openCut()) == before, "merging changed the content");
}

} // namespace

EngineOptions smallOptions(Durability durability)
{
    EngineOptions options;
    options.log.segmentBytes = kSegmentBytes;
    options.log.firstSegmentBytes = kSegmentBytes;
    options.log.durability = durability;
    return options;
}

void checkDamage(const Error& error, const std::string& file)
{
    FUZZ_CHECK(error.code == Code::Damaged, error.text);
    FUZZ_CHECK(error.text.find(file + ": damaged at offset ") != std::string::npos, error.text);
}

void checkRefusal(const Error& error, const std::string& file)
{
    if (error.code == Code::Usage)
        FUZZ_CHECK(error.text.find(file + ": ") != std::string::npos, error.text);
    else
        checkDamage(error, file);
}

void readAll(const Store& store)
{
    const Cut cut = store.openCut();
    for (const Cut::Part& part : cut.collections) {
        size_t documents = 0;
        for (size_t p = 0; p < part.series.pages.pageCount(); ++p) {
            const DocumentPage& page = part.series.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i, ++documents) {
                readDocument(*page.document(i));
                FUZZ_CHECK(part.collection->findDocument(page.name(i)), std::string(page.name(i)));
            }
        }
        FUZZ_CHECK(documents == part.series.documentCount, std::to_string(documents));
        size_t keys = 0;
        for (size_t p = 0; p < part.values.pages.pageCount(); ++p) {
            const ValuePage& page = part.values.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i, ++keys) {
                const ValueItem item = page.at(i);
                const KeyState state = part.collection->get(item.key);
                FUZZ_CHECK(state.found != item.tombstone && state.version == item.version,
                           std::string(item.key));
                FUZZ_CHECK(state.value == item.value, std::string(item.key));
            }
        }
        FUZZ_CHECK(keys == part.values.liveCount + part.values.tombstoneCount,
                   std::to_string(keys));
    }
}

Found startOn(const std::shared_ptr<SimDisk>& disk, Durability durability, bool merge)
{
    SimClock clock;
    const auto directory = disk->directory();
    auto engine = Engine::open(smallOptions(durability), directory.get(), clock, nullSink());
    if (!engine) {
        const Error error = engine.status().error();
        FUZZ_CHECK(error.code == Code::Damaged || error.code == Code::Usage, error.text);
        FUZZ_CHECK(error.text.find(directory->path() + ": ") != std::string::npos ||
                       error.text.find(directory->path() + "/") != std::string::npos,
                   error.text);
        return {};
    }
    readAll(engine.value()->store());
    if (merge) {
        mergeAll(*engine.value());
        readAll(engine.value()->store());
    }
    return {true, engine.value()->appliedSeq(), contentHash(engine.value()->openCut())};
}

} // namespace fluxion::fuzz
