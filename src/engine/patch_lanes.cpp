#include "engine/patch_lanes.h"

namespace fluxion {

bool PatchLanes::take(Proposal& proposal, uint64_t mergeBytes)
{
    if (m_lanes.empty() && mergeBytes == 0)
        return false;
    const Owner owner{proposal.mailbox, proposal.source};
    auto found = m_byOwner.find(owner);
    if (found == m_byOwner.end()) {
        if (mergeBytes <= kHeavyMergeBytes && m_mergedBytes + mergeBytes <= kTurnMergeBytes) {
            m_mergedBytes += mergeBytes;
            return false;
        }
        const auto lane = m_lanes.insert(m_lanes.end(), Lane{owner, {}});
        found = m_byOwner.emplace(owner, lane).first;
    }
    m_bytes += sizeOf(proposal.wish);
    found->second->waiting.push_back({std::move(proposal), mergeBytes});
    return true;
}

std::vector<Proposal> PatchLanes::nextTurn()
{
    std::vector<Proposal> turn;
    uint64_t merged = 0;
    while (!m_lanes.empty()) {
        Lane& lane = m_lanes.front();
        if (!turn.empty() && merged + lane.waiting.front().mergeBytes > kTurnMergeBytes)
            break;
        do {
            Waiting& next = lane.waiting.front();
            merged += next.mergeBytes;
            m_bytes -= sizeOf(next.proposal.wish);
            turn.push_back(std::move(next.proposal));
            lane.waiting.pop_front();
        } while (!lane.waiting.empty() && lane.waiting.front().mergeBytes <= kHeavyMergeBytes &&
                 merged + lane.waiting.front().mergeBytes <= kTurnMergeBytes);
        if (lane.waiting.empty()) {
            m_byOwner.erase(lane.owner);
            m_lanes.pop_front();
        } else {
            m_lanes.splice(m_lanes.end(), m_lanes, m_lanes.begin());
        }
    }
    return turn;
}

} // namespace fluxion
