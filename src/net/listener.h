#pragma once

// The one port: accepts on the main thread and hands each socket to an I/O thread.

#include <memory>
#include <string>
#include <vector>

#include <QTcpServer>

#include "net/io_loop.h"
#include "net/not_ready.h"

namespace fluxion {

// Main thread.
class Listener : public QTcpServer {
    Q_OBJECT
  public:
    Listener(NetLimits limits, LogSink sink) : m_limits(std::move(limits)), m_sink(std::move(sink))
    {
    }

    // Binds; connections wait in the kernel until the event loop runs and startServing() was
    // called. Code::Usage when it cannot.
    Status bind(const std::string& host, uint16_t port);
    // Before attach(), during a start that takes long, again and again: who asks is told that the
    // server is not ready, /health/ready with this JSON. With TLS they go on waiting.
    void answerNotReady(const std::string& json, const std::string& text);
    // Makes the I/O threads. `service` outlives the listener's stop().
    void attach(const Service& service, int ioThreads);
    // After attach(): the mailboxes that the engine has to know before it starts.
    std::vector<Mailbox*> mailboxes() const;
    void startServing();
    // Takes no more, closes all with 1001; returns when the I/O threads have ended, at most about
    // `timeoutUs` later.
    void stop(int64_t timeoutUs);
    // After stop(), and after the last word to the mailboxes: nothing of the service is used again.
    void release() { m_loops.clear(); }

  protected:
    void incomingConnection(qintptr descriptor) override;

  private:
    const NetLimits m_limits;
    const LogSink m_sink;
    std::unique_ptr<NotReady> m_notReady; // until attach()
    std::unique_ptr<NetShared> m_shared;
    std::vector<std::unique_ptr<IoLoop>> m_loops;
    size_t m_next = 0;
};

} // namespace fluxion
