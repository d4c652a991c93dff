#pragma once

// The timers of one event loop, ordered by deadline. Starting, stopping and firing cost
// O(log timers) and, once the set has reached its size, no memory from the heap. One thread.

#include <QAbstractEventDispatcher>
#include <compare>
#include <cstdint>
#include <memory_resource>
#include <set>
#include <unordered_map>
#include <utility>

namespace fluxion {

class TimerSet {
  public:
    // Longer intervals count as this one: a hundred years.
    static constexpr int64_t kMaxIntervalMs = 100LL * 365 * 24 * 3600 * 1000;

    // PreciseTimer keeps the millisecond, CoarseTimer 5 % of its interval, VeryCoarseTimer full
    // seconds. Does not own the object.
    void start(int id, int64_t intervalMs, Qt::TimerType type, QObject* object);
    // False if there is no such timer. Allowed at any time, in the timer's own event too.
    bool stop(int id);
    bool stopAll(QObject* object);
    QList<QAbstractEventDispatcher::TimerInfo> timersOf(QObject* object) const;
    // Milliseconds, rounded up; 0 if overdue, -1 if there is no such timer.
    int remainingMs(int id) const;

    // Milliseconds until the next timer is due, rounded up; -1 if none waits. A timer whose event
    // is being handled does not wait.
    int nextDueMs() const;
    // Sends a QTimerEvent for each timer that is due, at most one for each, and none for a timer
    // whose event is being handled further up the stack. Returns how many were sent.
    int fire();

  private:
    struct Timer {
        QObject* object;
        int64_t intervalMs;
        Qt::TimerType type;
        int64_t periodNs;   // the interval as kept: full seconds for a very coarse timer
        int64_t grainNs;    // deadlines are multiples of this; 0: exact
        int64_t expectedNs; // never rounded, so that rounding does not add up
        int64_t deadlineNs; // expectedNs rounded to the grain
        uint64_t order;     // when it was queued: younger ones wait for the next turn
        bool firing;        // and therefore not queued
    };
    struct Due {
        int64_t deadlineNs;
        uint64_t order;
        int id;
        auto operator<=>(const Due&) const = default;
    };

    static void expect(Timer& timer, int64_t expectedNs, int64_t nowNs);
    void fireFirst(int64_t nowNs);

    std::pmr::unsynchronized_pool_resource m_pool;
    std::pmr::unordered_map<int, Timer> m_timers{&m_pool};
    std::pmr::set<Due> m_queue{&m_pool};
    std::pmr::set<std::pair<QObject*, int>> m_byObject{&m_pool};
    uint64_t m_lastOrder = 0;
};

} // namespace fluxion
