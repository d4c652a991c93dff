#pragma once

// A TCP connection under TLS, as QSslSocket has it.

#include <memory>

#include <QSslSocket>

#include "net/transport.h"

namespace fluxion {

class TlsTransport final : public Transport {
  public:
    TlsTransport(std::unique_ptr<QTcpSocket> socket, Listener& listener);
    ~TlsTransport() override;

    size_t read(char* buffer, size_t size) override;
    void setReading(bool on) override;
    void write(std::string_view bytes) override;
    uint64_t unsentBytes() const override;
    void closeWhenSent() override;
    void abort() override;

  private:
    std::unique_ptr<QSslSocket> m_socket;
    Listener& m_listener;
    bool m_reading = true;
};

} // namespace fluxion
