#include "bench/load.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "bench/connection.h"

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

constexpr int kSilenceMs = 30000;

double cpuSeconds()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The number that a reply's id carries.
uint64_t idOf(std::string_view reply)
{
    const size_t at = reply.find("\"id\":\"");
    return at == std::string_view::npos ? 0 : std::strtoull(reply.data() + at + 6, nullptr, 10);
}

bool isError(Wire wire, std::string_view reply)
{
    return wire == Wire::Resp ? reply.starts_with('-')
                              : reply.find("\"error\":") != std::string_view::npos;
}

struct Client {
    Client(const Load& load)
        : connection(load.request->wire(), load.port, load.key), sentAt(load.inFlight + 1),
          sent(load.firstNumber), answered(load.firstNumber)
    {
    }
    Connection connection;
    std::vector<Time::time_point> sentAt; // ring, by number
    uint64_t sent;
    uint64_t answered;
};

class Runner {
  public:
    explicit Runner(const Load& load)
        : m_load(load), m_last(load.firstNumber + load.requestsEach),
          m_epoll(::epoll_create1(EPOLL_CLOEXEC))
    {
        if (load.inFlight >= load.request->distinctIds())
            throw std::runtime_error("more requests in flight than ids");
        for (uint64_t c = 0; c < load.connections; ++c) {
            m_clients.push_back(std::make_unique<Client>(load));
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = c;
            ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, m_clients.back()->connection.socket(), &event);
        }
    }
    ~Runner() { ::close(m_epoll); }

    LoadResult run()
    {
        const double cpu = cpuSeconds();
        const auto begin = Time::now();
        const auto end = begin + std::chrono::duration_cast<Time::duration>(
                                     std::chrono::duration<double>(m_load.seconds));
        for (uint64_t c = 0; c < m_load.connections; ++c)
            sendMore(c, m_load.inFlight, begin);
        while (m_open > 0) {
            epoll_event events[256];
            const int n = ::epoll_wait(m_epoll, events, 256, kSilenceMs);
            if (n <= 0)
                throw std::runtime_error("no reply for 30 s");
            const bool more = m_load.requestsEach > 0 || Time::now() < end;
            for (int i = 0; i < n; ++i)
                serve(events[i].data.u64, more);
        }
        m_result.seconds = std::chrono::duration<double>(Time::now() - begin).count();
        m_result.clientCpuSeconds = cpuSeconds() - cpu;
        std::sort(m_latenciesUs.begin(), m_latenciesUs.end());
        m_result.p50Us = m_latenciesUs[m_latenciesUs.size() / 2];
        m_result.p99Us = m_latenciesUs[m_latenciesUs.size() * 99 / 100];
        return m_result;
    }

  private:
    void sendMore(uint64_t c, uint64_t count, Time::time_point now)
    {
        Client& client = *m_clients[c];
        if (m_load.requestsEach > 0)
            count = std::min(count, m_last - client.sent);
        m_out.clear();
        for (uint64_t i = 0; i < count; ++i, ++client.sent) {
            m_load.request->append(m_out, c, client.sent);
            client.sentAt[client.sent % client.sentAt.size()] = now;
        }
        m_open += count;
        client.connection.send(m_out);
    }

    void serve(uint64_t c, bool more)
    {
        Client& client = *m_clients[c];
        client.connection.receive();
        const auto now = Time::now();
        uint64_t replies = 0;
        std::string_view reply;
        while (client.connection.next(reply)) {
            const uint64_t number =
                m_load.request->wire() == Wire::Resp ? client.answered : numberOf(client, reply);
            const auto waited = now - client.sentAt[number % client.sentAt.size()];
            m_latenciesUs.push_back(std::chrono::duration<float, std::micro>(waited).count());
            ++client.answered;
            ++replies;
            if (m_result.error.empty() && isError(m_load.request->wire(), reply))
                m_result.error = reply;
        }
        m_result.requests += replies;
        m_open -= replies;
        if (more && replies > 0)
            sendMore(c, replies, now);
    }

    // An id has fewer digits than a number: it is one of the last that were sent.
    uint64_t numberOf(const Client& client, std::string_view reply) const
    {
        const uint64_t distinct = m_load.request->distinctIds();
        const uint64_t behind = (client.sent - 1 - idOf(reply) + distinct) % distinct;
        return client.sent - 1 - std::min(behind, client.sentAt.size() - 1);
    }

    const Load& m_load;
    const uint64_t m_last;
    int m_epoll;
    std::vector<std::unique_ptr<Client>> m_clients;
    uint64_t m_open = 0;
    std::string m_out;
    std::vector<float> m_latenciesUs;
    LoadResult m_result;
};

} // namespace

LoadResult run(const Load& load)
{
    return Runner(load).run();
}

} // namespace fluxion::bench
