#include "store/values.h"

#include <algorithm>
#include <array>

#include "base/release.h"

namespace fluxion {

namespace {

constexpr size_t kTogether = 16; // a processor has not many more cache misses under way

} // namespace

void KeyState::endIfOver(int64_t nowUs)
{
    if (!isOver(nowUs))
        return;
    found = false;
    tombstone = true;
    release(value);
    ++version;
    expiryUs = 0;
}

void Values::raiseVersionFloor(uint64_t version)
{
    m_versionFloor = std::max(m_versionFloor, version);
}

Values::Place Values::placeOf(std::string_view key) const
{
    const uint64_t hash = ValuePage::hashOf(key);
    return {hash, &m_pages.pageFor(hash)};
}

void Values::prefetch(std::span<const Place> places)
{
    for (int step = 0; step < ValuePage::kPrefetchSteps; ++step) {
        for (const Place& place : places)
            place.page->prefetch(step, place.hash);
    }
}

void Values::prefetch(std::span<const std::string_view> keys) const
{
    std::array<Place, kTogether> places{};
    while (!keys.empty()) {
        const size_t count = std::min(keys.size(), kTogether);
        for (size_t i = 0; i < count; ++i)
            places[i] = placeOf(keys[i]);
        prefetch(std::span(places).first(count));
        keys = keys.subspan(count);
    }
}

KeyState Values::get(std::string_view key, Ref<const ValueBlob>& blob) const
{
    return getFrom(placeOf(key), key, blob);
}

void Values::get(std::span<KeyRead> reads) const
{
    std::array<Place, kTogether> places{};
    while (!reads.empty()) {
        const size_t count = std::min(reads.size(), kTogether);
        for (size_t i = 0; i < count; ++i)
            places[i] = placeOf(reads[i].key);
        prefetch(std::span(places).first(count));
        for (size_t i = 0; i < count; ++i)
            reads[i].state = getFrom(places[i], reads[i].key, reads[i].blob);
        reads = reads.subspan(count);
    }
}

KeyState Values::getFrom(Place place, std::string_view key, Ref<const ValueBlob>& blob) const
{
    KeyState state;
    const ValuePage& page = *place.page;
    const size_t index = page.find(place.hash, key);
    if (index == ValuePage::kNone) {
        state.version = m_versionFloor;
        return state;
    }
    const ValueItem item = page.at(index, blob);
    if (!blob)
        state.value = item.value;
    state.found = !item.tombstone;
    state.tombstone = item.tombstone;
    state.version = item.version;
    state.expiryUs = item.expiryUs;
    state.seq = item.seq;
    return state;
}

KeyHead Values::head(std::string_view key) const
{
    const uint64_t hash = ValuePage::hashOf(key);
    const ValuePage& page = m_pages.pageFor(hash);
    const size_t index = page.find(hash, key);
    if (index == ValuePage::kNone)
        return {false, false, m_versionFloor, 0, 0, 0};
    const ValueItem item = page.at(index);
    return {!item.tombstone, item.tombstone, item.version,
            item.seq,        item.expiryUs,  item.value.size()};
}

bool Values::has(std::string_view key) const
{
    const uint64_t hash = ValuePage::hashOf(key);
    return m_pages.pageFor(hash).find(hash, key) != ValuePage::kNone;
}

int64_t Values::put(const ValueItem& item, Ref<ValueBlob> blob)
{
    const uint64_t hash = ValuePage::hashOf(item.key);
    const ValuePage& page = m_pages.pageFor(hash);
    const size_t index = page.find(hash, item.key);
    int64_t expiryBeforeUs = 0;
    if (index == ValuePage::kNone) {
        m_pages.editForInsert(hash, [&](ValuePage& p) { p.insert(hash, item, std::move(blob)); });
    } else {
        const ValueItem before = page.at(index);
        expiryBeforeUs = before.expiryUs;
        --(before.tombstone ? m_tombstoneCount : m_liveCount);
        m_pages.edit(hash, [&](ValuePage& p) { p.replace(index, item, std::move(blob)); });
    }
    ++(item.tombstone ? m_tombstoneCount : m_liveCount);
    return expiryBeforeUs;
}

void Values::forget(std::string_view key)
{
    const uint64_t hash = ValuePage::hashOf(key);
    const ValuePage& page = m_pages.pageFor(hash);
    const size_t index = page.find(hash, key);
    if (index == ValuePage::kNone || !page.at(index).tombstone)
        return;
    // An empty table begins anew, so that a directory does not outlive what it was needed for.
    if (--m_tombstoneCount == 0 && m_liveCount == 0)
        m_pages.clear();
    else
        m_pages.edit(hash, [&](ValuePage& p) { p.erase(index); });
}

void Values::dropAll(uint64_t seq)
{
    if (m_liveCount == 0)
        return;
    m_pages.editAll([&](ValuePage& p) { p.dropAll(seq); });
    m_tombstoneCount += m_liveCount;
    m_liveCount = 0;
}

} // namespace fluxion
