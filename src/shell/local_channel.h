#pragma once

// A connection to a data folder that is open in this process.

#include "shell/channel.h"
#include "shell/local_server.h"

namespace fluxion::shell {

class LocalChannel : public Channel, public ClientLink {
    Q_OBJECT
  public:
    // The server outlives it.
    explicit LocalChannel(LocalServer& server) : m_server(server) {}
    ~LocalChannel() override { end(); }

    void open() override;
    bool isUp() const override { return m_session != nullptr; }
    void transmit(const std::string& message) override;
    void ping() override;
    void close() override { abort(); }
    void abort() override;
    void limitMessages(quint64 bytes) override { m_maxBytes = bytes; }
    void taken(size_t bytes) override;
    Error lostError() const override;

    void send(FrameKind kind, std::string&& message) override;
    void stream(FrameKind kind, std::unique_ptr<ReplyStream> reply) override;
    void setPaused(bool) override {} // who asks here waits for answers
    bool isFull() const override { return false; }
    uint64_t pendingBytes() const override { return m_pendingBytes; }
    void close(int code, const std::string& reason) override;

  private:
    void end();
    void abortSoon(std::string reason);

    LocalServer& m_server;
    uint64_t m_id = 0;
    std::unique_ptr<Session> m_session;
    uint64_t m_pendingBytes = 0; // received, and not yet taken
    quint64 m_maxBytes = UINT64_MAX;
    std::string m_reason;
};

} // namespace fluxion::shell
