#pragma once

// A data folder opened in this process, for this process alone: engine and sessions without any
// socket, so nobody else can reach it.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <QObject>
#include <QTimer>

#include "api/session.h"
#include "io/directory_lock.h"
#include "io/file.h"
#include "live/read_thread.h"

namespace fluxion::shell {

// Main thread, whose event loop must run for answers to come; post(), deliver() and the like from
// any.
class LocalServer : public QObject, public Mailbox, public Executor {
    Q_OBJECT
  public:
    // Locks the folder and recovers what is in it. Code::Usage where that is no data folder, cannot
    // be opened or is in use, and nothing was changed; Code::Damaged. `version`: of this program.
    static Result<std::unique_ptr<LocalServer>> open(const std::string& folder,
                                                     std::string_view version);
    ~LocalServer() override;

    // Makes a checkpoint and closes the log. All channels are closed by then. Once.
    Status stop();

    const std::string& folder() const { return m_folder; }
    const Service& service() const { return *m_service; }
    SessionThread sessionThread() { return {*this, *this, *m_proposals, *m_reader, *m_hub}; }
    // Sessions that are open, by the ids of their connections.
    uint64_t nextId() { return m_connections.nextId(); }
    void add(uint64_t id, Session& session);
    void remove(uint64_t id);
    // What sessions have proposed goes to the commit thread.
    void flush() { m_proposals->flush(); }

    void deliver(std::vector<Done> done) override;
    void roomAgain() override;
    void keysChanged() override {} // only the master key is here
    void post(std::function<void()> task) override;

  private:
    explicit LocalServer(std::string folder) : m_folder(std::move(folder)) {}
    Status start(std::string_view version);
    void wake();
    void onMail();
    void tick();
    // Calls what may end sessions for each.
    void forEach(const std::function<void(Session&)>& call);

    const std::string m_folder;
    std::unique_ptr<Directory> m_directory;
    std::optional<DirectoryLock> m_lock;
    std::unique_ptr<Engine> m_engine;
    std::unique_ptr<Authenticator> m_authenticator;
    Connections m_connections;
    ReadThread m_readThread;
    LatencyMinute m_writeTimes;
    std::unique_ptr<LiveShared> m_live;
    std::unique_ptr<Service> m_service;
    std::unique_ptr<RequestReader> m_reader;
    std::unique_ptr<ProposalBatch> m_proposals;
    std::unique_ptr<Hub> m_hub;
    QTimer m_ticker;
    std::map<uint64_t, Session*> m_sessions;

    std::mutex m_mailMutex;
    std::vector<Done> m_mail;
    std::vector<std::function<void()>> m_tasks;
    bool m_mailPosted = false;
    bool m_roomAgain = false;
};

} // namespace fluxion::shell
