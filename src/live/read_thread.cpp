#include "live/read_thread.h"

#include "base/thread_name.h"

namespace fluxion {

ReadThread::ReadThread() : m_thread([this] { run(); }) {}

ReadThread::~ReadThread()
{
    stop();
}

void ReadThread::post(std::function<void()> job)
{
    {
        std::lock_guard lock(m_mutex);
        m_jobs.push_back(std::move(job));
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
}

void ReadThread::run()
{
    nameThread("reader");
    std::unique_lock lock(m_mutex);
    while (true) {
        m_filled.wait(lock, [this] { return m_stop || !m_jobs.empty(); });
        if (m_stop)
            return;
        const std::function<void()> job = std::move(m_jobs.front());
        m_jobs.pop_front();
        lock.unlock();
        job();
        lock.lock();
    }
}

} // namespace fluxion
