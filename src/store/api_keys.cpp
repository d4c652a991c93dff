#include "store/api_keys.h"

#include <mutex>
#include <shared_mutex>

#include "base/bytes.h"
#include "base/hash.h"

namespace fluxion {

namespace {

// The master key is none of these.
bool isScope(uint8_t value)
{
    return value <= static_cast<uint8_t>(Scope::ReadWriteDelete);
}

Status damaged(uint32_t id, std::string_view what)
{
    return {Code::Damaged, "API key " + std::to_string(id) + ": " + std::string(what)};
}

} // namespace

bool equalInConstantTime(const KeyHash& a, const KeyHash& b)
{
    unsigned difference = 0;
    for (size_t i = 0; i < a.size(); ++i)
        difference |= static_cast<unsigned char>(a[i] ^ b[i]);
    // Keeps the compiler from turning the loop into an early exit.
    asm volatile("" : "+r"(difference));
    return difference == 0;
}

// The hash is itself keyed, by a secret that no client has: what a table look-up tells by its time
// says nothing about a key.
size_t ApiKeys::HashOf::operator()(const KeyHash& hash) const
{
    return hash64({hash.data(), hash.size()}, tableSeed());
}

std::shared_ptr<const ApiKey> ApiKeys::find(const KeyHash& hash) const
{
    std::shared_lock guard(m_lock);
    const auto it = m_byHash.find(hash);
    return it == m_byHash.end() ? nullptr : it->second;
}

std::shared_ptr<const ApiKey> ApiKeys::findById(uint32_t id) const
{
    std::shared_lock guard(m_lock);
    const auto it = m_byId.find(id);
    return it == m_byId.end() ? nullptr : it->second;
}

ApiKeyList ApiKeys::list() const
{
    std::shared_lock guard(m_lock);
    ApiKeyList list;
    list.nextId = m_nextId;
    list.keys.reserve(m_byId.size());
    for (const auto& [id, key] : m_byId)
        list.keys.push_back({id, key->hash(), key->scope(), key->hint()});
    return list;
}

uint32_t ApiKeys::nextId() const
{
    std::shared_lock guard(m_lock);
    return m_nextId;
}

size_t ApiKeys::count() const
{
    std::shared_lock guard(m_lock);
    return m_byId.size();
}

Status ApiKeys::add(uint32_t id, const KeyHash& hash, Scope scope, std::string_view hint)
{
    if (m_byHash.count(hash) != 0)
        return damaged(id, "its hash belongs to another key");
    auto key = std::make_shared<ApiKey>(id, hash, scope, hint);
    m_byHash.emplace(hash, key);
    m_byId.emplace(id, std::move(key));
    return {};
}

Status ApiKeys::apply(const ApiKeySetFact& fact)
{
    std::unique_lock guard(m_lock);
    const auto it = m_byId.find(fact.id);
    if (it != m_byId.end()) {
        if (!equalInConstantTime(it->second->hash(), fact.hash))
            return damaged(fact.id, "another key has this id");
        it->second->m_scope.store(fact.scope, std::memory_order_release);
        return {};
    }
    if (fact.id < m_nextId || fact.id == UINT32_MAX)
        return damaged(fact.id, "its id was used before");
    if (Status status = add(fact.id, fact.hash, fact.scope, fact.hint); !status.ok())
        return status;
    m_nextId = fact.id + 1;
    return {};
}

Status ApiKeys::apply(const ApiKeyRemovedFact& fact)
{
    std::unique_lock guard(m_lock);
    const auto it = m_byId.find(fact.id);
    if (it == m_byId.end())
        return damaged(fact.id, "removed, but there is none");
    it->second->m_removed.store(true, std::memory_order_release);
    m_byHash.erase(it->second->hash());
    m_byId.erase(it);
    return {};
}

void ApiKeys::save(const ApiKeyList& list, std::string& out)
{
    ByteWriter w(out);
    w.u32(list.nextId);
    w.varint(list.keys.size());
    for (const ApiKeyRecord& key : list.keys) {
        w.u32(key.id);
        w.raw(key.hash.data(), key.hash.size());
        w.u8(static_cast<uint8_t>(key.scope));
        w.text(key.hint);
    }
}

Status ApiKeys::load(std::string_view block)
{
    std::unique_lock guard(m_lock);
    if (m_nextId != 1)
        return {Code::Damaged, "API keys: a second block"};
    ByteReader r(block);
    m_nextId = r.u32();
    const uint64_t count = r.varint();
    uint32_t last = 0;
    for (uint64_t i = 0; i < count && r.ok(); ++i) {
        const uint32_t id = r.u32();
        KeyHash hash{};
        const std::string_view bytes = r.raw(hash.size());
        bytes.copy(hash.data(), hash.size());
        const uint8_t scope = r.u8();
        const std::string_view hint = r.text();
        if (!r.ok())
            break;
        if (id <= last || id >= m_nextId || !isScope(scope))
            return damaged(id, "impossible id or scope");
        last = id;
        if (Status status = add(id, hash, static_cast<Scope>(scope), hint); !status.ok())
            return status;
    }
    if (!r.ok() || !r.atEnd() || m_nextId == 0)
        return {Code::Damaged, "API keys: the block is cut short or too long"};
    return {};
}

} // namespace fluxion
