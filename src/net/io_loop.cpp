#include "net/io_loop.h"

#include <algorithm>
#include <utility>

#include <QSslSocket>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread_name.h"
#include "net/credentials.h"
#include "net/epoll_dispatcher.h"
#include "net/http_reply.h"

namespace fluxion {

namespace {

constexpr int kTickMs = 500;
constexpr size_t kReadBufferBytes = 64 * 1024;
// What the kernel takes of a connection beyond what is on its way. Else it takes megabytes for each
// client that does not read, and a few hundred of those use up what it has for all sockets.
constexpr int kUnsentBytes = 128 * 1024;

} // namespace

IoLoop::IoLoop(NetShared& shared)
    : m_shared(shared), m_reader(shared.service.limits.request), m_proposals(shared.service.engine),
      m_hub(shared.service.live, *this), m_readBuffer(kReadBufferBytes)
{
    auto* const dispatcher = new EpollDispatcher;
    m_thread.setEventDispatcher(dispatcher);
    moveToThread(&m_thread);
    // At the start of a turn for what the one before has left, and before a wait for what posted
    // events have.
    connect(dispatcher, &EpollDispatcher::awake, this, &IoLoop::endTurn, Qt::DirectConnection);
    connect(dispatcher, &EpollDispatcher::aboutToBlock, this, &IoLoop::endTurn,
            Qt::DirectConnection);
    // What has timers must go on its own thread; `finished` is emitted there.
    connect(
        &m_thread, &QThread::finished, this, [this] { m_ticker.reset(); }, Qt::DirectConnection);
}

IoLoop::~IoLoop()
{
    join();
}

void IoLoop::start()
{
    m_thread.start();
    QMetaObject::invokeMethod(this, [this] {
        nameThread("io");
        m_ticker = std::make_unique<QTimer>();
        QObject::connect(m_ticker.get(), &QTimer::timeout, this, &IoLoop::tick);
        m_ticker->start(kTickMs);
    });
}

// Not asked before whether it runs: QThread says no already while the last clients are destroyed.
void IoLoop::join()
{
    m_thread.wait();
}

void IoLoop::adopt(qintptr descriptor)
{
    QMetaObject::invokeMethod(this, [this, descriptor] { onAdopt(descriptor); });
}

void IoLoop::onAdopt(qintptr descriptor)
{
    const bool tls = !limits().tls.isNull();
    QTcpSocket* const socket = tls ? new QSslSocket : new QTcpSocket;
    if (!socket->setSocketDescriptor(descriptor)) {
        ::close(static_cast<int>(descriptor));
        delete socket;
        --m_shared.connectionCount;
        return;
    }
    socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
    ::setsockopt(static_cast<int>(descriptor), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes,
                 sizeof kUnsentBytes);
    if (tls) {
        auto* const secure = static_cast<QSslSocket*>(socket);
        secure->setSslConfiguration(limits().tls);
        secure->startServerEncryption();
    }
    const uint64_t id = service().connections.nextId();
    m_newcomers[id] = new Newcomer(*this, id, socket);
}

void IoLoop::welcome(Newcomer& newcomer, std::unique_ptr<QTcpSocket> socket, const Access& access,
                     std::optional<std::string> name, std::string_view handshake)
{
    const uint64_t id = newcomer.id();
    m_newcomers.erase(id);
    newcomer.deleteLater();
    service().connections.add({id, socket->peerAddress().toString().toStdString(),
                               service().clock.steadyUs(), std::move(name)});
    auto* const client = new WebSocketClient(*this, id, std::move(socket), access);
    m_clients[id] = client;
    client->start(handshake);
    // The key may have gone between the check and the entry into our list.
    if (access.revoked())
        client->close(kCloseKeyRemoved, "the API key was removed");
}

void IoLoop::forget(Newcomer& newcomer)
{
    if (m_newcomers.erase(newcomer.id()) == 0)
        return;
    newcomer.deleteLater();
    --m_shared.connectionCount;
    endIfEmpty();
}

void IoLoop::forget(WebSocketClient& client)
{
    if (m_clients.erase(client.id()) == 0)
        return;
    service().connections.remove(client.id());
    client.deleteLater();
    --m_shared.connectionCount;
    endIfEmpty();
}

void IoLoop::pumpSoon(WebSocketClient& client, std::function<void()> call)
{
    QMetaObject::invokeMethod(&client, std::move(call), Qt::QueuedConnection);
}

void IoLoop::deliver(std::vector<Done> done)
{
    {
        std::lock_guard lock(m_mailMutex);
        if (m_mail.empty())
            m_mail = std::move(done);
        else
            m_mail.insert(m_mail.end(), std::make_move_iterator(done.begin()),
                          std::make_move_iterator(done.end()));
    }
    wake();
}

void IoLoop::roomAgain()
{
    {
        std::lock_guard lock(m_mailMutex);
        m_roomAgain = true;
    }
    wake();
}

void IoLoop::keysChanged()
{
    {
        std::lock_guard lock(m_mailMutex);
        m_keysChanged = true;
    }
    wake();
}

void IoLoop::post(std::function<void()> task)
{
    {
        std::lock_guard lock(m_mailMutex);
        m_tasks.push_back(std::move(task));
    }
    wake();
}

// What the turn has gathered leaves together: proposals to the commit thread, bytes to clients.
void IoLoop::endTurn()
{
    m_proposals.flush();
    m_flushes.flush();
    // A client that took all it was sent is given more: that must not wait for an event.
    if (!m_flushes.empty())
        m_thread.eventDispatcher()->wakeUp();
}

// One event, however much comes before it is looked at.
void IoLoop::wake()
{
    {
        std::lock_guard lock(m_mailMutex);
        if (std::exchange(m_mailPosted, true))
            return;
    }
    QMetaObject::invokeMethod(
        this, [this] { onMail(); }, Qt::QueuedConnection);
}

void IoLoop::onMail()
{
    std::vector<Done> mail;
    std::vector<std::function<void()>> tasks;
    bool room = false;
    bool keys = false;
    {
        std::lock_guard lock(m_mailMutex);
        mail.swap(m_mail);
        tasks.swap(m_tasks);
        room = std::exchange(m_roomAgain, false);
        keys = std::exchange(m_keysChanged, false);
        m_mailPosted = false;
    }
    for (const Done& done : mail) {
        const auto it = m_clients.find(Session::sessionOf(done.ticket));
        if (it != m_clients.end())
            it->second->session().done(done.ticket, done.outcome);
    }
    // After the outcomes: who writes hears of that first.
    for (const std::function<void()>& task : tasks)
        task();
    if (!room && !keys)
        return;
    for (WebSocketClient* client : clients()) {
        if (room)
            client->session().roomAgain();
        if (keys && client->session().access().revoked())
            client->close(kCloseKeyRemoved, "the API key was removed");
    }
}

// Copies: what is done with one may take it out of the map.
std::vector<WebSocketClient*> IoLoop::clients() const
{
    std::vector<WebSocketClient*> all;
    all.reserve(m_clients.size());
    for (const auto& [id, client] : m_clients)
        all.push_back(client);
    return all;
}

std::vector<Newcomer*> IoLoop::newcomers() const
{
    std::vector<Newcomer*> all;
    for (const auto& [id, newcomer] : m_newcomers)
        all.push_back(newcomer);
    return all;
}

void IoLoop::tick()
{
    const int64_t now = service().clock.steadyUs();
    for (WebSocketClient* client : clients()) {
        if (m_stopUs != 0 && now >= m_stopUs)
            client->abort();
        else
            client->tick(now);
    }
    for (Newcomer* newcomer : newcomers())
        newcomer->tick(now);
    m_hub.tick();
    if (m_stopUs != 0 && now >= m_stopUs)
        m_thread.quit();
}

void IoLoop::beginStop(int64_t timeoutUs)
{
    QMetaObject::invokeMethod(this, [this, timeoutUs] { onStop(timeoutUs); });
}

void IoLoop::onStop(int64_t timeoutUs)
{
    m_stopUs = service().clock.steadyUs() + timeoutUs;
    m_ticker->start(kTickMs / 5);
    for (WebSocketClient* client : clients())
        client->closeWhenDone(kCloseGoingAway, "the server is stopping");
    for (Newcomer* newcomer : newcomers())
        newcomer->abort();
    endIfEmpty();
}

void IoLoop::endIfEmpty()
{
    if (m_stopUs != 0 && m_clients.empty())
        m_thread.quit();
}

} // namespace fluxion
