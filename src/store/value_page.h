#pragma once

// One page of a table of keys, kept small: two bytes of hash and an offset per item, and one arena
// with the items themselves. An item larger than kInlineItemBytes stands in a blob of its own that
// copies of the page share, so that copying a page stays cheap.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"

namespace fluxion {

constexpr size_t kInlineItemBytes = 4096; // key and value together

// What stands under a key. The views live until the page changes; those of a pinned page as long
// as the pin.
struct ValueItem {
    std::string_view key;
    std::string_view value; // empty in a tombstone
    uint64_t version = 0;
    int64_t expiryUs = 0; // 0: never
    uint64_t seq = 0;     // of the last change
    bool tombstone = false;
};

// Key and value of one large item; never changed after it was filled.
struct ValueBlob : RefCounted {
    std::string bytes;
};

class ValuePage {
  public:
    static constexpr size_t kNone = SIZE_MAX;

    // The hash by which items are placed.
    static uint64_t hashOf(std::string_view key);

    size_t size() const { return m_offsets.size(); }
    // The place of the key, or kNone. `hash` is hashOf(key), here and below.
    size_t find(uint64_t hash, std::string_view key) const;
    // Before several find(): one after the other each step for all of them, so that their cache
    // misses overlap. Only a hint.
    static constexpr int kPrefetchSteps = 3;
    void prefetch(int step, uint64_t hash) const;
    ValueItem at(size_t index) const;
    // The same, and the blob that its value points into; null for an inline item.
    ValueItem at(size_t index, Ref<const ValueBlob>& blob) const;

    // The blob that an item with this key and value needs; null if it goes inline. Filled apart
    // from the page, so that a large copy need not be made under a lock.
    static Ref<ValueBlob> makeBlob(std::string_view key, std::string_view value);

    // `blob` is makeBlob() of the item. The item's views must not point into this page.
    void insert(uint64_t hash, const ValueItem& item, Ref<ValueBlob> blob);
    void replace(size_t index, const ValueItem& item, Ref<ValueBlob> blob);
    void erase(size_t index);
    // Every live item becomes a tombstone of the next version. Returns how many did.
    size_t dropAll(uint64_t seq);

    ValuePage splitOff(unsigned bit);
    // Heap bytes, blobs included.
    size_t memoryBytes() const;

  private:
    struct Header;

    size_t nextWithTag(size_t index, uint8_t tag) const;
    Header headerAt(size_t index) const;
    static ValueItem itemOf(const Header& header);
    void appendEntry(size_t index, const ValueItem& item, Ref<ValueBlob> blob);
    bool isMostlyLive() const;
    void makeRoom(size_t bytes);
    void compact(size_t extraBytes);
    void release(const Header& header);

    // Two low bytes of the hash (the directory uses the high bits), apart so that a search runs
    // over the first ones only. With one, every other search would look at an item that it is not,
    // and that costs a cache miss.
    std::vector<uint8_t> m_tags;
    std::vector<uint8_t> m_moreTags;
    std::vector<uint32_t> m_offsets;
    std::vector<char> m_arena;
    std::vector<Ref<ValueBlob>> m_blobs; // null: free until the next compaction
    size_t m_garbageBytes = 0;           // of the arena
    size_t m_blobBytes = 0;
};

} // namespace fluxion
