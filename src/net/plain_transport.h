#pragma once

// A TCP connection without TLS, on its descriptor: one system call to read and one to write, where
// QTcpSocket makes five.

#include <memory>
#include <string>

#include <QSocketNotifier>

#include "net/flush_queue.h"
#include "net/transport.h"

namespace fluxion {

class PlainTransport final : public Transport {
  public:
    // Owns the descriptor, connected and non-blocking; with -1 the first read() tells that the
    // connection has ended. `received` was read from it already.
    PlainTransport(int descriptor, std::string received, Listener& listener, FlushQueue& flushes);
    ~PlainTransport() override;
    PlainTransport(const PlainTransport&) = delete;
    PlainTransport& operator=(const PlainTransport&) = delete;

    size_t read(char* buffer, size_t size) override;
    void setReading(bool on) override;
    void write(std::string_view bytes) override;
    uint64_t unsentBytes() const override { return m_out.size(); }
    void closeWhenSent() override;
    void abort() override;

    // For the flush queue.
    void flush();

  private:
    bool sendSome();
    void close();
    void closed();
    void tellClosed();

    int m_descriptor;
    std::string m_received; // before it was ours
    Listener& m_listener;
    FlushQueue& m_flushes;
    std::unique_ptr<QSocketNotifier> m_readNotifier;
    std::unique_ptr<QSocketNotifier> m_writeNotifier; // made when the peer first lets us wait
    std::string m_out;
    bool m_queued = false;
    bool m_closing = false;
    bool m_closedTold = false;
};

} // namespace fluxion
