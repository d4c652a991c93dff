#pragma once

// Proposals of one thread on their way to the commit thread: gathered, then handed over together,
// so that a thread that reads many requests in a row wakes the commit thread once in 32.

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace fluxion {

// One thread. What is added counts in the queue's bounds at once, and is decided after flush(), or
// after the 32nd.
class ProposalBatch {
  public:
    explicit ProposalBatch(Engine& engine) : m_engine(engine) {}

    // With Accepted::No the mailbox will not hear of it.
    Accepted add(Proposal proposal);
    void flush();

  private:
    Engine& m_engine;
    std::vector<Proposal> m_proposals;
    uint64_t m_bytes = 0;
};

} // namespace fluxion
