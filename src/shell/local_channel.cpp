#include "shell/local_channel.h"

#include <algorithm>

#include "shell/web_channel.h"

namespace fluxion::shell {

namespace {

constexpr size_t kPieceBytes = size_t(1) << 20U;

} // namespace

std::unique_ptr<Channel> makeChannel(const Endpoint& endpoint)
{
    if (endpoint.local)
        return std::make_unique<LocalChannel>(*endpoint.local);
    return std::make_unique<WebChannel>(endpoint);
}

void LocalChannel::open()
{
    m_reason.clear();
    m_id = m_server.nextId();
    m_session = std::make_unique<Session>(m_server.service(), Access::master(), m_id,
                                          m_server.sessionThread(), *this);
    m_server.add(m_id, *m_session);
    m_session->sendReady();
}

void LocalChannel::end()
{
    if (!m_session)
        return;
    m_server.remove(m_id);
    m_session.reset();
    m_pendingBytes = 0;
}

void LocalChannel::abort()
{
    if (!m_session)
        return;
    end();
    Q_EMIT stateChanged();
}

// Not from within a call of the session.
void LocalChannel::abortSoon(std::string reason)
{
    m_reason = std::move(reason);
    QMetaObject::invokeMethod(
        this, [this] { abort(); }, Qt::QueuedConnection);
}

void LocalChannel::transmit(const std::string& message)
{
    if (!m_session)
        return;
    m_session->receive(FrameKind::Binary, message);
    m_session->received();
    m_server.flush();
}

void LocalChannel::ping()
{
    QMetaObject::invokeMethod(
        this, [this] { Q_EMIT heard(); }, Qt::QueuedConnection);
}

void LocalChannel::taken(size_t bytes)
{
    m_pendingBytes -= std::min<uint64_t>(bytes, m_pendingBytes);
    QMetaObject::invokeMethod(
        this,
        [this] {
            if (m_session)
                m_session->sent();
        },
        Qt::QueuedConnection);
}

Error LocalChannel::lostError() const
{
    return {Code::Io, m_reason.empty() ? "the folder is closed" : m_reason};
}

void LocalChannel::send(FrameKind, std::string&& message)
{
    if (message.size() > m_maxBytes)
        return abortSoon("an answer was too large");
    m_pendingBytes += message.size();
    Q_EMIT received(message);
}

void LocalChannel::stream(FrameKind kind, std::unique_ptr<ReplyStream> reply)
{
    std::string message;
    while (reply->produce(message, kPieceBytes))
        continue;
    send(kind, std::move(message));
}

void LocalChannel::close(int, const std::string& reason)
{
    abortSoon(reason);
}

} // namespace fluxion::shell
