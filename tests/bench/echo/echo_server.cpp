// echo_server echo    sends every message back
// echo_server ack     answers every message with its id alone
//
// One thread. Prints the port it took; ends with SIGTERM.

#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <QCoreApplication>
#include <QWebSocket>
#include <QWebSocketServer>

#include "net/epoll_dispatcher.h"

namespace {

constexpr quint64 kMaxMessageBytes = 16 * 1024 * 1024;

// `{"id":"..."}` of a message that begins with its id, as those of the load do.
QByteArray acknowledgement(const QByteArray& message)
{
    return message.left(message.indexOf(',')) + '}';
}

void serve(QWebSocket& client, bool echo)
{
    client.setMaxAllowedIncomingMessageSize(kMaxMessageBytes);
    client.setMaxAllowedIncomingFrameSize(kMaxMessageBytes);
    QObject::connect(&client, &QWebSocket::textMessageReceived, &client,
                     [&client, echo](const QString& message) {
                         client.sendTextMessage(echo ? message
                                                     : message.left(message.indexOf(u',')) + u'}');
                     });
    QObject::connect(&client, &QWebSocket::binaryMessageReceived, &client,
                     [&client, echo](const QByteArray& message) {
                         client.sendBinaryMessage(echo ? message : acknowledgement(message));
                     });
    QObject::connect(&client, &QWebSocket::disconnected, &client, &QObject::deleteLater);
    client.sendTextMessage(QStringLiteral("{}"));
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 2 || (std::strcmp(argv[1], "echo") != 0 && std::strcmp(argv[1], "ack") != 0)) {
        std::fprintf(stderr, "usage: echo_server echo|ack\n");
        return 2;
    }
    const bool echo = std::strcmp(argv[1], "echo") == 0;
    QCoreApplication::setEventDispatcher(new fluxion::EpollDispatcher);
    QCoreApplication application(argc, argv);
    QWebSocketServer server(QStringLiteral("echo"), QWebSocketServer::NonSecureMode);
    QObject::connect(&server, &QWebSocketServer::newConnection, &server, [&] {
        while (QWebSocket* client = server.nextPendingConnection())
            serve(*client, echo);
    });
    server.setMaxPendingConnections(100000);
    if (!server.listen(QHostAddress::LocalHost)) {
        std::fprintf(stderr, "%s\n", qPrintable(server.errorString()));
        return 1;
    }
    // As the server that is measured does it; Linux passes it on to the accepted sockets.
    const int on = 1;
    if (::setsockopt(static_cast<int>(server.socketDescriptor()), IPPROTO_TCP, TCP_NODELAY, &on,
                     sizeof on) != 0) {
        std::perror("TCP_NODELAY");
        return 1;
    }
    std::fprintf(stderr, "127.0.0.1:%d\n", server.serverPort());
    return QCoreApplication::exec();
}
