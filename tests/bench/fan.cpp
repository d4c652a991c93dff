#include "bench/fan.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/connection.h"
#include "bench/process.h"
#include "bench/reply.h"

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

constexpr int kSilenceMs = 30000;
constexpr size_t kReadBytes = 256 * 1024;
constexpr uint64_t kWriter = UINT64_MAX;
constexpr uint64_t kTimer = UINT64_MAX - 1;

struct Write {
    uint64_t reached = 0; // subscribers that have its event
    Time::time_point ackedAt{};
    Time::time_point deliveredAt{};
};

struct Subscriber {
    explicit Subscriber(const Fan& fan) : connection(fan.wire, fan.port, fan.key)
    {
        const std::string reply = connection.ask(fan.subscribe, Frame::Text);
        if (isError(fan.wire, reply))
            throw std::runtime_error(reply);
    }
    Connection connection;
    MarkCount marks;
    uint64_t events = 0;
};

class Runner {
  public:
    explicit Runner(const Fan& fan)
        : m_fan(fan), m_acked(fan.wire == Wire::WebSocket), m_epoll(::epoll_create1(EPOLL_CLOEXEC)),
          m_timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)),
          m_writer(fan.wire, fan.port, fan.key), m_buffer(kReadBytes)
    {
        for (uint64_t i = 0; i < fan.subscribers; ++i) {
            m_subscribers.push_back(std::make_unique<Subscriber>(fan));
            watch(m_subscribers.back()->connection.socket(), i);
        }
        watch(m_writer.socket(), kWriter);
        watch(m_timer, kTimer);
    }
    ~Runner()
    {
        ::close(m_timer);
        ::close(m_epoll);
    }

    FanResult run()
    {
        const double serverCpu = m_fan.serverCpu();
        const double cpu = ownCpuSeconds();
        const auto begin = Time::now();
        const auto end = begin + std::chrono::duration_cast<Time::duration>(
                                     std::chrono::duration<double>(m_fan.seconds));
        if (m_fan.perSecond > 0)
            startTimer();
        else
            publish(m_fan.inFlight);
        while (m_publishing || m_delivered < m_writes.size() ||
               (m_acked && m_acks < m_writes.size()))
            turn(end);
        m_result.seconds = std::chrono::duration<double>(Time::now() - begin).count();
        m_result.clientCpuSeconds = ownCpuSeconds() - cpu;
        m_result.serverCpuSeconds = m_fan.serverCpu() - serverCpu;
        m_result.writes = m_writes.size();
        m_result.events = m_writes.size() * m_subscribers.size();
        for (const Write& write : m_writes) {
            const auto after = write.deliveredAt - write.ackedAt;
            if (m_acked)
                m_result.afterAckUs.push_back(
                    std::chrono::duration<double, std::micro>(after).count());
        }
        std::sort(m_result.afterAckUs.begin(), m_result.afterAckUs.end());
        return m_result;
    }

  private:
    void watch(int descriptor, uint64_t who)
    {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = who;
        ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, descriptor, &event);
    }

    void startTimer()
    {
        itimerspec every{};
        every.it_interval.tv_nsec = static_cast<long>(1e9 / m_fan.perSecond);
        every.it_value = every.it_interval;
        ::timerfd_settime(m_timer, 0, &every, nullptr);
    }

    void turn(Time::time_point end)
    {
        epoll_event events[256];
        const int n = ::epoll_wait(m_epoll, events, 256, kSilenceMs);
        if (n <= 0)
            throw std::runtime_error("no event for 30 s");
        m_publishing = m_publishing && Time::now() < end;
        for (int i = 0; i < n; ++i) {
            const uint64_t who = events[i].data.u64;
            if (who == kTimer)
                tick();
            else if (who == kWriter)
                readAcks();
            else
                readEvents(*m_subscribers[who]);
        }
        if (m_publishing && m_fan.perSecond <= 0)
            publish(m_fan.inFlight - (m_writes.size() - m_delivered));
    }

    void tick()
    {
        uint64_t times = 0;
        if (::read(m_timer, &times, sizeof times) == sizeof times && m_publishing)
            publish(times);
        if (m_publishing)
            return;
        const itimerspec never{};
        ::timerfd_settime(m_timer, 0, &never, nullptr);
    }

    void publish(uint64_t count)
    {
        if (count == 0)
            return;
        m_out.clear();
        for (uint64_t i = 0; i < count; ++i) {
            m_fan.publish->append(m_out, 0, m_writes.size());
            m_writes.emplace_back();
        }
        m_writer.send(m_out);
    }

    void readAcks()
    {
        m_writer.receive();
        const auto now = Time::now();
        std::string_view reply;
        while (m_writer.next(reply)) {
            if (isError(m_fan.wire, reply))
                throw std::runtime_error(std::string(reply));
            if (!m_acked)
                continue;
            const uint64_t number = idOf(reply);
            if (number >= m_writes.size() || m_writes[number].ackedAt != Time::time_point())
                answersNothing(reply);
            m_writes[number].ackedAt = now;
            ++m_acks;
        }
    }

    // The n-th event of a subscriber is that of the n-th write.
    void readEvents(Subscriber& subscriber)
    {
        const ssize_t n =
            ::recv(subscriber.connection.socket(), m_buffer.data(), m_buffer.size(), 0);
        if (n <= 0)
            throw std::runtime_error("the server closed the connection of a subscriber");
        const auto now = Time::now();
        const uint64_t from = subscriber.events;
        subscriber.events += subscriber.marks.of({m_buffer.data(), static_cast<size_t>(n)});
        if (subscriber.events > m_writes.size())
            throw std::runtime_error("a subscriber got more events than there were writes");
        for (uint64_t i = from; i < subscriber.events; ++i) {
            if (++m_writes[i].reached < m_subscribers.size())
                continue;
            m_writes[i].deliveredAt = now;
            ++m_delivered;
        }
    }

    const Fan& m_fan;
    const bool m_acked;
    int m_epoll;
    int m_timer;
    Connection m_writer;
    std::vector<std::unique_ptr<Subscriber>> m_subscribers;
    std::vector<Write> m_writes;
    uint64_t m_delivered = 0; // writes whose event all subscribers have
    uint64_t m_acks = 0;
    bool m_publishing = true;
    std::string m_out;
    std::vector<char> m_buffer;
    FanResult m_result;
};

} // namespace

uint64_t MarkCount::of(std::string_view piece)
{
    uint64_t found = 0;
    for (size_t at = 0; at < piece.size(); ++at) {
        if (m_seen == 0) {
            at = piece.find(kMark[0], at);
            if (at == std::string_view::npos)
                break;
        }
        m_seen = piece[at] == kMark[0] ? m_seen + 1 : 0;
        if (m_seen < kMark.size())
            continue;
        m_seen = 0;
        ++found;
    }
    return found;
}

FanResult run(const Fan& fan)
{
    return Runner(fan).run();
}

} // namespace fluxion::bench
