#include <doctest/doctest.h>

#include <cstdio>
#include <limits>
#include <malloc.h>
#include <random>
#include <vector>

#include "store/document.h"

using namespace fluxion;

namespace {

constexpr size_t kDocuments = 10'000;
constexpr size_t kRecordsEach = 500;

// A sensor whose values walk at random, every ten seconds with some jitter.
class Sensor {
  public:
    RecordView next(std::mt19937& random)
    {
        m_ts += 9'700 + static_cast<int64_t>(random() % 600);
        m_tenths += static_cast<int>(random() % 3) - 1;
        if (random() % 4 == 0)
            m_humidity += static_cast<int>(random() % 3) - 1;
        char number[16];
        const char* format = m_tenths % 10 ? "%.1f" : "%.0f";
        std::snprintf(number, sizeof number, format, m_tenths / 10.0);
        const int length =
            std::snprintf(m_data, sizeof m_data, R"({"temperature":%s,"humidity":%d,"state":"%s"})",
                          number, m_humidity, random() % 200 ? "ok" : "low");
        return {m_ts, {m_data, static_cast<size_t>(length)}};
    }

  private:
    int64_t m_ts = 1'700'000'000'000;
    int m_tenths = 225;
    int m_humidity = 40;
    char m_data[96] = {};
};

[[maybe_unused]] size_t heapBytes()
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

} // namespace

TEST_CASE("10,000 documents of 500 telemetry records take at most a fifth of their raw bytes")
{
    std::mt19937 random(1);
    std::vector<Sensor> sensors(kDocuments);
    std::vector<Ref<Document>> documents;
    [[maybe_unused]] const size_t heapBefore = heapBytes();
    documents.reserve(kDocuments);
    for (size_t d = 0; d < kDocuments; ++d)
        documents.push_back(Ref<Document>::make());

    // All documents grow side by side, as they do in life.
    size_t rawBytes = 0;
    uint64_t seq = 0;
    for (size_t i = 0; i < kRecordsEach; ++i) {
        for (size_t d = 0; d < kDocuments; ++d) {
            const RecordView record = sensors[d].next(random);
            documents[d]->insert(record.ts, record.data, ++seq);
            rawBytes += record.data.size() + sizeof record.ts;
        }
    }

    for (const Ref<Document>& document : documents) {
        while (const std::optional<MergePlan> plan = document->planMerge(true))
            REQUIRE(document->swapIn(Document::runMerge(*plan)));
    }
    size_t accounted = 0;
    size_t records = 0;
    for (const Ref<Document>& document : documents) {
        accounted += document->memoryBytes();
        records += document->recordCountUpperBound();
    }

    CHECK(records == kDocuments * kRecordsEach);
    const auto each = [&](size_t bytes) {
        return static_cast<double>(bytes) / static_cast<double>(records);
    };
    MESSAGE("bytes per record: raw ", each(rawBytes), ", merged ", each(accounted), " accounted");
    CHECK(accounted <= rawBytes / 5);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // A sanitizer's own allocator tells mallinfo2 nothing.
    const size_t heapMerged = heapBytes() - heapBefore;
    MESSAGE("bytes per record: merged ", each(heapMerged), " of heap");
    CHECK(heapMerged <= rawBytes / 5);
    CHECK(accounted > heapMerged / 2);
    CHECK(accounted < heapMerged * 2);
#endif

    Record latest;
    CHECK(documents[77]->latestAtOrBefore(std::numeric_limits<int64_t>::max(), latest));
}
