#include "store/expiries.h"

namespace fluxion {

namespace {

constexpr size_t kNodeBytes = 48; // a node of a set beside its content: links, colour, malloc's

} // namespace

void Expiries::change(uint32_t tenant, std::string_view collection, std::string_view key,
                      int64_t beforeUs, int64_t afterUs)
{
    if (beforeUs == afterUs)
        return;
    if (beforeUs != 0) {
        const auto at = m_keys.find({beforeUs, tenant, std::string(collection), std::string(key)});
        if (at != m_keys.end()) {
            count(*at, false);
            m_byCollection.erase(&*at);
            m_keys.erase(at);
        }
    }
    if (afterUs == 0)
        return;
    const auto [at, isNew] =
        m_keys.insert({afterUs, tenant, std::string(collection), std::string(key)});
    if (!isNew)
        return;
    m_byCollection.insert(&*at);
    count(*at, true);
}

void Expiries::count(const Key& key, bool comes)
{
    const auto heapOf = [](const std::string& text) {
        return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
    };
    const size_t bytes = sizeof(Key) + sizeof(const Key*) + 2 * kNodeBytes +
                         heapOf(key.collection) + heapOf(key.key);
    // By one thread; the others only look.
    m_bytes.store(m_bytes.load(std::memory_order_relaxed) + (comes ? bytes : -bytes),
                  std::memory_order_relaxed);
}

void Expiries::drop(uint32_t tenant, std::string_view collection)
{
    auto at = m_byCollection.lower_bound(CollectionView(tenant, collection));
    while (at != m_byCollection.end() && (*at)->tenant == tenant &&
           (*at)->collection == collection) {
        const auto key = m_keys.find(**at);
        at = m_byCollection.erase(at);
        count(*key, false);
        m_keys.erase(key);
    }
}

} // namespace fluxion
