#pragma once

// How a Connection reaches a server: a WebSocket, or a data folder opened in this process.

#include <memory>
#include <string>

#include <QObject>

#include "shell/endpoint.h"

namespace fluxion::shell {

// Main thread. Opened again after it was closed or lost.
class Channel : public QObject {
    Q_OBJECT
  public:
    // Begins to connect; the server's first message is its `ready`.
    virtual void open() = 0;
    // It connects, or is connected.
    virtual bool isUp() const = 0;
    virtual void transmit(const std::string& message) = 0;
    // heard() when an answer comes.
    virtual void ping() = 0;
    virtual void close() = 0; // in order, if it is connected
    virtual void abort() = 0; // whatever it is
    // Messages above this size (bytes) close it.
    virtual void limitMessages(quint64 bytes) = 0;
    // Of what was received, so much is dealt with.
    virtual void taken(size_t bytes) = 0;
    // Why it is not up.
    virtual Error lostError() const = 0;

  Q_SIGNALS:
    void received(const std::string& message);
    void heard();
    void stateChanged();
};

// What the endpoint says.
std::unique_ptr<Channel> makeChannel(const Endpoint& endpoint);

} // namespace fluxion::shell
