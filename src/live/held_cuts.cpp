#include "live/held_cuts.h"

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

Result<std::string> HeldCuts::add(uint32_t tenant, SharedCut cut, int64_t nowUs)
{
    std::lock_guard lock(m_mutex);
    if (m_cuts.size() >= kMaxHeldCuts)
        return {Code::TooMany, "the server holds " + std::to_string(kMaxHeldCuts) +
                                   " cuts already; one that is not read goes after " +
                                   std::to_string(kHeldCutIdleUs / 60000000) + " minutes"};
    std::string name = newName();
    m_cuts.emplace(name, Held{tenant, std::move(cut), nowUs});
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
        if (nowUs - held.usedUs < kHeldCutIdleUs) {
            ++at;
            continue;
        }
        out.push_back(std::move(held.cut));
        at = m_cuts.erase(at);
    }
    return out;
}

} // namespace fluxion
