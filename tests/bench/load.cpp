#include "bench/load.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <sys/epoll.h>
#include <unistd.h>
#include <vector>

#include "bench/connection.h"
#include "bench/process.h"
#include "bench/reply.h"

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

constexpr int kSilenceMs = 30000;
// Replies may overtake each other: a request may wait for its own while so many times `inFlight`
// others are sent.
constexpr uint64_t kOvertaking = 8;

struct Sent {
    Time::time_point at;
    bool open = false;
};

struct Client {
    Client(const Load& load)
        : connection(load.requests.front()->wire(), load.port, load.key),
          ring(load.inFlight * kOvertaking), sent(load.firstNumber), answered(load.firstNumber)
    {
    }
    Connection connection;
    std::vector<Sent> ring; // by number
    uint64_t sent;
    uint64_t answered;
};

class Runner {
  public:
    explicit Runner(const Load& load)
        : m_load(load), m_last(load.firstNumber + load.requestsEach),
          m_epoll(::epoll_create1(EPOLL_CLOEXEC))
    {
        if (load.inFlight * kOvertaking >= load.requests.front()->distinctIds())
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
        const double serverCpu = m_load.serverCpu();
        const double cpu = ownCpuSeconds();
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
        m_result.clientCpuSeconds = ownCpuSeconds() - cpu;
        m_result.serverCpuSeconds = m_load.serverCpu() - serverCpu;
        std::sort(m_latenciesUs.begin(), m_latenciesUs.end());
        m_result.p50Us = m_latenciesUs[m_latenciesUs.size() / 2];
        m_result.p95Us = m_latenciesUs[m_latenciesUs.size() * 95 / 100];
        m_result.p99Us = m_latenciesUs[m_latenciesUs.size() * 99 / 100];
        m_result.longestUs = m_latenciesUs.back();
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
            m_load.requests[client.sent % m_load.requests.size()]->append(m_out, c, client.sent);
            Sent& sent = client.ring[client.sent % client.ring.size()];
            if (sent.open)
                throw std::runtime_error("a request was left without its reply");
            sent = {now, true};
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
            if (isError(m_load.requests.front()->wire(), reply))
                throw std::runtime_error(std::string(reply));
            Sent& sent = requestOf(client, reply);
            if (!sent.open)
                answersNothing(reply);
            sent.open = false;
            const auto waited = now - sent.at;
            m_latenciesUs.push_back(std::chrono::duration<float, std::micro>(waited).count());
            ++client.answered;
            ++replies;
        }
        m_result.requests += replies;
        m_open -= replies;
        if (more && replies > 0)
            sendMore(c, replies, now);
    }

    // RESP answers in order. An id has fewer digits than a number: it is one of the last sent.
    Sent& requestOf(Client& client, std::string_view reply) const
    {
        uint64_t number = client.answered;
        if (m_load.requests.front()->wire() == Wire::WebSocket) {
            const uint64_t distinct = m_load.requests.front()->distinctIds();
            const uint64_t id = idOf(reply);
            const uint64_t behind = (client.sent + distinct - 1 - id) % distinct;
            if (id >= distinct || behind >= client.ring.size() || behind >= client.sent)
                answersNothing(reply);
            number = client.sent - 1 - behind;
        }
        return client.ring[number % client.ring.size()];
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
