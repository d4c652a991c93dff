#include "live/held_cuts.h"

#include <algorithm>

#include "base/random.h"

namespace fluxion {

namespace {

std::string newName()
{
    std::string bytes(16, '\0');
    randomBytes(bytes.data(), bytes.size());
    return toHex(bytes);
}

} // namespace

Result<std::string> HeldCuts::add(uint32_t tenant, uint32_t keyId, SharedCut cut, int64_t nowUs)
{
    std::lock_guard lock(m_mutex);
    const auto full = [&](const char* who, size_t most) -> Error {
        return {Code::TooMany, std::string(who) + " holds " + std::to_string(most) +
                                   " cuts already; one that is not read goes after " +
                                   std::to_string(m_limits.idleUs / 1000000) + " seconds"};
    };
    if (m_cuts.size() >= m_limits.max)
        return full("the server", m_limits.max);
    const size_t most = (m_limits.max + 1) / 2;
    const auto isOfKey = [&](const auto& held) {
        return held.second.tenant == tenant && held.second.keyId == keyId;
    };
    if (keyId != 0 &&
        static_cast<size_t>(std::count_if(m_cuts.begin(), m_cuts.end(), isOfKey)) >= most)
        return full("this API key", most);
    std::string name = newName();
    m_cuts.emplace(name, Held{tenant, keyId, std::move(cut), nowUs});
    return name;
}

HeldCuts::Map::iterator HeldCuts::findLocked(uint32_t tenant, std::string_view name)
{
    const auto at = m_cuts.find(name);
    return at != m_cuts.end() && at->second.tenant == tenant ? at : m_cuts.end();
}

SharedCut HeldCuts::find(uint32_t tenant, std::string_view name, int64_t nowUs)
{
    std::lock_guard lock(m_mutex);
    const auto at = findLocked(tenant, name);
    if (at == m_cuts.end())
        return nullptr;
    at->second.usedUs = nowUs;
    return at->second.cut;
}

SharedCut HeldCuts::remove(uint32_t tenant, std::string_view name)
{
    std::lock_guard lock(m_mutex);
    const auto at = findLocked(tenant, name);
    if (at == m_cuts.end())
        return nullptr;
    SharedCut cut = std::move(at->second.cut);
    m_cuts.erase(at);
    return cut;
}

std::vector<SharedCut> HeldCuts::takeExpired(int64_t nowUs)
{
    std::vector<SharedCut> out;
    std::lock_guard lock(m_mutex);
    for (auto at = m_cuts.begin(); at != m_cuts.end();) {
        Held& held = at->second;
        if (held.cut.use_count() > 1) // somebody reads it
            held.usedUs = nowUs;
        if (nowUs - held.usedUs < m_limits.idleUs) {
            ++at;
            continue;
        }
        out.push_back(std::move(held.cut));
        at = m_cuts.erase(at);
    }
    return out;
}

} // namespace fluxion
