#pragma once

// Which live keys expire, soonest first. Says nothing of now: whoever asks has the clock.

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace fluxion {

// Commit thread (or recovery, as the only thread); what others may call says so.
class Expiries {
  public:
    struct Key {
        int64_t expiryUs = 0;
        uint32_t tenant = 0;
        std::string collection;
        std::string key;

        friend auto operator<=>(const Key&, const Key&) = default;
    };

    // The key's expiry changes; 0: none. Nothing to do in the common case, two zeros.
    void change(uint32_t tenant, std::string_view collection, std::string_view key,
                int64_t beforeUs, int64_t afterUs);
    // O(keys of the collection that expire).
    void drop(uint32_t tenant, std::string_view collection);

    bool empty() const { return m_keys.empty(); }
    size_t size() const { return m_keys.size(); }
    // Approximate heap use. Any thread.
    size_t memoryBytes() const { return m_bytes.load(std::memory_order_relaxed); }
    // In order of expiry.
    auto begin() const { return m_keys.begin(); }
    auto end() const { return m_keys.end(); }

  private:
    using CollectionView = std::pair<uint32_t, std::string_view>;
    struct ByCollection {
        using is_transparent = void;
        bool operator()(const Key* a, const Key* b) const
        {
            const auto order =
                std::tie(a->tenant, a->collection) <=> std::tie(b->tenant, b->collection);
            return order != 0 ? order < 0 : *a < *b;
        }
        bool operator()(const Key* a, const CollectionView& b) const
        {
            return CollectionView(a->tenant, a->collection) < b;
        }
    };

    void count(const Key& key, bool comes);

    std::set<Key> m_keys;
    std::set<const Key*, ByCollection> m_byCollection; // of m_keys
    std::atomic<size_t> m_bytes{0};
};

} // namespace fluxion
