#pragma once

// The bytes of one connection, plain or under TLS.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <QTcpSocket>

namespace fluxion {

class FlushQueue;

// I/O thread.
class Transport {
  public:
    class Listener {
      public:
        virtual ~Listener() = default;
        // There is something to read; again in the next turn if it is not read.
        virtual void onReadable() = 0;
        // The peer took bytes.
        virtual void onSent() = 0;
        // The connection has ended, by the peer or by closeWhenSent(); nothing is called after it.
        // The transport must outlive the call.
        virtual void onClosed() = 0;
    };

    virtual ~Transport() = default;

    // Takes up to `size` bytes of what has come, or 0: nothing has. Fewer than asked for are all
    // there are now.
    virtual size_t read(char* buffer, size_t size) = 0;
    // Off: onReadable() is not called. Without TLS, the peer's close is not seen then.
    virtual void setReading(bool on) = 0;
    // Never refuses; see unsentBytes().
    virtual void write(std::string_view bytes) = 0;
    virtual uint64_t unsentBytes() const = 0;
    // Closes once all that was written has left.
    virtual void closeWhenSent() = 0;
    // Closes at once; what was not sent is lost. No call follows.
    virtual void abort() = 0;

    // Takes over a connected socket, with what it holds. A QSslSocket must be encrypted. `listener`
    // outlives the transport.
    static std::unique_ptr<Transport> of(std::unique_ptr<QTcpSocket> socket, Listener& listener,
                                         FlushQueue& flushes);
};

} // namespace fluxion
