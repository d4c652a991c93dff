#include "net/plain_transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "base/release.h"

namespace fluxion {

namespace {

constexpr size_t kKeptBytes = 64 * 1024; // of room, between replies

bool mustWait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

} // namespace

PlainTransport::PlainTransport(int descriptor, std::string received, Listener& listener,
                               FlushQueue& flushes)
    : m_descriptor(descriptor), m_received(std::move(received)), m_listener(listener),
      m_flushes(flushes)
{
    if (descriptor < 0)
        return;
    m_readNotifier = std::make_unique<QSocketNotifier>(descriptor, QSocketNotifier::Read);
    QObject::connect(m_readNotifier.get(), &QSocketNotifier::activated,
                     [this] { m_listener.onReadable(); });
}

PlainTransport::~PlainTransport()
{
    close();
    m_flushes.forget(*this);
}

size_t PlainTransport::read(char* buffer, size_t size)
{
    if (!m_received.empty()) {
        const size_t n = std::min(size, m_received.size());
        std::memcpy(buffer, m_received.data(), n);
        m_received.erase(0, n);
        return n;
    }
    if (m_descriptor < 0) {
        tellClosed();
        return 0;
    }
    const ssize_t n = ::recv(m_descriptor, buffer, size, 0);
    if (n > 0)
        return static_cast<size_t>(n);
    if (n == 0 || !mustWait(errno))
        closed();
    return 0;
}

void PlainTransport::setReading(bool on)
{
    if (m_descriptor >= 0)
        m_readNotifier->setEnabled(on);
}

void PlainTransport::write(std::string_view bytes)
{
    if (m_descriptor < 0)
        return;
    m_out += bytes;
    if (!std::exchange(m_queued, true))
        m_flushes.add(*this);
}

void PlainTransport::flush()
{
    m_queued = false;
    if (m_descriptor < 0)
        return;
    const bool sent = sendSome();
    if (m_descriptor < 0)
        return;
    const bool waits = unsentBytes() > 0;
    if (waits && !m_writeNotifier) {
        m_writeNotifier = std::make_unique<QSocketNotifier>(m_descriptor, QSocketNotifier::Write);
        QObject::connect(m_writeNotifier.get(), &QSocketNotifier::activated, [this] { flush(); });
    } else if (m_writeNotifier) {
        m_writeNotifier->setEnabled(waits);
    }
    if (!waits && m_closing)
        closed();
    else if (sent)
        m_listener.onSent();
}

// True: the peer took some.
bool PlainTransport::sendSome()
{
    size_t at = 0;
    while (at < m_out.size()) {
        const ssize_t n =
            ::send(m_descriptor, m_out.data() + at, m_out.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !mustWait(errno)) {
            closed();
            return false;
        }
        if (n < 0)
            break;
        at += static_cast<size_t>(n);
    }
    if (at < m_out.size())
        m_out.erase(0, at);
    else if (m_out.capacity() > kKeptBytes)
        release(m_out);
    else
        m_out.clear();
    return at > 0;
}

void PlainTransport::closeWhenSent()
{
    if (m_descriptor < 0)
        return;
    m_closing = true;
    if (!std::exchange(m_queued, true))
        m_flushes.add(*this);
}

void PlainTransport::abort()
{
    m_closedTold = true;
    close();
}

void PlainTransport::closed()
{
    close();
    tellClosed();
}

void PlainTransport::tellClosed()
{
    if (!std::exchange(m_closedTold, true))
        m_listener.onClosed();
}

void PlainTransport::close()
{
    if (m_descriptor < 0)
        return;
    m_flushes.forget(*this);
    m_readNotifier->setEnabled(false);
    if (m_writeNotifier)
        m_writeNotifier->setEnabled(false);
    ::close(std::exchange(m_descriptor, -1));
}

} // namespace fluxion
