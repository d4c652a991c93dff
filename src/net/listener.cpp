#include "net/listener.h"

#include <QHostAddress>
#include <QHostInfo>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_reply.h"

namespace fluxion {

namespace {

constexpr int kBacklog = 4096;

} // namespace

void Listener::answerNotReady(const std::string& json, const std::string& text)
{
    if (!m_limits.tls.isNull())
        return;
    if (!m_notReady)
        m_notReady = std::make_unique<NotReady>(static_cast<int>(socketDescriptor()));
    m_notReady->answer(json, text);
}

void Listener::attach(const Service& service, int ioThreads)
{
    m_notReady.reset();
    m_shared = std::make_unique<NetShared>(service, m_limits, m_sink);
    for (int i = 0; i < ioThreads; ++i)
        m_loops.push_back(std::make_unique<IoLoop>(*m_shared));
}

std::vector<Mailbox*> Listener::mailboxes() const
{
    std::vector<Mailbox*> all;
    for (const auto& loop : m_loops)
        all.push_back(loop.get());
    return all;
}

Status Listener::bind(const std::string& host, uint16_t port)
{
    QHostAddress address;
    if (!address.setAddress(QString::fromStdString(host))) {
        const QHostInfo info = QHostInfo::fromName(QString::fromStdString(host));
        if (info.addresses().isEmpty())
            return {Code::Usage, "host: cannot find the address of " + host};
        address = info.addresses().first();
    }
    setListenBacklogSize(kBacklog);
    if (!listen(address, port))
        return {Code::Usage, "port: cannot listen on " + host + ":" + std::to_string(port) + ": " +
                                 errorString().toStdString()};
    return {};
}

void Listener::startServing()
{
    for (const auto& loop : m_loops)
        loop->start();
}

void Listener::incomingConnection(qintptr descriptor)
{
    if (m_shared->connectionCount >= m_shared->limits.maxConnections) {
        // One try to say why; the client may be too fast or too slow to hear it.
        const std::string reply = httpError(503, "too_many",
                                            "the server has as many connections as "
                                            "its setting max-connections allows");
        (void)!::send(static_cast<int>(descriptor), reply.data(), reply.size(),
                      MSG_DONTWAIT | MSG_NOSIGNAL);
        ::shutdown(static_cast<int>(descriptor), SHUT_WR);
        ::close(static_cast<int>(descriptor));
        return;
    }
    ++m_shared->connectionCount;
    m_loops[m_next]->adopt(descriptor);
    m_next = (m_next + 1) % m_loops.size();
}

void Listener::stop(int64_t timeoutUs)
{
    m_shared->stopping = true;
    close();
    for (const auto& loop : m_loops)
        loop->beginStop(timeoutUs);
    for (const auto& loop : m_loops)
        loop->join();
}

} // namespace fluxion
