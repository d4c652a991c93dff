#pragma once

// An event dispatcher whose turn costs O(events), where Qt's own costs O(descriptors): with
// thousands of idle connections in a thread that is the difference between full speed and a tenth.
//
//     thread->setEventDispatcher(new EpollDispatcher); // before start(); the thread owns it
//
// Behaves as Qt's poll() dispatcher does (order of a turn: posted events, notifiers, timers;
// hang-ups go to all notifiers of a descriptor) but for two things: a notifier whose descriptor was
// closed falls silent without a warning, also when the number is reused; and notifiers left over
// when a slot ran a nested loop are not activated unless they are still ready.

#include "net/epoll_set.h"
#include "net/timer_set.h"

#include <QAbstractEventDispatcher>
#include <atomic>

namespace fluxion {

class EpollDispatcher final : public QAbstractEventDispatcher {
  public:
    explicit EpollDispatcher(QObject* parent = nullptr);
    ~EpollDispatcher() override;

    // Own thread only.
    bool processEvents(QEventLoop::ProcessEventsFlags flags) override;
    void registerSocketNotifier(QSocketNotifier* notifier) override;
    void unregisterSocketNotifier(QSocketNotifier* notifier) override;
    void registerTimer(int id, qint64 intervalMs, Qt::TimerType type, QObject* object) override;
    bool unregisterTimer(int id) override;
    bool unregisterTimers(QObject* object) override;
    QList<TimerInfo> registeredTimers(QObject* object) const override;
    int remainingTime(int id) override;

    // Any thread, and signal handlers. A system call only if the thread sleeps.
    void wakeUp() override;
    void interrupt() override;

  private:
    // Sleeping: about to wait or waiting, so that who wakes must write to the eventfd.
    // Woken: there is something to do; do not sleep.
    enum class State : uint8_t { Awake, Sleeping, Woken };

    bool inOwnThread(const char* what) const;
    void wait(EpollSet::Batch& batch, bool mayBlock, QEventLoop::ProcessEventsFlags flags);
    bool waitForWakeUpOnly(int timeoutMs);

    const int m_wakeFd;
    std::atomic<State> m_state{State::Awake};
    std::atomic<bool> m_interrupted{false};
    EpollSet m_sockets;
    TimerSet m_timers;
};

} // namespace fluxion
