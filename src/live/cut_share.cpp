#include "live/cut_share.h"

#include <optional>
#include <utility>

namespace fluxion {

SharedCut CutShare::open(uint64_t seq)
{
    {
        std::lock_guard lock(m_mutex);
        if (auto newest = m_newest.lock(); newest && newest->seq >= seq)
            return newest;
    }
    std::optional<Cut> cut = m_source.cut();
    if (!cut)
        return nullptr;
    const int64_t now = m_clock.steadyUs();
    const auto close = [this, now](const Cut* closing) {
        delete closing; // takes its time: before the lock
        std::lock_guard lock(m_mutex);
        m_openedUs.erase(m_openedUs.find(now));
    };
    const SharedCut shared(new Cut(std::move(*cut)), close);
    std::lock_guard lock(m_mutex);
    m_openedUs.insert(now);
    m_newest = shared;
    return shared;
}

CutShare::Summary CutShare::summary() const
{
    const int64_t now = m_clock.steadyUs();
    std::lock_guard lock(m_mutex);
    if (m_openedUs.empty())
        return {};
    return {m_openedUs.size(), now - *m_openedUs.begin()};
}

} // namespace fluxion
