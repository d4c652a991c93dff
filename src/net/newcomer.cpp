#include "net/newcomer.h"

#include <algorithm>
#include <utility>

#include <QCryptographicHash>

#include "net/credentials.h"
#include "net/http_reply.h"
#include "net/io_loop.h"

namespace fluxion {

namespace {

constexpr std::string_view kWebSocketVersion = "13";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr qsizetype kNonceBytes = 16; // RFC 6455 section 4.1
constexpr const char* kHandshakeGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // section 1.3

bool startsLikeHttp(const QByteArray& bytes)
{
    return bytes.isEmpty() || (bytes[0] >= 'A' && bytes[0] <= 'Z');
}

bool hasGoodKey(const HttpHead& head)
{
    const auto key = head.field("Sec-WebSocket-Key");
    if (!key)
        return false;
    const auto nonce =
        QByteArray::fromBase64Encoding(QByteArray(key->data(), static_cast<qsizetype>(key->size())),
                                       QByteArray::AbortOnBase64DecodingErrors);
    return nonce && (*nonce).size() == kNonceBytes;
}

// RFC 6455 section 4.2.2. Of the subprotocols offered, ours is taken; the one that carries the key
// is not a protocol.
std::string switchingProtocols(const HttpHead& head)
{
    const std::string_view key = head.field("Sec-WebSocket-Key").value_or("");
    QByteArray accept(key.data(), static_cast<qsizetype>(key.size()));
    accept = QCryptographicHash::hash(accept + kHandshakeGuid, QCryptographicHash::Sha1).toBase64();
    std::string reply = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                        accept.toStdString() + "\r\n";
    if (offersSubprotocol(head))
        reply += "Sec-WebSocket-Protocol: " + std::string(kSubprotocol) + "\r\n";
    return reply + "\r\n";
}

// It would be read as frames.
bool hasBody(const HttpHead& head)
{
    return head.field("Content-Length").value_or("0") != "0" || head.field("Transfer-Encoding");
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
        answer(httpError(verdict.status, verdict.status == 431 ? "too_large" : "bad_request",
                         verdict.reason));
    else
        answer(httpError(400, "bad_request", "this is not an HTTP request"));
}

void Newcomer::decide(const HttpHead& head)
{
    if (head.upgradesToWebSocket)
        return upgrade(head);
    std::string reply = plainReply(head);
    if (head.method == "HEAD")
        reply.resize(reply.find(kHeadEnd) + kHeadEnd.size());
    answer(reply);
}

std::string Newcomer::plainReply(const HttpHead& head) const
{
    const bool reads = head.method == "GET" || head.method == "HEAD";
    if (reads && head.path() == "/health/live")
        return httpReply(200, "{\"status\":\"live\"}");
    if (reads && head.path() == "/health/ready") {
        if (m_loop.stopping())
            return httpReply(503, "{\"status\":\"stopping\"}");
        if (m_loop.service().engine.readOnly())
            return httpReply(503, "{\"status\":\"read_only\"}");
        return httpReply(200, "{\"status\":\"ready\"}");
    }
    if (head.path() == "/")
        return httpError(404, "not_found",
                         "this is for WebSocket clients: ws://HOST:PORT/?api-key=KEY; over plain "
                         "HTTP there are /health/live and /health/ready");
    return httpError(404, "not_found", "there is nothing at this path");
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
    if (head.method != "GET" || !hasGoodKey(head) || hasBody(head))
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
    const std::string reply = switchingProtocols(head);
    m_socket->skip(static_cast<qint64>(head.bytes)); // what is behind it are frames
    const std::optional<std::string> name = shownName(head);
    std::unique_ptr<QTcpSocket> socket(std::exchange(m_socket, nullptr));
    socket->disconnect(this);
    socket->setParent(nullptr);
    m_loop.welcome(*this, std::move(socket), *access, name, reply);
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
