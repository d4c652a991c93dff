#include "bench/connection.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace fluxion::bench {

namespace {

constexpr int kOpClose = 8;
constexpr int kOpPing = 9;
constexpr timeval kSilence{30, 0};

} // namespace

Connection::Connection(Wire wire, uint16_t port, const std::string& key, const std::string& name)
    : m_wire(wire)
{
    m_socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(m_socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(m_socket);
        throw std::runtime_error("cannot connect");
    }
    const int on = 1;
    ::setsockopt(m_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(m_socket, SOL_SOCKET, SO_RCVTIMEO, &kSilence, sizeof kSilence);
    if (wire == Wire::WebSocket)
        shakeHands(key, name);
    else if (wire == Wire::Nats)
        greetNats();
}

Connection::~Connection()
{
    ::close(m_socket);
}

void Connection::shakeHands(const std::string& key, const std::string& name)
{
    send("GET /" + (name.empty() ? name : "?name=" + name) +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Authorization: Bearer " +
         key + "\r\n\r\n");
    while (m_in.find("\r\n\r\n") == std::string::npos)
        receive();
    m_at = m_in.find("\r\n\r\n") + 4;
    awaitReply();
}

void Connection::greetNats()
{
    awaitReply(); // INFO
    if (const std::string reply = ask(R"(CONNECT {"verbose":false})"); reply.starts_with('-'))
        throw std::runtime_error(reply);
}

std::string_view Connection::awaitReply()
{
    std::string_view reply;
    while (!next(reply))
        receive();
    return reply;
}

void Connection::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t n = ::send(m_socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0)
            throw std::runtime_error("the server closed a connection");
        bytes.remove_prefix(static_cast<size_t>(n));
    }
}

void Connection::receive()
{
    m_in.erase(0, m_at);
    m_at = 0;
    char buffer[65536];
    const ssize_t n = ::recv(m_socket, buffer, sizeof buffer, 0);
    if (n <= 0)
        throw std::runtime_error(n < 0 && errno == EAGAIN ? "no answer for 30 s"
                                                          : "the server closed a connection");
    m_in.append(buffer, static_cast<size_t>(n));
}

bool Connection::next(std::string_view& reply)
{
    if (m_wire == Wire::Nats)
        return nextLine(reply);
    return m_wire == Wire::WebSocket ? nextMessage(reply) : nextResp(reply);
}

bool Connection::nextMessage(std::string_view& reply)
{
    while (true) {
        const std::string_view in = std::string_view(m_in).substr(m_at);
        if (in.size() < 2)
            return false;
        uint64_t size = static_cast<unsigned char>(in[1]) & 0x7f;
        size_t head = 2;
        if (size >= 126) {
            head += size == 126 ? 2 : 8;
            if (in.size() < head)
                return false;
            size = 0;
            for (size_t i = 2; i < head; ++i)
                size = size << 8 | static_cast<unsigned char>(in[i]);
        }
        if (in.size() < head + size)
            return false;
        const bool last = static_cast<unsigned char>(in[0]) & 0x80;
        m_at += head + size;
        const int op = in[0] & 0x0f;
        if (op == kOpPing)
            continue;
        if (op == kOpClose)
            throw std::runtime_error("the server closed a connection");
        reply = in.substr(head, size);
        if (last && !m_joining)
            return true;
        m_joined = m_joining ? m_joined + std::string(reply) : std::string(reply);
        m_joining = !last;
        reply = m_joined;
        if (last)
            return true;
    }
}

// Simple strings, errors, integers, and bulk strings: what GET and SET answer.
bool Connection::nextResp(std::string_view& reply)
{
    const std::string_view in = std::string_view(m_in).substr(m_at);
    const size_t line = in.find("\r\n");
    if (line == std::string_view::npos)
        return false;
    size_t size = line + 2;
    if (in[0] == '$') {
        const long bulk = std::strtol(in.data() + 1, nullptr, 10);
        if (bulk >= 0)
            size += static_cast<size_t>(bulk) + 2;
    }
    if (in.size() < size)
        return false;
    reply = in.substr(0, size);
    m_at += size;
    return true;
}

bool Connection::nextLine(std::string_view& reply)
{
    const size_t end = m_in.find("\r\n", m_at);
    if (end == std::string::npos)
        return false;
    reply = std::string_view(m_in).substr(m_at, end - m_at);
    m_at = end + 2;
    return true;
}

std::string Connection::ask(const std::string& message, Frame frame)
{
    if (m_wire == Wire::Nats) {
        send(message + "\r\nPING\r\n");
        std::string_view line = awaitReply();
        while (line != "PONG" && !line.starts_with('-'))
            line = awaitReply();
        return std::string(line);
    }
    std::string bytes;
    Request::webSocket(frame, message).append(bytes, 0, 0);
    send(bytes);
    return std::string(awaitReply());
}

} // namespace fluxion::bench
