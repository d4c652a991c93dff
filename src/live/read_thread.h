#pragma once

// The thread that reads files for subscribers and history, so that no I/O thread waits for a disk.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/executor.h"

namespace fluxion {

class ReadThread : public FairExecutor {
  public:
    ReadThread();
    ~ReadThread() override; // what was not begun is not done

    // Any thread. A job is one piece of work, some milliseconds.
    void postFor(uint64_t owner, std::function<void()> job) override;
    // Ends it, after the job at hand; what waits, and what comes later, is let go undone. Once, or
    // left to the destructor.
    void stop();

  private:
    void run();

    std::mutex m_mutex;
    std::condition_variable m_filled;
    std::unordered_map<uint64_t, std::deque<std::function<void()>>> m_jobs; // none is empty
    std::deque<uint64_t> m_owners; // of jobs, in the order of their turns
    bool m_stop = false;
    std::thread m_thread;
};

} // namespace fluxion
