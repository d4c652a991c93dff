#pragma once

// The thread that reads files for subscribers and history, so that no I/O thread waits for a disk.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/executor.h"

namespace fluxion {

class ReadThread : public Executor {
  public:
    ReadThread();
    ~ReadThread() override; // what was not begun is not done

    // Any thread. In order; a job is one piece of work, some milliseconds.
    void post(std::function<void()> job) override;
    // Ends it, after the job at hand. Once, or left to the destructor.
    void stop();

  private:
    void run();

    std::mutex m_mutex;
    std::condition_variable m_filled;
    std::deque<std::function<void()>> m_jobs;
    bool m_stop = false;
    std::thread m_thread;
};

} // namespace fluxion
