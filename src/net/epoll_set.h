#pragma once

// The descriptors of one event loop and the notifiers that watch them, in one level-triggered epoll
// instance. No turn costs more than its own events, however many descriptors are idle. One thread.
//
// epoll knows open files, notifiers know numbers, and a number may be closed and given to another
// file behind our back. Hence two rules: an event counts only for the registration that asked for
// it (its generation travels with the event), and only for notifiers added before the wait that
// reported it.

#include <QSocketNotifier>
#include <array>
#include <cstdint>
#include <sys/epoll.h>
#include <vector>

namespace fluxion {

class EpollSet {
  public:
    // More wait for the next turn; the kernel hands them out in rotation, so none starves.
    static constexpr int kMaxEventsPerTurn = 256;

    // What one wait reported. Lives on the stack, so that loops may nest.
    struct Batch {
        std::array<epoll_event, kMaxEventsPerTurn> events;
        int count = 0;
        uint64_t stamp = 0;
    };

    // Reads wakeFd, a non-blocking eventfd that stays the caller's, empty whenever it is readable.
    explicit EpollSet(int wakeFd);
    ~EpollSet();
    EpollSet(const EpollSet&) = delete;
    EpollSet& operator=(const EpollSet&) = delete;

    // Does not own the notifier; it must be removed before it dies. One notifier of each type per
    // descriptor: a second one takes the first one's place, with a warning unless the descriptor
    // was closed and reused. A notifier whose descriptor cannot be watched is disabled, with a
    // warning. Files that epoll refuses (regular ones) count as always ready, as in poll().
    void add(QSocketNotifier* notifier);
    // A notifier that is not in the set is ignored. Allowed during deliver(): its event is dropped.
    void remove(QSocketNotifier* notifier);

    // True if the next wait must not block, since a descriptor is ready that epoll cannot watch.
    bool hasAlwaysReady() const { return !m_alwaysReady.empty(); }
    // timeoutMs -1: no limit. False if a signal ended the wait; then the batch is empty.
    bool wait(Batch& batch, int timeoutMs);
    // Activates notifiers; returns how many. Ends early when a slot ran a wait of its own, for what
    // is still ready then is reported again.
    int deliver(const Batch& batch);

  private:
    static constexpr size_t kTypes = 3; // QSocketNotifier::Read, Write, Exception

    enum class Watch : uint8_t { None, Epoll, AlwaysReady };
    struct Entry {
        std::array<QSocketNotifier*, kTypes> notifiers{};
        std::array<uint64_t, kTypes> addedAt{};
        uint64_t changedAt = 0;  // when this number last came under watch or left it
        uint32_t generation = 0; // of the registration, as in its events
        Watch watch = Watch::None;
    };

    Entry* entryOf(const QSocketNotifier* notifier);
    int control(int epollFd, int operation, int fd, const Entry& entry) const;
    void attach(int fd, size_t type);
    void keepOnly(Entry& entry, size_t type);
    void detach(int fd);
    bool isCurrent(int fd, uint32_t generation, uint64_t stamp);
    bool activate(int fd, size_t type, uint64_t stamp);
    int deliverAlwaysReady(uint64_t stamp);
    void rebuild();

    const int m_wakeFd;
    int m_epollFd;
    std::vector<Entry> m_entries; // by descriptor, thus bounded by the limit of open files
    std::vector<int> m_alwaysReady;
    uint64_t m_stamp = 0;     // counts waits and registrations, to tell which came first
    uint64_t m_lastBatch = 0; // stamp of the youngest wait
    bool m_hasGhosts = false; // see rebuild()
};

} // namespace fluxion
