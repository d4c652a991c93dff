#include <QSslSocket>

#include "server/server.h"

namespace fluxion {

namespace {

constexpr int kTimeoutMs = 3000; // below the usual timeout of a container's health check

QString reachable(const std::string& host)
{
    if (host == "0.0.0.0" || host.empty())
        return QStringLiteral("127.0.0.1");
    if (host == "::")
        return QStringLiteral("::1");
    return QString::fromStdString(host);
}

} // namespace

Status askHealth(const Settings& settings)
{
    const QString host = reachable(settings.host);
    const auto port = static_cast<quint16>(settings.port);
    const std::string where = host.toStdString() + ":" + std::to_string(port);
    QSslSocket socket;
    // It asks its own server, over loopback as a rule, and sends no secret.
    socket.setPeerVerifyMode(QSslSocket::VerifyNone);
    const bool tls = !settings.tlsCert.empty();
    if (tls)
        socket.connectToHostEncrypted(host, port);
    else
        socket.connectToHost(host, port);
    if (tls ? !socket.waitForEncrypted(kTimeoutMs) : !socket.waitForConnected(kTimeoutMs))
        return {Code::Io, "no server at " + where + ": " + socket.errorString().toStdString()};
    socket.write("GET /health/ready HTTP/1.1\r\nHost: " + host.toLatin1() + "\r\n\r\n");
    QByteArray reply;
    while (socket.waitForReadyRead(kTimeoutMs))
        reply += socket.readAll();
    reply += socket.readAll();
    if (reply.startsWith("HTTP/1.1 200 "))
        return {};
    const qsizetype body = reply.indexOf("\r\n\r\n");
    return {Code::Io,
            "the server at " + where + " is not ready: " +
                (body < 0 ? std::string("no answer") : reply.mid(body + 4).toStdString())};
}

} // namespace fluxion
