#pragma once

// What the commit thread leaves to the maintenance thread: documents that may have something to
// merge, and what was dropped and takes time to release. Any thread.

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/collection.h"

namespace fluxion {

// More than this are not noted; the next sweep finds them.
constexpr size_t kMaxQueuedMerges = 65'536;

class MergeQueue {
  public:
    struct Item {
        std::shared_ptr<Collection> collection;
        std::string document;
        bool idle = false;
    };

    // False if the queue is full.
    bool push(Item item);
    std::optional<Item> pop();
    bool empty() const;

    void discard(Collection::SeriesPin dropped);
    // Releases what was discarded, on the calling thread.
    void release();

  private:
    mutable std::mutex m_mutex;
    std::deque<Item> m_items;
    std::vector<Collection::SeriesPin> m_discarded;
};

} // namespace fluxion
