#include "engine/proposal_batch.h"

#include <utility>

namespace fluxion {

namespace {

// So many leave at once, so that the commit thread begins while the rest is still being read.
constexpr size_t kMaxGathered = 32;

} // namespace

Accepted ProposalBatch::add(Proposal proposal)
{
    const uint64_t bytes = sizeOf(proposal.wish);
    const Accepted accepted = m_engine.reserve(bytes, proposal.mailbox);
    if (accepted != Accepted::No) {
        m_bytes += bytes;
        m_proposals.reserve(kMaxGathered);
        m_proposals.push_back(std::move(proposal));
        if (m_proposals.size() >= kMaxGathered)
            flush();
    }
    return accepted;
}

void ProposalBatch::flush()
{
    if (m_proposals.empty())
        return;
    m_engine.propose(m_proposals, std::exchange(m_bytes, 0));
}

} // namespace fluxion
