// echo_server echo    sends every message back
// echo_server ack     answers every message with its id alone
// echo_server fan     sends every message of a writer to each subscriber, a text frame of its own,
//                     and answers as `ack` does; who says `sub` is a subscriber. On the dispatcher
//                     that Qt comes with
//
// One thread. Prints the port it took; ends with SIGTERM.

#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include <QCoreApplication>
#include <QSet>
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

enum class Kind { Echo, Ack, Fan };

class Server {
  public:
    explicit Server(Kind kind) : m_kind(kind) {}

    void serve(QWebSocket& client)
    {
        client.setMaxAllowedIncomingMessageSize(kMaxMessageBytes);
        client.setMaxAllowedIncomingFrameSize(kMaxMessageBytes);
        QObject::connect(&client, &QWebSocket::textMessageReceived, &client,
                         [this, &client](const QString& message) { take(client, message); });
        QObject::connect(&client, &QWebSocket::binaryMessageReceived, &client,
                         [this, &client](const QByteArray& message) {
                             client.sendBinaryMessage(
                                 m_kind == Kind::Echo ? message : acknowledgement(message));
                         });
        QObject::connect(&client, &QWebSocket::disconnected, &client, [this, &client] {
            m_subscribers.remove(&client);
            client.deleteLater();
        });
        client.sendTextMessage(QStringLiteral("{}"));
    }

  private:
    void take(QWebSocket& client, const QString& message)
    {
        if (m_kind == Kind::Echo) {
            client.sendTextMessage(message);
            return;
        }
        if (m_kind == Kind::Fan && message == QStringLiteral("sub")) {
            m_subscribers.insert(&client);
        } else if (m_kind == Kind::Fan) {
            for (QWebSocket* subscriber : std::as_const(m_subscribers))
                subscriber->sendTextMessage(message);
        }
        client.sendTextMessage(message.left(message.indexOf(u',')) + u'}');
    }

    Kind m_kind;
    QSet<QWebSocket*> m_subscribers;
};

bool readKind(const char* word, Kind& kind)
{
    const std::pair<const char*, Kind> kinds[] = {
        {"echo", Kind::Echo}, {"ack", Kind::Ack}, {"fan", Kind::Fan}};
    for (const auto& [name, meant] : kinds) {
        if (std::strcmp(word, name) != 0)
            continue;
        kind = meant;
        return true;
    }
    return false;
}

} // namespace

int main(int argc, char** argv)
{
    Kind kind = Kind::Echo;
    if (argc != 2 || !readKind(argv[1], kind)) {
        std::fprintf(stderr, "usage: echo_server echo|ack|fan\n");
        return 2;
    }
    if (kind != Kind::Fan)
        QCoreApplication::setEventDispatcher(new fluxion::EpollDispatcher);
    QCoreApplication application(argc, argv);
    Server clients(kind);
    QWebSocketServer server(QStringLiteral("echo"), QWebSocketServer::NonSecureMode);
    QObject::connect(&server, &QWebSocketServer::newConnection, &server, [&] {
        while (QWebSocket* client = server.nextPendingConnection())
            clients.serve(*client);
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
