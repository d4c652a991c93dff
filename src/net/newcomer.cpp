#include "net/newcomer.h"

#include <algorithm>

#include "net/credentials.h"
#include "net/http_reply.h"
#include "net/io_loop.h"

namespace fluxion {

namespace {

constexpr std::string_view kWebSocketVersion = "13";

bool startsLikeHttp(const QByteArray& bytes)
{
    return bytes.isEmpty() || (bytes[0] >= 'A' && bytes[0] <= 'Z');
}

} // namespace

Newcomer::Newcomer(IoLoop& loop, uint64_t id, QTcpSocket* socket)
    : m_loop(loop), m_id(id), m_socket(socket), m_sinceUs(loop.service().clock.steadyUs())
{
    socket->setParent(this);
    connect(socket, &QTcpSocket::readyRead, this, &Newcomer::onReadyRead);
    connect(socket, &QTcpSocket::disconnected, this, &Newcomer::leave);
}

void Newcomer::onReadyRead()
{
    if (m_answered) {
        m_socket->readAll(); // its close must not cost it our answer
        return;
    }
    const QByteArray bytes = m_socket->peek(kMaxHeadBytes + 1);
    const std::string_view view(bytes.constData(), static_cast<size_t>(bytes.size()));
    if (!startsLikeHttp(bytes))
        return answer(httpError(400, "bad_request", "this is not an HTTP request"));
    if (!headIsWhole(view, m_searched) && view.size() <= kMaxHeadBytes)
        return;
    const HeadVerdict verdict = readHead(view);
    if (verdict.kind == HeadVerdict::Kind::Head)
        decide(verdict.head);
    else if (verdict.kind == HeadVerdict::Kind::Refused)
        answer(httpError(verdict.status, "bad_request", verdict.reason));
    else
        answer(httpError(431, "too_large", "the request head is too large"));
}

void Newcomer::decide(const HttpHead& head)
{
    if (head.upgradesToWebSocket)
        return upgrade(head);
    const bool reads = head.method == "GET" || head.method == "HEAD";
    if (reads && head.path() == "/health/live")
        return answer(httpReply(200, "{\"status\":\"live\"}"));
    if (reads && head.path() == "/health/ready") {
        if (m_loop.stopping())
            return answer(httpReply(503, "{\"status\":\"stopping\"}"));
        if (m_loop.service().engine.readOnly())
            return answer(httpReply(503, "{\"status\":\"read_only\"}"));
        return answer(httpReply(200, "{\"status\":\"ready\"}"));
    }
    answer(httpError(404, "not_found", "there is nothing at this path"));
}

std::string Newcomer::refusal(const HttpHead& head, std::optional<Access>& access) const
{
    if (head.path() != "/")
        return httpError(404, "not_found", "there is nothing at this path");
    for (const std::string& key : shownKeys(head)) {
        access = m_loop.service().authenticator.authenticate(key);
        if (access)
            break;
    }
    if (!access)
        return httpError(401, "unauthorized", "the API key is missing or not known");
    const auto& allowed = m_loop.limits().allowedOrigins;
    const auto origin = head.field("Origin");
    if (!allowed.empty() && origin &&
        std::find(allowed.begin(), allowed.end(), *origin) == allowed.end())
        return httpError(403, "forbidden", "this origin is not allowed");
    if (head.method != "GET" || !head.field("Sec-WebSocket-Key"))
        return httpError(400, "bad_request", "this is not a WebSocket handshake");
    if (head.field("Sec-WebSocket-Version") != kWebSocketVersion)
        return httpError(426, "bad_request", "WebSocket version 13 is needed",
                         "Sec-WebSocket-Version: 13\r\n");
    if (m_loop.stopping())
        return httpError(503, "busy", "the server is stopping");
    return {};
}

void Newcomer::upgrade(const HttpHead& head)
{
    std::optional<Access> access;
    if (const std::string reply = refusal(head, access); !reply.empty())
        return answer(reply);
    // Connected slots would be called again from inside handleConnection().
    QTcpSocket* const socket = m_socket;
    m_socket = nullptr;
    socket->disconnect(this);
    socket->setParent(nullptr);
    m_loop.welcome(*this, socket, *access, shownName(head));
}

void Newcomer::answer(const std::string& reply)
{
    m_answered = true;
    m_answeredUs = m_loop.service().clock.steadyUs();
    m_socket->readAll();
    m_socket->write(reply.data(), static_cast<qint64>(reply.size()));
    m_socket->disconnectFromHost();
}

void Newcomer::abort()
{
    m_socket->abort();
    leave();
}

void Newcomer::leave()
{
    m_loop.forget(*this);
}

void Newcomer::tick(int64_t nowUs)
{
    if (m_answered) {
        if (nowUs - m_answeredUs > m_loop.limits().closeTimeoutUs)
            abort();
    } else if (nowUs - m_sinceUs > m_loop.limits().headTimeoutUs) {
        answer(httpError(408, "timeout", "the request head did not come in time"));
    }
}

} // namespace fluxion
