#include "shell/connection.h"

#include <QEventLoop>
#include <QTimer>

#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

using std::chrono::milliseconds;

constexpr quint64 kMaxAnswerBytes = quint64(1) << 30U; // what JsonReader takes

} // namespace

Connection::Connection(Endpoint endpoint, milliseconds timeout, Interrupt* interrupt)
    : m_endpoint(std::move(endpoint)), m_timeout(timeout), m_interrupt(interrupt),
      m_channel(makeChannel(m_endpoint))
{
    limitAnswers(kMaxAnswerBytes);
    connect(m_channel.get(), &Channel::received, this, &Connection::take);
    connect(m_channel.get(), &Channel::heard, this, [this] {
        m_heardAt = std::chrono::steady_clock::now();
        Q_EMIT changed();
    });
    connect(m_channel.get(), &Channel::stateChanged, this, [this] {
        m_ready &= m_channel->isUp();
        Q_EMIT changed();
    });
    if (m_interrupt)
        connect(m_interrupt, &Interrupt::arrived, this, &Connection::changed);
}

Connection::~Connection()
{
    m_channel->disconnect(this);
}

void Connection::limitAnswers(quint64 bytes)
{
    m_channel->limitMessages(bytes);
}

void Connection::take(const std::string& text)
{
    m_heardAt = std::chrono::steady_clock::now();
    m_inbox.push_back(text);
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

std::string Connection::next()
{
    std::string text = std::move(m_inbox.front());
    m_inbox.pop_front();
    m_channel->taken(text.size());
    return text;
}

Status Connection::open()
{
    if (m_ready)
        return {};
    m_channel->abort();
    m_inbox.clear();
    m_channel->open();
    const bool inTime = wait(m_timeout, [this] { return !m_inbox.empty() || !m_channel->isUp(); });
    if (m_inbox.empty()) {
        Error error = m_channel->lostError();
        if (!inTime)
            error = {Code::Timeout, interrupted()
                                        ? "cancelled"
                                        : "no answer from " + m_endpoint.shown + " within " +
                                              std::to_string(m_timeout.count() / 1000) + " s"};
        m_channel->abort();
        return error;
    }
    const std::string text = next();
    const auto parsed = m_reader.parse(text);
    if (!parsed || memberText(parsed.value(), "type") != "ready") {
        m_channel->abort();
        return {Code::Io, m_endpoint.shown + " is not a Fluxion server"};
    }
    m_log = memberText(parsed.value(), "log");
    m_ready = m_channel->isUp();
    return m_ready ? Status() : Status(m_channel->lostError());
}

Status Connection::send(std::string_view id, const Request& request)
{
    const std::string text = encodeMessage(id, request);
    // What is given here may be any bytes; the server would close the connection.
    if (!m_reader.parse(text))
        return {Code::Usage,
                "what was given, as an argument or as standard input, is not valid UTF-8"};
    if (!m_ready)
        return m_channel->lostError();
    m_channel->transmit(text);
    return {};
}

Result<Message> Connection::receive(milliseconds limit)
{
    const bool inTime = wait(limit, [this] { return !m_inbox.empty() || !m_ready; });
    if (m_inbox.empty()) {
        if (inTime)
            return m_channel->lostError();
        return {Code::Timeout, interrupted() ? "cancelled" : "no reply in time"};
    }
    Message message{next(), {}};
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
    m_channel->ping();
}

void Connection::close()
{
    m_ready = false;
    m_channel->close();
}

} // namespace fluxion::shell
