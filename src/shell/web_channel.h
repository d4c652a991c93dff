#pragma once

// A server over a WebSocket.

#include <QWebSocket>

#include "shell/channel.h"

namespace fluxion::shell {

class WebChannel : public Channel {
    Q_OBJECT
  public:
    explicit WebChannel(Endpoint endpoint);
    ~WebChannel() override;

    void open() override;
    bool isUp() const override;
    void transmit(const std::string& message) override;
    void ping() override;
    void close() override;
    void abort() override;
    void limitMessages(quint64 bytes) override;
    void taken(size_t) override {} // the socket is read no faster than the event loop runs
    Error lostError() const override;

  private:
    const Endpoint m_endpoint;
    QWebSocket m_socket;
    bool m_closed = false; // since open(), in words; else those of the socket are of before
};

} // namespace fluxion::shell
