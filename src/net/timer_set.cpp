#include "net/timer_set.h"

#include <QCoreApplication>
#include <QTimerEvent>
#include <algorithm>
#include <chrono>
#include <climits>

namespace fluxion {

namespace {

constexpr int64_t kNsPerMs = 1000000;
constexpr int64_t kMsPerSecond = 1000;
constexpr int64_t kCoarseFromMs = 20;        // 5 % of less is below a millisecond
constexpr int64_t kVeryCoarseFromMs = 20000; // 5 % of more is above a second
constexpr int64_t kGrainsMs[] = {1000, 500, 250, 100, 50, 25, 10, 5, 2};

int64_t steadyNs()
{
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

int ceilMs(int64_t ns)
{
    return ns <= 0 ? 0 : int(std::min<int64_t>((ns + kNsPerMs - 1) / kNsPerMs, INT_MAX));
}

// The coarsest grain that moves a deadline by at most 5 % of the interval: the coarser, the more
// timers share one wake-up of the thread.
int64_t coarseGrainNs(int64_t intervalMs)
{
    for (const int64_t grainMs : kGrainsMs)
        if (grainMs * 10 <= intervalMs)
            return grainMs * kNsPerMs;
    return 0;
}

} // namespace

void TimerSet::expect(Timer& timer, int64_t expectedNs, int64_t nowNs)
{
    timer.expectedNs = expectedNs;
    timer.deadlineNs = expectedNs;
    if (timer.grainNs > 0) {
        const int64_t rounded = expectedNs + timer.grainNs / 2;
        timer.deadlineNs = std::max(nowNs, rounded - rounded % timer.grainNs);
    }
}

void TimerSet::start(int id, int64_t intervalMs, Qt::TimerType type, QObject* object)
{
    stop(id);
    intervalMs = std::clamp<int64_t>(intervalMs, 0, kMaxIntervalMs);
    Timer timer{object, intervalMs, type, intervalMs * kNsPerMs, 0, 0, 0, ++m_lastOrder, false};
    const bool veryCoarse =
        type == Qt::VeryCoarseTimer || (type == Qt::CoarseTimer && intervalMs >= kVeryCoarseFromMs);
    if (veryCoarse && intervalMs > 0) {
        const int64_t seconds = std::max<int64_t>(1, (intervalMs + 500) / kMsPerSecond);
        timer.periodNs = seconds * kMsPerSecond * kNsPerMs;
        timer.grainNs = kMsPerSecond * kNsPerMs;
    } else if (type == Qt::CoarseTimer && intervalMs > kCoarseFromMs) {
        timer.grainNs = coarseGrainNs(intervalMs);
    }
    const int64_t nowNs = steadyNs();
    expect(timer, nowNs + timer.periodNs, nowNs);
    m_timers.insert_or_assign(id, timer);
    m_queue.insert({timer.deadlineNs, timer.order, id});
    m_byObject.insert({object, id});
}

bool TimerSet::stop(int id)
{
    const auto it = m_timers.find(id);
    if (it == m_timers.end())
        return false;
    const Timer& timer = it->second;
    if (!timer.firing)
        m_queue.erase({timer.deadlineNs, timer.order, id});
    m_byObject.erase({timer.object, id});
    m_timers.erase(it);
    return true;
}

bool TimerSet::stopAll(QObject* object)
{
    bool any = false;
    for (;;) {
        const auto it = m_byObject.lower_bound({object, INT_MIN});
        if (it == m_byObject.end() || it->first != object)
            return any;
        any = stop(it->second);
    }
}

QList<QAbstractEventDispatcher::TimerInfo> TimerSet::timersOf(QObject* object) const
{
    QList<QAbstractEventDispatcher::TimerInfo> list;
    auto it = m_byObject.lower_bound({object, INT_MIN});
    for (; it != m_byObject.end() && it->first == object; ++it) {
        const Timer& timer = m_timers.at(it->second);
        const int intervalMs = int(std::min<int64_t>(timer.intervalMs, INT_MAX));
        list.append(QAbstractEventDispatcher::TimerInfo(it->second, intervalMs, timer.type));
    }
    return list;
}

int TimerSet::remainingMs(int id) const
{
    const auto it = m_timers.find(id);
    return it == m_timers.end() ? -1 : ceilMs(it->second.deadlineNs - steadyNs());
}

int TimerSet::nextDueMs() const
{
    return m_queue.empty() ? -1 : ceilMs(m_queue.begin()->deadlineNs - steadyNs());
}

int TimerSet::fire()
{
    if (m_queue.empty())
        return 0;
    const int64_t nowNs = steadyNs();
    const uint64_t lastOrder = m_lastOrder;
    int fired = 0;
    while (!m_queue.empty()) {
        const Due& first = *m_queue.begin();
        if (first.deadlineNs > nowNs || first.order > lastOrder)
            break;
        fireFirst(nowNs);
        ++fired;
    }
    return fired;
}

void TimerSet::fireFirst(int64_t nowNs)
{
    auto node = m_queue.extract(m_queue.begin());
    const auto [deadlineNs, order, id] = node.value();
    Timer& timer = m_timers.at(id);
    // As in Qt's own dispatchers: a timer less than one period late keeps its phase.
    const int64_t nextNs = timer.expectedNs + timer.periodNs;
    expect(timer, nextNs < nowNs ? nowNs + timer.periodNs : nextNs, nowNs);
    timer.firing = true;

    QTimerEvent event(id);
    QCoreApplication::sendEvent(timer.object, &event);

    // Stopped meanwhile? A timer started since under the same id has another order.
    const auto it = m_timers.find(id);
    if (it == m_timers.end() || it->second.order != order)
        return;
    it->second.firing = false;
    it->second.order = ++m_lastOrder;
    node.value() = {it->second.deadlineNs, it->second.order, id};
    m_queue.insert(std::move(node));
}

} // namespace fluxion
