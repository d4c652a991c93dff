#include "store/cut.h"

#include "base/bytes.h"
#include "base/hash.h"

namespace fluxion {

namespace {

// One per kind of thing, so that a key and a document of the same bytes differ.
enum class HashKind : uint64_t { Document = 1, Value, Floor, ApiKeys };

uint64_t hashSeries(const Collection::SeriesPin& pin, uint64_t seed)
{
    uint64_t sum = 0;
    for (size_t p = 0; p < pin.pages.pageCount(); ++p) {
        const DocumentPage& page = pin.pages.page(p);
        for (size_t i = 0; i < page.size(); ++i)
            sum += page.document(i)->contentHash(
                hash64(page.name(i), seed + static_cast<uint64_t>(HashKind::Document)));
    }
    return sum;
}

uint64_t hashValues(const Values::Pin& pin, uint64_t seed)
{
    uint64_t sum = 0;
    std::string text;
    for (size_t p = 0; p < pin.pages.pageCount(); ++p) {
        const ValuePage& page = pin.pages.page(p);
        for (size_t i = 0; i < page.size(); ++i) {
            const ValueItem item = page.at(i);
            text.clear();
            ByteWriter w(text);
            w.text(item.key);
            w.u64(item.version);
            w.i64(item.expiryUs);
            w.u64(item.seq);
            w.u8(item.tombstone ? 1 : 0);
            w.raw(item.value);
            sum += hash64(text, seed + static_cast<uint64_t>(HashKind::Value));
        }
    }
    return sum;
}

} // namespace

uint64_t contentHash(const Cut& cut)
{
    std::string text;
    ApiKeys::save(cut.apiKeys, text);
    uint64_t sum = hash64(text, static_cast<uint64_t>(HashKind::ApiKeys));
    for (const Cut::Part& part : cut.collections) {
        const uint64_t seed = hash64(part.collection->name(), part.collection->tenant());
        sum += hashSeries(part.series, seed);
        sum += hashValues(part.values, seed);
        if (part.values.versionFloor != 0) {
            text.clear();
            ByteWriter(text).u64(part.values.versionFloor);
            sum += hash64(text, seed + static_cast<uint64_t>(HashKind::Floor));
        }
    }
    return sum;
}

} // namespace fluxion
