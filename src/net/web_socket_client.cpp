#include "net/web_socket_client.h"

#include <algorithm>
#include <utility>

#include <QTimer>

#include "net/io_loop.h"

namespace fluxion {

namespace {

// More unsent than this stops reading from the client; below half of it reading goes on.
constexpr uint64_t kPauseBytes = 2 * 1024 * 1024;
// So do more messages than this: a reply that is yet to be made has no bytes, but holds its data.
constexpr size_t kPauseMessages = 64;
// Of the loop's buffer, before others have their turn.
constexpr int kReadsPerTurn = 4;
constexpr int kBudgetRetryMs = 20;
// Without a byte taken for so long, a client with too much waiting is taken for one that does not
// read.
constexpr int64_t kNotReadingUs = 1000000;
// After a fault of the client's: it may still be sending, and a close with unread input would cost
// it our close frame.
constexpr int64_t kQuietUs = 1000000;

} // namespace

WebSocketClient::WebSocketClient(IoLoop& loop, uint64_t id, std::unique_ptr<QTcpSocket> socket,
                                 const Access& access)
    : m_loop(loop), m_id(id),
      m_transport(Transport::of(std::move(socket), *this, loop.flushQueue())),
      m_reader(loop.limits().maxMessageBytes)
{
    m_heardUs = m_pingedUs = m_progressUs = loop.service().clock.steadyUs();
    m_outbox = std::make_unique<Outbox>(*m_transport, loop.replyBudget());
    m_session = std::make_unique<Session>(loop.service(), access, id, loop.sessionThread(), *this);
}

void WebSocketClient::start(std::string_view handshake)
{
    m_transport->write(handshake);
    m_session->sendReady();
    onReadable(); // what came behind the handshake
}

void WebSocketClient::onReadable()
{
    m_heardUs = m_loop.service().clock.steadyUs();
    readFrames(); // those that came before a pause
    const std::span<char> buffer = m_loop.readBuffer();
    for (int i = 0; !m_paused && !m_gone; ++i) {
        if (i == kReadsPerTurn)
            return readSoon();
        const size_t bytes = m_transport->read(buffer.data(), buffer.size());
        m_reader.feed({buffer.data(), bytes});
        readFrames();
        if (bytes < buffer.size())
            return;
    }
}

// Once in a turn, however often it is asked for.
void WebSocketClient::readSoon()
{
    if (std::exchange(m_readQueued, true))
        return;
    m_loop.pumpSoon(*this, [this] {
        m_readQueued = false;
        onReadable();
    });
}

// Until no frame is whole, or the client has to wait.
void WebSocketClient::readFrames()
{
    while (!m_paused && !m_gone) {
        const FrameReader::Event event = m_reader.next();
        if (event.kind == FrameReader::Kind::NeedMore)
            break;
        on(event);
    }
    if (!m_gone)
        m_session->received();
}

void WebSocketClient::on(const FrameReader::Event& event)
{
    switch (event.kind) {
    case FrameReader::Kind::Message:
        if (listens())
            m_session->receive(event.frameKind, event.bytes);
        break;
    case FrameReader::Kind::Ping:
        if (m_closingUs == 0 && !overfull()) {
            m_outbox->sendControl(Outbox::Control::Pong, event.bytes);
            updatePause();
        }
        break;
    case FrameReader::Kind::Close:
        // The end of our own closing; or what it asked for before is answered, then its code goes
        // back.
        m_peerClosedUs = m_heardUs;
        if (m_closingUs != 0)
            m_transport->closeWhenSent();
        else
            closeWhenDone(event.closeCode == kCloseWithoutCode ? kCloseNormal : event.closeCode,
                          {});
        break;
    case FrameReader::Kind::Broken:
        m_broken = true;
        close(event.closeCode, std::string(event.bytes));
        break;
    case FrameReader::Kind::Pong:
    case FrameReader::Kind::NeedMore:
        break;
    }
}

void WebSocketClient::send(FrameKind kind, std::string&& message)
{
    if (m_closingUs != 0 || m_gone)
        return; // nothing may follow a close frame
    // One large reply is no fault of the client's: what counts is what waits before it.
    if (overfull())
        return;
    m_outbox->add(kind, std::move(message));
    pump();
}

// True: more waits than may, and the client was cut off.
bool WebSocketClient::overfull()
{
    if (m_outbox->pendingBytes() <= m_loop.limits().maxPendingBytes ||
        m_loop.service().clock.steadyUs() - m_progressUs < kNotReadingUs)
        return false;
    m_loop.note("a client that does not read was cut off: max-pending-bytes");
    abort();
    return true;
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
    const auto again = [this] {
        m_pumpQueued = false;
        pump();
    };
    const Outbox::Pumped pumped = m_outbox->pump();
    m_pumpQueued = pumped != Outbox::Pumped::Waiting;
    if (pumped == Outbox::Pumped::Again)
        m_loop.pumpSoon(*this, again);
    else if (pumped == Outbox::Pumped::Later)
        QTimer::singleShot(kBudgetRetryMs, this, again);
    updatePause();
    if (m_lastCode != 0)
        soon(&WebSocketClient::closeIfDone);
}

void WebSocketClient::setPaused(bool paused)
{
    m_sessionPauses = paused;
    updatePause();
}

void WebSocketClient::updatePause()
{
    if (m_gone || m_closingUs != 0)
        return;
    const uint64_t most = std::min(kPauseBytes, m_loop.limits().maxPendingBytes);
    const bool wasFull = m_full;
    m_full = m_outbox->pendingBytes() > (wasFull ? most / 2 : most) ||
             m_outbox->messages() > (wasFull ? kPauseMessages / 2 : kPauseMessages);
    if (wasFull && !m_full)
        soon(&WebSocketClient::offerRoom);
    const bool pause = m_sessionPauses || m_full;
    if (pause == m_paused)
        return;
    m_paused = pause;
    m_transport->setReading(!pause);
    m_heardUs = m_loop.service().clock.steadyUs();
    if (!pause)
        readSoon();
}

// A turn later: the session may be in the midst of a request.
void WebSocketClient::soon(void (WebSocketClient::*call)())
{
    m_loop.pumpSoon(*this, [this, call] { (this->*call)(); });
}

void WebSocketClient::offerRoom()
{
    if (!m_gone && m_closingUs == 0)
        m_session->roomToSend();
}

void WebSocketClient::onSent()
{
    m_progressUs = m_loop.service().clock.steadyUs();
    pump();
    if (!m_gone && m_closingUs == 0)
        m_session->sent();
}

void WebSocketClient::close(int code, const std::string& reason)
{
    if (m_closingUs != 0 || m_gone)
        return;
    m_closingUs = m_loop.service().clock.steadyUs();
    m_outbox->sendClose(code, reason);
    if (m_peerClosedUs != 0)
        m_transport->closeWhenSent();
    // The client's answer has to come in.
    m_paused = false;
    m_transport->setReading(true);
    readSoon();
}

void WebSocketClient::closeWhenDone(int code, std::string reason)
{
    m_lastCode = code;
    m_lastReason = std::move(reason);
    closeIfDone();
}

void WebSocketClient::closeIfDone()
{
    if (m_lastCode != 0 && m_closingUs == 0 && !m_gone && m_session->isIdle() &&
        m_outbox->messages() == 0)
        close(m_lastCode, m_lastReason);
}

void WebSocketClient::abort()
{
    m_transport->abort();
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
    closeIfDone();
    if (m_gone)
        return;
    if (m_outbox->unsentBytes() == 0)
        m_progressUs = nowUs;
    const bool stalled = nowUs - m_progressUs > limits.stallTimeoutUs;
    const bool closeUnanswered =
        (m_closingUs != 0 && nowUs - m_closingUs > limits.closeTimeoutUs) ||
        (m_peerClosedUs != 0 && nowUs - m_peerClosedUs > limits.closeTimeoutUs) ||
        (m_broken && nowUs - m_heardUs > kQuietUs);
    // While we do not read, silence says nothing.
    const int64_t silentUs = m_paused ? 0 : nowUs - m_heardUs;
    const bool silent = silentUs > limits.pingIntervalUs + limits.pongTimeoutUs;
    if (stalled || closeUnanswered || silent)
        return abort();
    if (m_closingUs == 0 && silentUs > limits.pingIntervalUs &&
        nowUs - m_pingedUs > limits.pingIntervalUs) {
        m_pingedUs = nowUs;
        m_outbox->sendControl(Outbox::Control::Ping, {});
    }
}

} // namespace fluxion
