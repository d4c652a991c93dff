#include "net/web_socket_client.h"

#include <algorithm>

#include <QSslSocket>

#include "net/io_loop.h"

namespace fluxion {

namespace {

// More unsent than this stops reading from the client; below half of it reading goes on.
constexpr uint64_t kPauseBytes = 2 * 1024 * 1024;

} // namespace

WebSocketClient::WebSocketClient(IoLoop& loop, uint64_t id, QWebSocket* webSocket,
                                 QTcpSocket* socket, const Access& access)
    : m_loop(loop), m_id(id), m_webSocket(webSocket), m_socket(socket)
{
    m_heardUs = m_pingedUs = m_progressUs = loop.service().clock.steadyUs();
    webSocket->setParent(this);
    socket->setParent(webSocket); // or closing with unsent data leaks it
    webSocket->setMaxAllowedIncomingFrameSize(loop.limits().maxMessageBytes);
    webSocket->setMaxAllowedIncomingMessageSize(loop.limits().maxMessageBytes);
    m_outbox = std::make_unique<Outbox>(*socket, loop.replyBudget());
    m_session = std::make_unique<Session>(loop.service(), access, id, loop, loop.reader(), *this);
    connect(webSocket, &QWebSocket::textMessageReceived, this, [this](const QString& text) {
        const QByteArray bytes = text.toUtf8();
        m_session->receive(FrameKind::Text, bytes.toStdString());
    });
    connect(webSocket, &QWebSocket::binaryMessageReceived, this, [this](const QByteArray& bytes) {
        m_session->receive(FrameKind::Binary, bytes.toStdString());
    });
    connect(webSocket, &QWebSocket::disconnected, this, &WebSocketClient::leave);
    connect(socket, &QTcpSocket::readyRead, this, &WebSocketClient::heard);
    connect(socket, &QTcpSocket::bytesWritten, this, &WebSocketClient::onProgress);
    if (auto* tls = qobject_cast<QSslSocket*>(socket))
        connect(tls, &QSslSocket::encryptedBytesWritten, this, &WebSocketClient::onProgress);
}

WebSocketClient::~WebSocketClient()
{
    m_socket->disconnect(this);
    m_webSocket->disconnect(this);
}

void WebSocketClient::send(FrameKind kind, std::string message)
{
    if (m_closingUs != 0 || m_gone)
        return; // nothing may follow a close frame
    m_outbox->add(kind, std::move(message));
    if (m_outbox->pendingBytes() > m_loop.limits().maxPendingBytes) {
        m_loop.note("a client that does not read was cut off");
        abort();
        return;
    }
    pump();
}

void WebSocketClient::stream(FrameKind kind, std::unique_ptr<ReplyStream> reply)
{
    if (m_closingUs != 0 || m_gone)
        return;
    m_outbox->add(kind, std::move(reply));
    pump();
}

void WebSocketClient::pump()
{
    if (m_gone || m_pumpQueued || m_closingUs != 0)
        return;
    if (m_outbox->pump() == Outbox::Pumped::Again) {
        m_pumpQueued = true;
        m_loop.pumpSoon(*this, [this] {
            m_pumpQueued = false;
            pump();
        });
    }
    updatePause();
}

void WebSocketClient::setPaused(bool paused)
{
    m_sessionPauses = paused;
    updatePause();
}

// A read buffer of one byte stops QWebSocket, and then the kernel stops the client.
void WebSocketClient::updatePause()
{
    const uint64_t pending = m_outbox->pendingBytes();
    const bool pause = m_sessionPauses || pending > (m_paused ? kPauseBytes / 2 : kPauseBytes);
    if (pause == m_paused || m_gone)
        return;
    m_paused = pause;
    m_heardUs = m_loop.service().clock.steadyUs();
    m_socket->setReadBufferSize(pause ? 1 : 0);
}

void WebSocketClient::heard()
{
    m_heardUs = m_loop.service().clock.steadyUs();
}

void WebSocketClient::onProgress()
{
    m_progressUs = m_loop.service().clock.steadyUs();
    pump();
}

void WebSocketClient::close(int code, const std::string& reason)
{
    if (m_closingUs != 0 || m_gone)
        return;
    m_closingUs = m_loop.service().clock.steadyUs();
    m_webSocket->close(static_cast<QWebSocketProtocol::CloseCode>(code),
                       QString::fromStdString(reason));
}

void WebSocketClient::abort()
{
    m_webSocket->abort();
    leave();
}

void WebSocketClient::leave()
{
    if (m_gone)
        return;
    m_gone = true;
    m_loop.forget(*this);
}

void WebSocketClient::tick(int64_t nowUs)
{
    const NetLimits& limits = m_loop.limits();
    m_session->tick();
    if (m_outbox->unsentBytes() == 0)
        m_progressUs = nowUs;
    const bool stalled = nowUs - m_progressUs > limits.stallTimeoutUs;
    const bool closeUnanswered = m_closingUs != 0 && nowUs - m_closingUs > limits.closeTimeoutUs;
    // While we do not read, silence says nothing.
    const int64_t silentUs = m_paused ? 0 : nowUs - m_heardUs;
    const bool silent = silentUs > limits.pingIntervalUs + limits.pongTimeoutUs;
    if (stalled || closeUnanswered || silent)
        return abort();
    if (silentUs > limits.pingIntervalUs && nowUs - m_pingedUs > limits.pingIntervalUs) {
        m_pingedUs = nowUs;
        m_webSocket->ping();
    }
}

} // namespace fluxion
