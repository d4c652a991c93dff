#pragma once

// One I/O thread: its event loop, its connections, its mailbox.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include <QObject>
#include <QThread>
#include <QTimer>

#include "api/service.h"
#include "base/log_sink.h"
#include "engine/proposal_batch.h"
#include "net/flush_queue.h"
#include "net/net_limits.h"
#include "net/newcomer.h"
#include "net/reply_budget.h"
#include "net/web_socket_client.h"

namespace fluxion {

// What all loops share.
struct NetShared {
    NetShared(const Service& service_, NetLimits limits_, LogSink sink_)
        : service(service_), limits(std::move(limits_)), replyBudget(limits.maxReplyBytesTotal),
          sink(std::move(sink_))
    {
    }

    const Service& service;
    const NetLimits limits;
    ReplyBudget replyBudget;
    const LogSink sink;
    std::atomic<int> connectionCount{0};
    std::atomic<bool> stopping{false};
};

class IoLoop : public QObject, public Mailbox, public Executor {
    Q_OBJECT
  public:
    explicit IoLoop(NetShared& shared);
    ~IoLoop() override;

    // Any thread.
    void start();
    // Takes a connected socket's descriptor.
    void adopt(qintptr descriptor);
    // Answers what has come, closes every connection with 1001, then ends the thread, at most
    // `timeoutUs` later.
    void beginStop(int64_t timeoutUs);
    void join();

    // Mailbox: any thread.
    void deliver(std::vector<Done> done) override;
    void roomAgain() override;
    void keysChanged() override;
    // Executor: any thread.
    void post(std::function<void()> task) override;

    // The rest: this thread, for its connections.
    const Service& service() const { return m_shared.service; }
    const NetLimits& limits() const { return m_shared.limits; }
    ReplyBudget& replyBudget() { return m_shared.replyBudget; }
    bool stopping() const { return m_shared.stopping; }
    void note(std::string_view line) const { m_shared.sink(LogLevel::Warning, line); }
    SessionThread sessionThread() { return {*this, *this, m_proposals, m_reader, m_hub}; }
    FlushQueue& flushQueue() { return m_flushes; }
    // Room to read into, the thread's only one: until the next client reads.
    std::span<char> readBuffer() { return m_readBuffer; }
    // Makes a client of a newcomer; `handshake` is the first that it is sent.
    void welcome(Newcomer& newcomer, std::unique_ptr<QTcpSocket> socket, const Access& access,
                 std::optional<std::string> name, std::string_view handshake);
    void forget(Newcomer& newcomer);
    void forget(WebSocketClient& client);
    // Calls back after a turn of the event loop, unless the client is gone by then.
    void pumpSoon(WebSocketClient& client, std::function<void()> call);

  private:
    void onAdopt(qintptr descriptor);
    void onMail();
    void onStop(int64_t timeoutUs);
    void tick();
    void endTurn();
    void endIfEmpty();
    void wake();
    std::vector<WebSocketClient*> clients() const;
    std::vector<Newcomer*> newcomers() const;

    NetShared& m_shared;
    QThread m_thread;
    std::unique_ptr<QTimer> m_ticker;
    RequestReader m_reader;
    ProposalBatch m_proposals;
    Hub m_hub;
    FlushQueue m_flushes;
    std::vector<char> m_readBuffer;
    std::unordered_map<uint64_t, Newcomer*> m_newcomers;
    std::unordered_map<uint64_t, WebSocketClient*> m_clients;
    int64_t m_stopUs = 0; // when to end whatever is left; 0: not stopping

    std::mutex m_mailMutex;
    std::vector<Done> m_mail;
    std::vector<std::function<void()>> m_tasks;
    bool m_mailPosted = false;
    bool m_roomAgain = false;
    bool m_keysChanged = false;
};

} // namespace fluxion
