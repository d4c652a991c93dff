#pragma once

// Proposals that merge into large values, and so take the commit thread milliseconds: they wait
// here, each connection's in a lane of its own, with all that the connection sent behind them, so
// that its order stays. Between two turns of theirs all others are committed.

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "engine/proposal.h"

namespace fluxion {

// To merge more than this, in bytes of values and patches, is worth a lane.
inline constexpr uint64_t kHeavyMergeBytes = 64 * 1024;
// One turn merges about so much, or a single heavier proposal.
inline constexpr uint64_t kTurnMergeBytes = 1024 * 1024;

// Commit thread.
class PatchLanes {
  public:
    bool empty() const { return m_lanes.empty(); }

    // A turn of those that need no lane begins.
    void beginTurn() { m_mergedBytes = 0; }
    // Takes the proposal, which is then empty, unless its turn is now: it is light, fits this turn,
    // and nothing of its connection waits. `mergeBytes`: Decider::mergeBytes() of it.
    bool take(Proposal& proposal, uint64_t mergeBytes);
    // Those whose turn is next: of one lane after the other its first heavy one and what is light
    // behind it, in their order.
    std::vector<Proposal> nextTurn();

    // Of those that wait, as CommitQueue counts them.
    uint64_t bytes() const { return m_bytes; }

  private:
    using Owner = std::pair<const Mailbox*, uint64_t>;
    struct Waiting {
        Proposal proposal;
        uint64_t mergeBytes = 0;
    };
    struct Lane {
        Owner owner;
        std::deque<Waiting> waiting;
    };

    std::list<Lane> m_lanes; // none is empty; the first one's turn is next
    std::map<Owner, std::list<Lane>::iterator> m_byOwner;
    uint64_t m_mergedBytes = 0;
    uint64_t m_bytes = 0;
};

} // namespace fluxion
