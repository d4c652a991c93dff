#include "api/connections.h"

namespace fluxion {

uint64_t Connections::nextId()
{
    std::lock_guard lock(m_mutex);
    return ++m_lastId;
}

void Connections::add(ConnectionInfo info)
{
    std::lock_guard lock(m_mutex);
    m_open[info.id] = std::move(info);
}

void Connections::remove(uint64_t id)
{
    std::lock_guard lock(m_mutex);
    m_open.erase(id);
}

std::vector<ConnectionInfo> Connections::list() const
{
    std::lock_guard lock(m_mutex);
    std::vector<ConnectionInfo> all;
    for (const auto& [id, info] : m_open)
        all.push_back(info);
    return all;
}

} // namespace fluxion
