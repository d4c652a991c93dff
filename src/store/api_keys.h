#pragma once

// The view of API keys: by id and by keyed hash. The key itself is never stored. Written by the
// commit thread, read by any.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/rwlock.h"
#include "store/facts.h"

namespace fluxion {

// One key, shared with the connections that use it: they see a change of scope, and the removal,
// at once.
class ApiKey {
  public:
    ApiKey(uint32_t id, const KeyHash& hash, Scope scope, std::string_view hint)
        : m_id(id), m_hash(hash), m_hint(hint), m_scope(scope)
    {
    }
    uint32_t id() const { return m_id; }
    const KeyHash& hash() const { return m_hash; }
    const std::string& hint() const { return m_hint; }
    Scope scope() const { return m_scope.load(std::memory_order_acquire); }
    bool removed() const { return m_removed.load(std::memory_order_acquire); }

  private:
    friend class ApiKeys;
    const uint32_t m_id;
    const KeyHash m_hash;
    const std::string m_hint;
    std::atomic<Scope> m_scope;
    std::atomic<bool> m_removed{false};
};

// A key's content at one moment.
struct ApiKeyRecord {
    uint32_t id = 0;
    KeyHash hash{};
    Scope scope = Scope::ReadOnly;
    std::string hint;
};

// The whole view at one moment.
struct ApiKeyList {
    uint32_t nextId = 1;
    std::vector<ApiKeyRecord> keys; // by rising id
};

// All 32 bytes are compared, however early they differ.
bool equalInConstantTime(const KeyHash& a, const KeyHash& b);

class ApiKeys {
  public:
    // Any thread. Null when there is no such key.
    std::shared_ptr<const ApiKey> find(const KeyHash& hash) const;
    std::shared_ptr<const ApiKey> findById(uint32_t id) const;
    ApiKeyList list() const;
    // The id for the next key added. Ids are never used again, also after a removal.
    uint32_t nextId() const;
    size_t count() const;

    // Commit thread. Code::Damaged for a fact that cannot follow from the ones before: an id used
    // again, a hash that changes or belongs to two keys, a removal of no key.
    Status apply(const ApiKeySetFact& fact);
    Status apply(const ApiKeyRemovedFact& fact);

    // At start, into an empty view. Code::Damaged, with the view in no useful state, for bytes
    // that save() did not write.
    Status load(std::string_view block);
    static void save(const ApiKeyList& list, std::string& out);

  private:
    struct HashOf {
        size_t operator()(const KeyHash& hash) const;
    };
    struct Equal {
        bool operator()(const KeyHash& a, const KeyHash& b) const
        {
            return equalInConstantTime(a, b);
        }
    };

    Status add(uint32_t id, const KeyHash& hash, Scope scope, std::string_view hint);

    mutable RwLock m_lock;
    std::map<uint32_t, std::shared_ptr<ApiKey>> m_byId;
    std::unordered_map<KeyHash, std::shared_ptr<ApiKey>, HashOf, Equal> m_byHash;
    uint32_t m_nextId = 1;
};

} // namespace fluxion
