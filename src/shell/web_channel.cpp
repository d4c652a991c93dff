#include "shell/web_channel.h"

#include <QNetworkRequest>
#include <QSslConfiguration>

namespace fluxion::shell {

namespace {

// WebSocket close codes that say more than that the connection is gone (RFC 6455, section 7.4).
constexpr int kCloseTooLarge = 1009;
constexpr int kCloseUnauthorized = 4401;

// QWebSocket tells the status of a refused upgrade in the text of its error only: 6.4 says the
// number, 6.8 looks for a challenge first.
bool saysUnauthorized(const QString& text)
{
    return text.contains(QStringLiteral("status code: 401")) ||
           text.contains(QStringLiteral("WWW-Authenticate")) ||
           text.contains(QStringLiteral("requires authentication"));
}

} // namespace

WebChannel::WebChannel(Endpoint endpoint) : m_endpoint(std::move(endpoint))
{
    connect(&m_socket, &QWebSocket::textMessageReceived, this,
            [this](const QString& text) { Q_EMIT received(text.toStdString()); });
    connect(&m_socket, &QWebSocket::binaryMessageReceived, this,
            [this](const QByteArray& bytes) { Q_EMIT received(bytes.toStdString()); });
    connect(&m_socket, &QWebSocket::pong, this, &Channel::heard);
    connect(&m_socket, &QWebSocket::aboutToClose, this, [this] { m_closed = true; });
    connect(&m_socket, &QWebSocket::stateChanged, this, &Channel::stateChanged);
}

WebChannel::~WebChannel()
{
    m_socket.disconnect(this);
    close();
}

void WebChannel::open()
{
    QNetworkRequest request(m_endpoint.url);
    if (!m_endpoint.key.isEmpty())
        request.setRawHeader("Authorization", "Bearer " + m_endpoint.key);
    if (!m_endpoint.authorities.isEmpty()) {
        QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
        tls.addCaCertificates(m_endpoint.authorities);
        m_socket.setSslConfiguration(tls);
    }
    m_closed = false;
    m_socket.open(request);
}

bool WebChannel::isUp() const
{
    return m_socket.state() != QAbstractSocket::UnconnectedState;
}

void WebChannel::transmit(const std::string& message)
{
    m_socket.sendBinaryMessage(QByteArray::fromStdString(message));
}

void WebChannel::ping()
{
    m_socket.ping();
}

void WebChannel::close()
{
    if (m_socket.state() == QAbstractSocket::ConnectedState)
        m_socket.close();
}

void WebChannel::abort()
{
    m_socket.abort();
}

void WebChannel::limitMessages(quint64 bytes)
{
    m_socket.setMaxAllowedIncomingMessageSize(bytes);
    m_socket.setMaxAllowedIncomingFrameSize(bytes);
}

Error WebChannel::lostError() const
{
    const int code = m_closed ? m_socket.closeCode() : 0;
    const std::string reason = m_closed ? m_socket.closeReason().toStdString() : "";
    const QString text = m_socket.errorString();
    if (code == kCloseUnauthorized || saysUnauthorized(text))
        return {Code::Unauthorized,
                m_endpoint.shown + " does not accept the key" +
                    (m_endpoint.key.isEmpty() ? ": none was given (FLUXION_KEY or --key)" : "")};
    if (code == kCloseTooLarge)
        return {Code::Io, "the connection was closed: a message was too large"};
    if (!reason.empty())
        return {Code::Io, m_endpoint.shown + " closed the connection: " + reason};
    return {Code::Io, "no connection to " + m_endpoint.shown + ": " + text.toStdString()};
}

} // namespace fluxion::shell
