#pragma once

// What stands between the network and the rest: messages come in through Session, replies and
// events go out through ClientLink. Neither side knows the other's frames, sockets or threads; both
// are used by the connection's own I/O thread only.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fluxion {

enum class FrameKind { Text, Binary };

// A reply that is made piece by piece, as the client takes it.
class ReplyStream {
  public:
    virtual ~ReplyStream() = default;
    // Appends about `aimBytes` to `out` and says whether more follows. Takes at most some
    // milliseconds: a piece may be small or empty.
    virtual bool produce(std::string& out, size_t aimBytes) = 0;
};

class ClientLink {
  public:
    virtual ~ClientLink() = default;
    // One message. Order is kept, also with streams. Takes the string's memory, or leaves it to be
    // used again.
    virtual void send(FrameKind kind, std::string&& message) = 0;
    // One message, however large.
    virtual void stream(FrameKind kind, std::unique_ptr<ReplyStream> reply) = 0;
    // No more messages come in until resumed; some that are on their way still may.
    virtual void setPaused(bool paused) = 0;
    // So much waits to be sent that no further request should be answered before
    // Session::roomToSend() is called.
    virtual bool isFull() const = 0;
    // What waits to be sent, in bytes. When some of it has left: Session::sent().
    virtual uint64_t pendingBytes() const = 0;
    virtual void close(int code, const std::string& reason) = 0;
};

// WebSocket close codes that we use (RFC 6455 section 7.4; 4000-4999 are ours to name).
constexpr int kCloseNormal = 1000;
constexpr int kCloseGoingAway = 1001;
constexpr int kCloseKeyRemoved = 4401;

} // namespace fluxion
