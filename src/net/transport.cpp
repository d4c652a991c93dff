#include "net/transport.h"

#include <fcntl.h>

#include <QSslSocket>

#include "net/plain_transport.h"
#include "net/tls_transport.h"

namespace fluxion {

std::unique_ptr<Transport> Transport::of(std::unique_ptr<QTcpSocket> socket, Listener& listener,
                                         FlushQueue& flushes)
{
    if (qobject_cast<QSslSocket*>(socket.get()))
        return std::make_unique<TlsTransport>(std::move(socket), listener);
    // Of the same open connection, so that the socket may close its own. Without one to spare the
    // connection ends: the transport says so.
    const int descriptor =
        ::fcntl(static_cast<int>(socket->socketDescriptor()), F_DUPFD_CLOEXEC, 0);
    std::string received = socket->readAll().toStdString();
    socket->abort();
    socket.release()->deleteLater(); // it is in the midst of a signal
    return std::make_unique<PlainTransport>(descriptor, std::move(received), listener, flushes);
}

} // namespace fluxion
