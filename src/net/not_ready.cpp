#include "net/not_ready.h"

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_head.h"
#include "net/http_reply.h"

namespace fluxion {

namespace {

constexpr size_t kMaxGuests = 256; // the others wait in the kernel

std::string replyTo(std::string_view request, std::string_view json, std::string_view text)
{
    const HeadVerdict verdict = readHead(request);
    if (verdict.kind != HeadVerdict::Kind::Head)
        return httpError(400, "bad_request", "this is not an HTTP request");
    std::string reply;
    if (verdict.head.path() == "/health/live")
        reply = httpReply(200, "{\"status\":\"live\"}");
    else if (verdict.head.path() == "/health/ready")
        reply = httpReply(503, json);
    else
        reply = httpError(503, "busy", text, "Retry-After: 1\r\n");
    if (verdict.head.method == "HEAD")
        reply.resize(reply.find("\r\n\r\n") + 4);
    return reply;
}

} // namespace

NotReady::~NotReady()
{
    for (const Guest& guest : m_guests)
        ::close(guest.socket);
}

void NotReady::accept()
{
    while (m_guests.size() < kMaxGuests) {
        const int socket = ::accept4(m_listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0)
            return;
        m_guests.push_back({socket, {}, false});
    }
}

bool NotReady::serve(Guest& guest, std::string_view json, std::string_view text)
{
    char bytes[4096];
    for (;;) {
        const ssize_t got = ::recv(guest.socket, bytes, sizeof bytes, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
            return true; // it has left
        if (got < 0)
            return false;
        if (guest.answered)
            continue; // closed with bytes unread, the answer would be lost
        guest.head.append(bytes, static_cast<size_t>(got));
        size_t searched = 0;
        if (!headIsWhole(guest.head, searched) && guest.head.size() <= kMaxHeadBytes)
            continue;
        const std::string reply = replyTo(guest.head, json, text);
        // A fresh socket has room for so little.
        (void)!::send(guest.socket, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        ::shutdown(guest.socket, SHUT_WR);
        guest.answered = true;
        guest.head.clear();
    }
}

void NotReady::answer(std::string_view json, std::string_view text)
{
    accept();
    m_guests.remove_if([&](Guest& guest) {
        if (!serve(guest, json, text))
            return false;
        ::close(guest.socket);
        return true;
    });
}

} // namespace fluxion
