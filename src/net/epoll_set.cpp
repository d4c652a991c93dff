#include "net/epoll_set.h"

#include <QCoreApplication>
#include <QEvent>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

namespace fluxion {

namespace {

constexpr uint32_t kAsked[] = {EPOLLIN, EPOLLOUT, EPOLLPRI};
constexpr uint32_t kBroken = EPOLLHUP | EPOLLERR; // always reported, and to everyone, as in Qt
constexpr uint64_t kWakeData = UINT64_MAX;        // no descriptor has this number

uint64_t dataOf(int fd, uint32_t generation)
{
    return uint64_t{generation} << 32 | uint32_t(fd);
}

int createEpoll(int wakeFd)
{
    const int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return -1;
    epoll_event event{EPOLLIN, {.u64 = kWakeData}};
    if (epoll_ctl(fd, EPOLL_CTL_ADD, wakeFd, &event) == 0)
        return fd;
    close(fd);
    return -1;
}

} // namespace

EpollSet::EpollSet(int wakeFd) : m_wakeFd(wakeFd), m_epollFd(createEpoll(wakeFd))
{
    if (m_epollFd < 0)
        qFatal("EpollSet: no epoll instance: %s", std::strerror(errno));
}

EpollSet::~EpollSet()
{
    close(m_epollFd);
}

EpollSet::Entry* EpollSet::entryOf(const QSocketNotifier* notifier)
{
    const auto fd = size_t(notifier->socket());
    return fd < m_entries.size() ? &m_entries[fd] : nullptr;
}

// Returns 0 or errno.
int EpollSet::control(int epollFd, int operation, int fd, const Entry& entry) const
{
    epoll_event event{0, {.u64 = dataOf(fd, entry.generation)}};
    for (size_t type = 0; type < kTypes; ++type)
        if (entry.notifiers[type])
            event.events |= kAsked[type];
    return epoll_ctl(epollFd, operation, fd, &event) == 0 ? 0 : errno;
}

void EpollSet::add(QSocketNotifier* notifier)
{
    const int fd = int(notifier->socket());
    const auto type = size_t(notifier->type());
    if (fd < 0)
        return; // QSocketNotifier has warned
    if (size_t(fd) >= m_entries.size())
        m_entries.resize(size_t(fd) + 1);
    Entry& entry = m_entries[size_t(fd)];
    const QSocketNotifier* before = std::exchange(entry.notifiers[type], notifier);
    entry.addedAt[type] = ++m_stamp;

    // The call is made even when the mask stays the same: it alone tells whether the file does.
    if (entry.watch == Watch::Epoll && control(m_epollFd, EPOLL_CTL_MOD, fd, entry) == 0) {
        if (before && before != notifier)
            qWarning("EpollSet: two notifiers of type %d for descriptor %d", int(type), fd);
        return;
    }
    if (entry.watch == Watch::Epoll)
        keepOnly(entry, type);
    attach(fd, type);
}

// Puts a file that the epoll instance does not know yet under watch.
void EpollSet::attach(int fd, size_t type)
{
    Entry& entry = m_entries[size_t(fd)];
    const Watch before = entry.watch;
    entry.generation = uint32_t(++m_stamp);
    entry.changedAt = m_stamp;
    int error = control(m_epollFd, EPOLL_CTL_ADD, fd, entry);
    // The number was closed while a duplicate kept the file open, and now names that file again.
    if (error == EEXIST)
        error = control(m_epollFd, EPOLL_CTL_MOD, fd, entry);
    if (error == EPERM) {
        if (before != Watch::AlwaysReady)
            m_alwaysReady.push_back(fd);
        entry.watch = Watch::AlwaysReady;
        return;
    }
    if (before == Watch::AlwaysReady) {
        std::erase(m_alwaysReady, fd);
        keepOnly(entry, type);
    }
    entry.watch = error == 0 ? Watch::Epoll : Watch::None;
    if (error == 0 && before == Watch::AlwaysReady)
        control(m_epollFd, EPOLL_CTL_MOD, fd, entry);
    if (error != 0) {
        qWarning("EpollSet: cannot watch descriptor %d: %s", fd, std::strerror(error));
        QSocketNotifier* notifier = std::exchange(entry.notifiers[type], nullptr);
        notifier->setEnabled(false);
    }
}

// The number has come to name another file; what the other notifiers watched is closed.
void EpollSet::keepOnly(Entry& entry, size_t type)
{
    for (size_t other = 0; other < kTypes; ++other)
        if (other != type)
            entry.notifiers[other] = nullptr;
}

void EpollSet::remove(QSocketNotifier* notifier)
{
    Entry* entry = entryOf(notifier);
    const auto type = size_t(notifier->type());
    if (!entry || entry->notifiers[type] != notifier)
        return;
    entry->notifiers[type] = nullptr;
    const int fd = int(notifier->socket());
    const bool last = std::ranges::none_of(entry->notifiers, [](auto* n) { return n; });
    // If MOD fails the file is closed; adding what the number names now would hand its events to
    // notifiers of the closed one.
    if (last || (entry->watch == Watch::Epoll && control(m_epollFd, EPOLL_CTL_MOD, fd, *entry)))
        detach(fd);
}

void EpollSet::detach(int fd)
{
    Entry& entry = m_entries[size_t(fd)];
    // ENOENT and EBADF mean that the file is closed, which is fine. Another file of the same number
    // cannot be hit: had it been added, this entry would be its own.
    if (entry.watch == Watch::Epoll)
        control(m_epollFd, EPOLL_CTL_DEL, fd, entry);
    if (entry.watch == Watch::AlwaysReady)
        std::erase(m_alwaysReady, fd);
    entry.notifiers.fill(nullptr);
    entry.watch = Watch::None;
    entry.changedAt = ++m_stamp;
}

bool EpollSet::wait(Batch& batch, int timeoutMs)
{
    if (m_hasGhosts)
        rebuild();
    batch.stamp = m_lastBatch = ++m_stamp;
    batch.count = epoll_wait(m_epollFd, batch.events.data(), kMaxEventsPerTurn, timeoutMs);
    if (batch.count >= 0)
        return true;
    if (errno != EINTR)
        qFatal("EpollSet: wait failed: %s", std::strerror(errno));
    batch.count = 0;
    return false;
}

int EpollSet::deliver(const Batch& batch)
{
    int activated = 0;
    for (int i = 0; i < batch.count; ++i) {
        const epoll_event event = batch.events[size_t(i)];
        if (event.data.u64 == kWakeData) {
            eventfd_t ignored;
            eventfd_read(m_wakeFd, &ignored);
            continue;
        }
        const int fd = int(event.data.u64 & UINT32_MAX);
        const auto generation = uint32_t(event.data.u64 >> 32);
        for (size_t type = 0; type < kTypes; ++type) {
            if (!(event.events & (kAsked[type] | kBroken)))
                continue;
            if (!isCurrent(fd, generation, batch.stamp))
                break;
            if (!activate(fd, type, batch.stamp))
                continue;
            ++activated;
            if (m_lastBatch != batch.stamp)
                return activated;
        }
    }
    return activated + deliverAlwaysReady(batch.stamp);
}

bool EpollSet::isCurrent(int fd, uint32_t generation, uint64_t stamp)
{
    const Entry& entry = m_entries[size_t(fd)];
    if (entry.watch == Watch::Epoll && entry.generation == generation)
        return true;
    // Changed since the wait: the event is merely old. Else it comes from a file that we watch no
    // longer.
    if (entry.changedAt < stamp)
        m_hasGhosts = true;
    return false;
}

bool EpollSet::activate(int fd, size_t type, uint64_t stamp)
{
    const Entry& entry = m_entries[size_t(fd)];
    if (!entry.notifiers[type] || entry.addedAt[type] > stamp)
        return false;
    QEvent event(QEvent::SockAct);
    QCoreApplication::sendEvent(entry.notifiers[type], &event);
    return true;
}

int EpollSet::deliverAlwaysReady(uint64_t stamp)
{
    int activated = 0;
    // By index and backwards: slots may add and remove.
    for (size_t i = m_alwaysReady.size(); i-- > 0;) {
        for (const size_t type : {size_t(QSocketNotifier::Read), size_t(QSocketNotifier::Write)}) {
            if (i >= m_alwaysReady.size() || !activate(m_alwaysReady[i], type, stamp))
                continue;
            ++activated;
            if (m_lastBatch != stamp)
                return activated;
        }
    }
    return activated;
}

// A ghost is a registration that cannot be named any more: its number was closed while a duplicate
// (a child process has one) keeps the file open. It would wake us for ever, so the instance is
// replaced. Costs O(descriptors), once for each ghost that speaks.
void EpollSet::rebuild()
{
    const int fresh = createEpoll(m_wakeFd);
    if (fresh < 0)
        return; // out of descriptors: the next turn tries again
    for (size_t i = 0; i < m_entries.size(); ++i) {
        Entry& entry = m_entries[i];
        const int fd = int(i);
        if (entry.watch != Watch::Epoll)
            continue;
        // MOD on the old instance tells whether the number still names the file that was added.
        int error = control(m_epollFd, EPOLL_CTL_MOD, fd, entry);
        if (error == 0)
            error = control(fresh, EPOLL_CTL_ADD, fd, entry);
        if (error != 0) {
            qWarning("EpollSet: lost descriptor %d: %s", fd, std::strerror(error));
            detach(fd);
        }
    }
    close(m_epollFd);
    m_epollFd = fresh;
    m_hasGhosts = false;
}

} // namespace fluxion
