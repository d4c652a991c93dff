#include "shell/local_server.h"

#include <csignal>

#include "base/random.h"
#include "io/posix.h"
#include "log/identity.h"
#include "shell/outcome.h"

namespace fluxion::shell {

namespace {

constexpr int kTickMs = 500;
constexpr size_t kLongestName = 65535; // that the setting max-name-bytes of a server can allow

Error unusable(const Error& error)
{
    return {Code::Usage, "--data: " + error.text};
}

// What a server has stored can be named, whatever its settings are.
ServiceLimits serviceLimits()
{
    ServiceLimits limits;
    limits.request.maxNameBytes = kLongestName;
    return limits;
}

// How long the log is kept is the server's to say: nothing of it goes here.
EngineOptions engineOptions()
{
    EngineOptions options;
    options.log.retainBytes = UINT64_MAX;
    options.log.retainUs = 0;
    return options;
}

void note(LogLevel level, std::string_view line)
{
    if (level != LogLevel::Info)
        complain(line);
}

} // namespace

Result<std::unique_ptr<LocalServer>> LocalServer::open(const std::string& folder,
                                                       std::string_view version)
{
    std::signal(SIGXFSZ, SIG_IGN); // a file-size limit is then a full disk, not the end
    std::signal(SIGPIPE, SIG_IGN); // as where there are sockets: the folder is closed in order
    auto directory = openDirectory(folder, false);
    if (!directory)
        return unusable(directory.error());
    const auto known = directory.value()->exists(kIdentityName);
    if (!known)
        return unusable(known.error());
    if (!known.value())
        return Error{Code::Usage, "--data: " + folder + " is no data folder of Fluxion"};
    auto lock = lockDirectory(folder);
    if (!lock)
        return unusable(lock.error());
    std::unique_ptr<LocalServer> server(new LocalServer(folder));
    server->m_directory = std::move(directory.value());
    server->m_lock = std::move(lock.value());
    if (Status status = server->start(version); !status)
        return status.error();
    return server;
}

Status LocalServer::start(std::string_view version)
{
    auto engine = Engine::open(engineOptions(), m_directory.get(), systemClock(), note);
    if (!engine)
        return engine.status();
    m_engine = std::move(engine.value());
    // Nobody can show a key here.
    m_authenticator = std::make_unique<Authenticator>(
        std::to_string(randomU64()), m_engine->installationSecret(), m_engine->store().apiKeys());
    m_live = std::make_unique<LiveShared>(*m_engine, systemClock(), LiveLimits(), m_readThread);
    m_service = std::make_unique<Service>(
        Service{*m_engine, *m_live, m_writeTimes, *m_authenticator, m_connections, systemClock(),
                serviceLimits(), std::string(version), "", systemClock().steadyUs()});
    m_reader = std::make_unique<RequestReader>(m_service->limits.request);
    m_proposals = std::make_unique<ProposalBatch>(*m_engine);
    m_hub = std::make_unique<Hub>(*m_live, *this);
    m_engine->addMailbox(*this);
    m_engine->start();
    connect(&m_ticker, &QTimer::timeout, this, &LocalServer::tick);
    m_ticker.start(kTickMs);
    return {};
}

LocalServer::~LocalServer()
{
    m_readThread.stop();
}

Status LocalServer::stop()
{
    m_ticker.stop();
    m_readThread.stop();
    return m_engine->stop();
}

void LocalServer::add(uint64_t id, Session& session)
{
    m_sessions.emplace(id, &session);
    m_connections.add({id, "local", systemClock().steadyUs(), "fluxion --data"});
}

void LocalServer::remove(uint64_t id)
{
    m_sessions.erase(id);
    m_connections.remove(id);
}

void LocalServer::deliver(std::vector<Done> done)
{
    {
        std::lock_guard lock(m_mailMutex);
        m_mail.insert(m_mail.end(), std::make_move_iterator(done.begin()),
                      std::make_move_iterator(done.end()));
    }
    wake();
}

void LocalServer::roomAgain()
{
    {
        std::lock_guard lock(m_mailMutex);
        m_roomAgain = true;
    }
    wake();
}

void LocalServer::post(std::function<void()> task)
{
    {
        std::lock_guard lock(m_mailMutex);
        m_tasks.push_back(std::move(task));
    }
    wake();
}

// One event, however much comes before it is looked at.
void LocalServer::wake()
{
    {
        std::lock_guard lock(m_mailMutex);
        if (std::exchange(m_mailPosted, true))
            return;
    }
    QMetaObject::invokeMethod(
        this, [this] { onMail(); }, Qt::QueuedConnection);
}

void LocalServer::onMail()
{
    std::vector<Done> mail;
    std::vector<std::function<void()>> tasks;
    bool room = false;
    {
        std::lock_guard lock(m_mailMutex);
        mail.swap(m_mail);
        tasks.swap(m_tasks);
        room = std::exchange(m_roomAgain, false);
        m_mailPosted = false;
    }
    for (const Done& done : mail) {
        const auto at = m_sessions.find(Session::sessionOf(done.ticket));
        if (at != m_sessions.end())
            at->second->done(done.ticket, done.outcome);
    }
    for (const std::function<void()>& task : tasks)
        task();
    if (room)
        forEach([](Session& session) { session.roomAgain(); });
    flush();
}

void LocalServer::tick()
{
    forEach([](Session& session) { session.tick(); });
    m_hub->tick();
    flush();
}

void LocalServer::forEach(const std::function<void(Session&)>& call)
{
    const std::map<uint64_t, Session*> all = m_sessions;
    for (const auto& [id, session] : all) {
        if (m_sessions.contains(id))
            call(*session);
    }
}

} // namespace fluxion::shell
