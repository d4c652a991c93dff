#include "store/values.h"

#include <algorithm>
#include <array>

#include "base/release.h"

namespace fluxion {

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

KeyState Values::get(std::string_view key, Ref<const ValueBlob>& blob) const
{
    const uint64_t hash = ValuePage::hashOf(key);
    return getFrom(m_pages.pageFor(hash), hash, key, blob);
}

void Values::get(std::span<KeyRead> reads) const
{
    constexpr size_t kTogether = 16; // more prefetches are not under way at a time
    struct Place {
        uint64_t hash;
        const ValuePage* page;
    };
    std::array<Place, kTogether> places{};
    for (; !reads.empty(); reads = reads.subspan(std::min(reads.size(), kTogether))) {
        const size_t count = std::min(reads.size(), kTogether);
        for (size_t i = 0; i < count; ++i) {
            const uint64_t hash = ValuePage::hashOf(reads[i].key);
            places[i] = {hash, &m_pages.pageFor(hash)};
        }
        for (int step = 0; step < ValuePage::kPrefetchSteps; ++step) {
            for (size_t i = 0; i < count; ++i)
                places[i].page->prefetch(step, places[i].hash);
        }
        for (size_t i = 0; i < count; ++i)
            reads[i].state = getFrom(*places[i].page, places[i].hash, reads[i].key, reads[i].blob);
    }
}

KeyState Values::getFrom(const ValuePage& page, uint64_t hash, std::string_view key,
                         Ref<const ValueBlob>& blob) const
{
    KeyState state;
    const size_t index = page.find(hash, key);
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
