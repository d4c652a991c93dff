#include "store/expiries.h"

namespace fluxion {

void Expiries::change(uint32_t tenant, std::string_view collection, std::string_view key,
                      int64_t beforeUs, int64_t afterUs)
{
    if (beforeUs == afterUs)
        return;
    if (beforeUs != 0) {
        const auto at = m_keys.find({beforeUs, tenant, std::string(collection), std::string(key)});
        if (at != m_keys.end()) {
            m_byCollection.erase(&*at);
            m_keys.erase(at);
        }
    }
    if (afterUs == 0)
        return;
    const auto [at, isNew] =
        m_keys.insert({afterUs, tenant, std::string(collection), std::string(key)});
    if (isNew)
        m_byCollection.insert(&*at);
}

void Expiries::drop(uint32_t tenant, std::string_view collection)
{
    auto at = m_byCollection.lower_bound(CollectionView(tenant, collection));
    while (at != m_byCollection.end() && (*at)->tenant == tenant &&
           (*at)->collection == collection) {
        const auto key = m_keys.find(**at);
        at = m_byCollection.erase(at);
        m_keys.erase(key);
    }
}

} // namespace fluxion
