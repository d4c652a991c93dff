#include "bench/load_client.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

double microseconds(Time::duration d)
{
    return std::chrono::duration<double, std::micro>(d).count();
}

void appendFrame(std::string& out, const std::string& payload)
{
    out += '\x82'; // binary, whole
    const uint64_t size = payload.size();
    if (size < 126) {
        out += static_cast<char>(0x80 | size);
    } else {
        const int bytes = size <= 0xffff ? 2 : 8;
        out += static_cast<char>(0x80 | (bytes == 2 ? 126 : 127));
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
            out += static_cast<char>((size >> shift) & 0xff);
    }
    out.append(4, '\0');
    out += payload;
}

// One connection and what has come on it.
class Connection {
  public:
    Connection(uint16_t port, const std::string& key)
    {
        m_socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(m_socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect");
        const int on = 1;
        ::setsockopt(m_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        send("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Authorization: Bearer " +
             key + "\r\n\r\n");
        while (m_in.find("\r\n\r\n") == std::string::npos)
            receive();
        m_in.erase(0, m_in.find("\r\n\r\n") + 4);
        std::string ready;
        while (!next(ready))
            receive();
    }
    ~Connection() { ::close(m_socket); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int socket() const { return m_socket; }

    void send(const std::string& bytes)
    {
        for (size_t done = 0; done < bytes.size();) {
            const ssize_t n =
                ::send(m_socket, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            if (n <= 0)
                throw std::runtime_error("the server closed a connection");
            done += static_cast<size_t>(n);
        }
    }

    void receive()
    {
        char buffer[65536];
        const ssize_t n = ::recv(m_socket, buffer, sizeof buffer, 0);
        if (n <= 0)
            throw std::runtime_error("the server closed a connection");
        m_in.append(buffer, static_cast<size_t>(n));
    }

    // The next whole message that has come; fragments are joined.
    bool next(std::string& message)
    {
        while (true) {
            const std::string_view in = std::string_view(m_in).substr(m_at);
            if (in.size() < 2)
                return trim();
            uint64_t size = static_cast<unsigned char>(in[1]) & 0x7f;
            size_t head = 2;
            if (size >= 126) {
                const size_t bytes = size == 126 ? 2 : 8;
                if (in.size() < 2 + bytes)
                    return trim();
                size = 0;
                for (size_t i = 0; i < bytes; ++i)
                    size = size << 8 | static_cast<unsigned char>(in[2 + i]);
                head += bytes;
            }
            if (in.size() < head + size)
                return trim();
            m_message.append(in.substr(head, size));
            m_at += head + size;
            if (static_cast<unsigned char>(in[0]) & 0x80) {
                message.swap(m_message);
                m_message.clear();
                return true;
            }
        }
    }

    uint64_t sent = 0;
    std::vector<Time::time_point> sentAt; // ring, by request number

  private:
    bool trim()
    {
        m_in.erase(0, m_at);
        m_at = 0;
        return false;
    }

    int m_socket = -1;
    std::string m_in;
    size_t m_at = 0;
    std::string m_message;
};

// The number that a reply's id carries: requests are numbered.
uint64_t idOf(const std::string& reply)
{
    const size_t at = reply.find("\"id\":\"");
    return at == std::string::npos ? 0 : std::strtoull(reply.c_str() + at + 6, nullptr, 10);
}

class Runner {
  public:
    explicit Runner(const Load& load) : m_load(load), m_epoll(::epoll_create1(EPOLL_CLOEXEC))
    {
        for (int c = 0; c < load.connections; ++c) {
            m_connections.push_back(std::make_unique<Connection>(load.port, load.key));
            m_connections.back()->sentAt.resize(static_cast<size_t>(load.inFlight) + 1);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u32 = static_cast<uint32_t>(c);
            ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, m_connections.back()->socket(), &event);
        }
    }
    ~Runner() { ::close(m_epoll); }

    LoadResult run()
    {
        const auto begin = Time::now();
        const auto end = begin + std::chrono::duration_cast<Time::duration>(
                                     std::chrono::duration<double>(m_load.seconds));
        for (int c = 0; c < m_load.connections; ++c)
            sendMore(c, m_load.inFlight);
        uint64_t open =
            static_cast<uint64_t>(m_load.connections) * static_cast<uint64_t>(m_load.inFlight);
        while (open > 0) {
            epoll_event events[256];
            const int n = ::epoll_wait(m_epoll, events, 256, 10000);
            if (n <= 0)
                throw std::runtime_error("no reply for 10 s");
            const bool more = Time::now() < end;
            for (int i = 0; i < n; ++i)
                open -= serve(static_cast<int>(events[i].data.u32), more);
        }
        m_result.seconds = std::chrono::duration<double>(Time::now() - begin).count();
        std::sort(m_latencies.begin(), m_latencies.end());
        m_result.p50Us = m_latencies[m_latencies.size() / 2];
        m_result.p99Us = m_latencies[m_latencies.size() * 99 / 100];
        return m_result;
    }

  private:
    void sendMore(int c, int count)
    {
        Connection& connection = *m_connections[static_cast<size_t>(c)];
        m_out.clear();
        for (int i = 0; i < count; ++i) {
            appendFrame(m_out, m_load.request(c, connection.sent));
            connection.sentAt[connection.sent % connection.sentAt.size()] = Time::now();
            ++connection.sent;
        }
        connection.send(m_out);
    }

    // Reads what has come; asks again as often when `more`. The requests that end for good.
    uint64_t serve(int c, bool more)
    {
        Connection& connection = *m_connections[static_cast<size_t>(c)];
        connection.receive();
        int replies = 0;
        std::string reply;
        while (connection.next(reply)) {
            const uint64_t number = idOf(reply) % connection.sentAt.size();
            m_latencies.push_back(
                static_cast<float>(microseconds(Time::now() - connection.sentAt[number])));
            ++replies;
            ++m_result.requests;
            if (m_result.error.empty() && reply.find("\"error\"") != std::string::npos)
                m_result.error = reply;
        }
        if (more && replies > 0) {
            sendMore(c, replies);
            return 0;
        }
        return static_cast<uint64_t>(replies);
    }

    const Load& m_load;
    int m_epoll;
    std::vector<std::unique_ptr<Connection>> m_connections;
    std::string m_out;
    std::vector<float> m_latencies;
    LoadResult m_result;
};

} // namespace

LoadResult run(const Load& load)
{
    return Runner(load).run();
}

std::string ask(uint16_t port, const std::string& key, const std::string& message)
{
    Connection connection(port, key);
    std::string frame;
    appendFrame(frame, message);
    connection.send(frame);
    std::string reply;
    while (!connection.next(reply))
        connection.receive();
    return reply;
}

} // namespace fluxion::bench
