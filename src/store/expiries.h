#pragma once

// Which live keys expire, soonest first. Says nothing of now: whoever asks has the clock.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace fluxion {

// Commit thread (or recovery, as the only thread).
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
                int64_t beforeUs, int64_t afterUs)
    {
        if (beforeUs == afterUs)
            return;
        if (beforeUs != 0)
            m_keys.erase({beforeUs, tenant, std::string(collection), std::string(key)});
        if (afterUs != 0)
            m_keys.insert({afterUs, tenant, std::string(collection), std::string(key)});
    }
    void drop(uint32_t tenant, std::string_view collection)
    {
        std::erase_if(
            m_keys, [&](const Key& k) { return k.tenant == tenant && k.collection == collection; });
    }

    bool empty() const { return m_keys.empty(); }
    size_t size() const { return m_keys.size(); }
    // In order of expiry.
    auto begin() const { return m_keys.begin(); }
    auto end() const { return m_keys.end(); }

  private:
    std::set<Key> m_keys;
};

} // namespace fluxion
