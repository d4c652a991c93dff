#include "live/read_thread.h"

#include "base/thread_name.h"

namespace fluxion {

ReadThread::ReadThread() : m_thread([this] { run(); }) {}

ReadThread::~ReadThread()
{
    stop();
}

void ReadThread::postFor(uint64_t owner, std::function<void()> job)
{
    {
        std::lock_guard lock(m_mutex);
        if (m_stop)
            return;
        std::deque<std::function<void()>>& jobs = m_jobs[owner];
        if (jobs.empty())
            m_owners.push_back(owner);
        jobs.push_back(std::move(job));
    }
    m_filled.notify_one();
}

void ReadThread::stop()
{
    {
        std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_filled.notify_one();
    if (m_thread.joinable())
        m_thread.join();
    m_jobs.clear(); // what they hold may not outlive those who posted them
}

void ReadThread::run()
{
    nameThread("reader");
    std::unique_lock lock(m_mutex);
    while (true) {
        m_filled.wait(lock, [this] { return m_stop || !m_owners.empty(); });
        if (m_stop)
            return;
        const uint64_t owner = m_owners.front();
        m_owners.pop_front();
        const auto jobs = m_jobs.find(owner);
        const std::function<void()> job = std::move(jobs->second.front());
        jobs->second.pop_front();
        if (jobs->second.empty())
            m_jobs.erase(jobs);
        else
            m_owners.push_back(owner);
        lock.unlock();
        job();
        lock.lock();
    }
}

} // namespace fluxion
