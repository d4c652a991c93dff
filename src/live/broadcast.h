#pragma once

// Hands committed batches from the commit thread to the threads that serve subscribers. Knows who
// listens, so that nothing is prepared when nobody does.

#include <cstdint>
#include <mutex>
#include <vector>

#include "live/event_batch.h"

namespace fluxion {

// One per thread that serves subscribers; told from the commit thread: must only hand over.
class Feed {
  public:
    virtual ~Feed() = default;
    virtual void publish(const SharedBatch& batch) = 0;
};

class Broadcast {
  public:
    // Commit thread, or before there are others.

    // Where the log stands at the start.
    void startAfter(uint64_t seq) { m_through = seq; }
    // Before the batch that ends with `lastSeq` is applied: whether anyone is to be told of it.
    bool begin(uint64_t lastSeq);
    // After it: what begin() asked for.
    void publish(const SharedBatch& batch);

    // Any thread.

    // The seq after which the feed is told everything. Not twice without detach().
    uint64_t attach(Feed& feed);
    void detach(Feed& feed);

  private:
    std::mutex m_mutex;
    std::vector<Feed*> m_feeds;
    uint64_t m_through = 0; // up to here all batches were published, or had nobody to hear of them
};

} // namespace fluxion
