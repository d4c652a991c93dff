#include "net/tls_transport.h"

#include <algorithm>

namespace fluxion {

namespace {

// What the socket takes off the kernel when nobody reads; the kernel then stops the client.
constexpr qint64 kReadBufferBytes = 64 * 1024;

} // namespace

TlsTransport::TlsTransport(std::unique_ptr<QTcpSocket> socket, Listener& listener)
    : m_socket(static_cast<QSslSocket*>(socket.release())), m_listener(listener)
{
    m_socket->setReadBufferSize(kReadBufferBytes);
    QObject::connect(m_socket.get(), &QSslSocket::readyRead, [this] {
        if (m_reading)
            m_listener.onReadable();
    });
    QObject::connect(m_socket.get(), &QSslSocket::encryptedBytesWritten,
                     [this] { m_listener.onSent(); });
    QObject::connect(m_socket.get(), &QSslSocket::disconnected, [this] { m_listener.onClosed(); });
}

TlsTransport::~TlsTransport()
{
    m_socket->disconnect();
    m_socket.release()->deleteLater(); // it may be in the midst of a signal
}

size_t TlsTransport::read(char* buffer, size_t size)
{
    return static_cast<size_t>(
        std::max(m_socket->read(buffer, static_cast<qint64>(size)), qint64{0}));
}

void TlsTransport::setReading(bool on)
{
    m_reading = on;
}

void TlsTransport::write(std::string_view bytes)
{
    m_socket->write(bytes.data(), static_cast<qint64>(bytes.size()));
}

// The plain side says 0 while the encrypted side queues.
uint64_t TlsTransport::unsentBytes() const
{
    return static_cast<uint64_t>(m_socket->bytesToWrite() + m_socket->encryptedBytesToWrite());
}

void TlsTransport::closeWhenSent()
{
    m_socket->disconnectFromHost();
}

void TlsTransport::abort()
{
    m_socket->disconnect();
    m_socket->abort();
}

} // namespace fluxion
