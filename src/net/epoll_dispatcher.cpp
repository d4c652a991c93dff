#include "net/epoll_dispatcher.h"

#include <QCoreApplication>
#include <QThread>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace fluxion {

namespace {

int createWakeFd()
{
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        qFatal("EpollDispatcher: no eventfd: %s", std::strerror(errno));
    return fd;
}

} // namespace

EpollDispatcher::EpollDispatcher(QObject* parent)
    : QAbstractEventDispatcher(parent), m_wakeFd(createWakeFd()), m_sockets(m_wakeFd)
{
}

EpollDispatcher::~EpollDispatcher()
{
    close(m_wakeFd);
}

bool EpollDispatcher::processEvents(QEventLoop::ProcessEventsFlags flags)
{
    m_interrupted = false;
    Q_EMIT awake();
    QCoreApplication::sendPostedEvents();

    const bool mayBlock =
        flags.testFlag(QEventLoop::WaitForMoreEvents) && !m_interrupted && m_state != State::Woken;
    if (mayBlock)
        Q_EMIT aboutToBlock();
    if (m_interrupted)
        return false;

    EpollSet::Batch batch;
    wait(batch, mayBlock, flags);
    // Not before the wait: a wake-up between two turns may tell the caller's loop to end.
    int handled = m_state.exchange(State::Awake) == State::Woken ? 1 : 0;
    if (!flags.testFlag(QEventLoop::ExcludeSocketNotifiers))
        handled += m_sockets.deliver(batch);
    if (!flags.testFlag(QEventLoop::X11ExcludeTimers))
        handled += m_timers.fire();
    return handled > 0;
}

void EpollDispatcher::wait(EpollSet::Batch& batch, bool mayBlock,
                           QEventLoop::ProcessEventsFlags flags)
{
    const bool withSockets = !flags.testFlag(QEventLoop::ExcludeSocketNotifiers);
    const bool withTimers = !flags.testFlag(QEventLoop::X11ExcludeTimers);
    if (withSockets && m_sockets.hasAlwaysReady())
        mayBlock = false;
    State awake = State::Awake;
    if (mayBlock && !m_state.compare_exchange_strong(awake, State::Sleeping))
        mayBlock = false;
    for (bool done = false; !done;) {
        int timeoutMs = mayBlock ? -1 : 0;
        if (mayBlock && withTimers)
            timeoutMs = m_timers.nextDueMs();
        done = withSockets ? m_sockets.wait(batch, timeoutMs) : waitForWakeUpOnly(timeoutMs);
    }
}

// False if a signal ended the wait.
bool EpollDispatcher::waitForWakeUpOnly(int timeoutMs)
{
    pollfd wake{m_wakeFd, POLLIN, 0};
    const int ready = poll(&wake, 1, timeoutMs);
    eventfd_t ignored;
    if (ready > 0)
        eventfd_read(m_wakeFd, &ignored);
    return ready >= 0 || errno != EINTR;
}

void EpollDispatcher::wakeUp()
{
    // Always an exchange, so that the thread sees all that was written before this call even if
    // another call has woken it already.
    if (m_state.exchange(State::Woken) == State::Sleeping)
        eventfd_write(m_wakeFd, 1);
}

void EpollDispatcher::interrupt()
{
    m_interrupted = true;
    wakeUp();
}

bool EpollDispatcher::inOwnThread(const char* what) const
{
    if (thread() == QThread::currentThread())
        return true;
    qWarning("EpollDispatcher: %s from another thread", what);
    return false;
}

void EpollDispatcher::registerSocketNotifier(QSocketNotifier* notifier)
{
    if (inOwnThread("notifier enabled"))
        m_sockets.add(notifier);
}

void EpollDispatcher::unregisterSocketNotifier(QSocketNotifier* notifier)
{
    if (inOwnThread("notifier disabled"))
        m_sockets.remove(notifier);
}

void EpollDispatcher::registerTimer(int id, qint64 intervalMs, Qt::TimerType type, QObject* object)
{
    if (inOwnThread("timer started"))
        m_timers.start(id, intervalMs, type, object);
}

bool EpollDispatcher::unregisterTimer(int id)
{
    return inOwnThread("timer stopped") && m_timers.stop(id);
}

bool EpollDispatcher::unregisterTimers(QObject* object)
{
    return inOwnThread("timers stopped") && m_timers.stopAll(object);
}

QList<QAbstractEventDispatcher::TimerInfo> EpollDispatcher::registeredTimers(QObject* object) const
{
    return m_timers.timersOf(object);
}

int EpollDispatcher::remainingTime(int id)
{
    return m_timers.remainingMs(id);
}

} // namespace fluxion
