#include "shell/connection.h"

#include <QEventLoop>
#include <QNetworkRequest>
#include <QSslConfiguration>
#include <QTimer>

#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

using std::chrono::milliseconds;

constexpr quint64 kMaxAnswerBytes = quint64(1) << 30U; // what JsonReader takes

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

Connection::Connection(Endpoint endpoint, milliseconds timeout, Interrupt* interrupt)
    : m_endpoint(std::move(endpoint)), m_timeout(timeout), m_interrupt(interrupt)
{
    limitAnswers(kMaxAnswerBytes);
    connect(&m_socket, &QWebSocket::textMessageReceived, this,
            [this](const QString& text) { take(text.toStdString()); });
    connect(&m_socket, &QWebSocket::binaryMessageReceived, this,
            [this](const QByteArray& bytes) { take(bytes.toStdString()); });
    connect(&m_socket, &QWebSocket::pong, this, [this] {
        m_heardAt = std::chrono::steady_clock::now();
        Q_EMIT changed();
    });
    connect(&m_socket, &QWebSocket::stateChanged, this, [this](QAbstractSocket::SocketState state) {
        if (state == QAbstractSocket::UnconnectedState)
            m_ready = false;
        Q_EMIT changed();
    });
    if (m_interrupt)
        connect(m_interrupt, &Interrupt::arrived, this, &Connection::changed);
}

Connection::~Connection()
{
    m_socket.disconnect(this);
    close();
}

void Connection::limitAnswers(quint64 bytes)
{
    m_socket.setMaxAllowedIncomingMessageSize(bytes);
    m_socket.setMaxAllowedIncomingFrameSize(bytes);
}

void Connection::take(std::string text)
{
    m_heardAt = std::chrono::steady_clock::now();
    m_inbox.push_back(std::move(text));
    Q_EMIT changed();
}

bool Connection::wait(milliseconds limit, const std::function<bool()>& done)
{
    QEventLoop loop;
    QTimer timer;
    bool late = false;
    timer.setSingleShot(true);
    connect(&timer, &QTimer::timeout, &loop, [&] {
        late = true;
        loop.quit();
    });
    connect(this, &Connection::changed, &loop, &QEventLoop::quit);
    // A timer of Qt counts in 32 bits; whoever waits for longer than 24 days waits again.
    timer.start(std::min(limit, milliseconds(INT32_MAX)));
    while (!done()) {
        if (late || interrupted())
            return false;
        loop.exec();
    }
    return true;
}

bool Connection::isConnecting() const
{
    return m_socket.state() != QAbstractSocket::UnconnectedState;
}

Status Connection::open()
{
    if (m_ready)
        return {};
    m_socket.abort();
    m_inbox.clear();
    QNetworkRequest request(m_endpoint.url);
    if (!m_endpoint.key.isEmpty())
        request.setRawHeader("Authorization", "Bearer " + m_endpoint.key);
    if (!m_endpoint.authorities.isEmpty()) {
        QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
        tls.addCaCertificates(m_endpoint.authorities);
        m_socket.setSslConfiguration(tls);
    }
    m_socket.open(request);
    const bool inTime = wait(m_timeout, [this] { return !m_inbox.empty() || !isConnecting(); });
    if (m_inbox.empty()) {
        Error error = lostError();
        if (!inTime)
            error = {Code::Timeout, interrupted()
                                        ? "cancelled"
                                        : "no answer from " + m_endpoint.shown + " within " +
                                              std::to_string(m_timeout.count() / 1000) + " s"};
        m_socket.abort();
        return error;
    }
    const std::string text = std::move(m_inbox.front());
    m_inbox.pop_front();
    const auto parsed = m_reader.parse(text);
    if (!parsed || memberText(parsed.value(), "type") != "ready") {
        m_socket.abort();
        return {Code::Io, m_endpoint.shown + " is not a Fluxion server"};
    }
    m_log = memberText(parsed.value(), "log");
    m_ready = isConnecting();
    return m_ready ? Status() : Status(lostError());
}

Error Connection::lostError() const
{
    const int code = m_socket.closeCode();
    const std::string reason = m_socket.closeReason().toStdString();
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

Status Connection::send(std::string_view id, const Request& request)
{
    const std::string text = encodeMessage(id, request);
    // What comes from a command line may be any bytes; the server would close the connection.
    if (!m_reader.parse(text))
        return {Code::Usage, "an argument is not valid UTF-8"};
    if (!m_ready)
        return lostError();
    m_socket.sendBinaryMessage(QByteArray::fromStdString(text));
    return {};
}

Result<Message> Connection::receive(milliseconds limit)
{
    const bool inTime = wait(limit, [this] { return !m_inbox.empty() || !m_ready; });
    if (m_inbox.empty()) {
        if (inTime)
            return lostError();
        return {Code::Timeout, interrupted() ? "cancelled" : "no reply in time"};
    }
    Message message{std::move(m_inbox.front()), {}};
    m_inbox.pop_front();
    const auto parsed = m_reader.parse(message.text);
    if (!parsed || !parsed.value().isObject())
        return {Code::Io, m_endpoint.shown + " sent what is not a message"};
    message.value = parsed.value();
    return message;
}

Result<Message> Connection::call(const Request& request)
{
    const std::string id = std::to_string(++m_lastId);
    if (Status status = send(id, request); !status)
        return status.error();
    const auto deadline = std::chrono::steady_clock::now() + m_timeout;
    for (;;) {
        const auto left =
            std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
        auto message = receive(std::max(left, milliseconds(0)));
        if (!message) {
            if (message.error().code != Code::Timeout)
                return message.error();
            return {Code::Timeout, message.error().text + ": whether it was done is not known"};
        }
        if (memberText(message.value().value, "id") == id)
            return message;
    }
}

void Connection::ping()
{
    m_socket.ping();
}

void Connection::close()
{
    m_ready = false;
    if (m_socket.state() == QAbstractSocket::ConnectedState)
        m_socket.close();
}

} // namespace fluxion::shell
