#pragma once

// The keys of one collection: key -> value, version, expiry, seq of the last change. A removed key
// leaves a tombstone, so that its version goes on rising, until it is forgotten and the version
// floor rises to it. No clock: an expiry is only kept, and a key past it stays live until a fact
// removes it.
//
// Threads as in PagedTable: one writer, which shuts out readers; pins are free of locks.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/ref.h"
#include "store/paged_table.h"
#include "store/value_page.h"

namespace fluxion {

// What a reader gets of one key; owns its bytes.
struct KeyState {
    bool found = false; // live: neither absent nor a tombstone
    bool tombstone = false;
    std::string value;
    uint64_t version = 0; // of an absent key the floor: the next version is always this + 1
    int64_t expiryUs = 0; // 0: never
    uint64_t seq = 0;     // of the last change; 0: absent

    bool isOver(int64_t nowUs) const { return found && expiryUs != 0 && expiryUs <= nowUs; }
    // Past its expiry it is as the entry will leave it that says so.
    void endIfOver(int64_t nowUs);
};

// One of several keys that are read together.
struct KeyRead {
    std::string_view key;
    KeyState state = {};            // without the bytes of a large value
    Ref<const ValueBlob> blob = {}; // these, behind the key

    std::string_view value() const
    {
        if (!state.found)
            return {};
        return blob ? std::string_view(blob->bytes).substr(key.size()) : state.value;
    }
};

// What a writer needs to know of a key.
struct KeyHead {
    bool found = false;
    bool tombstone = false;
    uint64_t version = 0; // as in KeyState
    uint64_t seq = 0;
    int64_t expiryUs = 0;
    size_t valueBytes = 0;
};

class Values {
  public:
    using Pages = PagedTable<ValuePage>;

    // All keys at one moment.
    struct Pin {
        Pages::Pin pages;
        size_t liveCount = 0;
        size_t tombstoneCount = 0;
        uint64_t versionFloor = 0;
    };

    size_t liveCount() const { return m_liveCount; }
    size_t tombstoneCount() const { return m_tombstoneCount; }
    size_t memoryBytes() const { return m_pages.memoryBytes(); }
    Pin pin() const { return {m_pages.pin(), m_liveCount, m_tombstoneCount, m_versionFloor}; }

    // The highest version of any key forgotten; a new key starts one above.
    uint64_t versionFloor() const { return m_versionFloor; }
    void raiseVersionFloor(uint64_t version);

    // Everything but a large value's bytes, which `blob` then holds, behind the key: the caller
    // copies them when it has left the lock.
    KeyState get(std::string_view key, Ref<const ValueBlob>& blob) const;
    // The same for each; in less time than one after the other.
    void get(std::span<KeyRead> reads) const;
    // Before these are looked up one by one: so that they wait for memory together. Only a hint.
    void prefetch(std::span<const std::string_view> keys) const;
    KeyHead head(std::string_view key) const;
    bool has(std::string_view key) const; // live or tombstone

    // `item.key` and `item.value` must not point into this table. `blob` is makeBlob() of them.
    // Returns the expiry that the key had before; 0: none.
    int64_t put(const ValueItem& item, Ref<ValueBlob> blob);
    // Drops the key's tombstone; whoever does so raises the version floor. A live key stays.
    void forget(std::string_view key);
    // Every live key becomes a tombstone of the next version, changed at `seq`.
    void dropAll(uint64_t seq);

  private:
    struct Place {
        uint64_t hash = 0;
        const ValuePage* page = nullptr;
    };

    Place placeOf(std::string_view key) const;
    static void prefetch(std::span<const Place> places);
    KeyState getFrom(Place place, std::string_view key, Ref<const ValueBlob>& blob) const;

    Pages m_pages;
    size_t m_liveCount = 0;
    size_t m_tombstoneCount = 0;
    uint64_t m_versionFloor = 0;
};

} // namespace fluxion
