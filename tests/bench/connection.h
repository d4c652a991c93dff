#pragma once

// One client connection: a blocking socket, the handshake, and what has come on it, cut into
// replies.

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/request.h"

namespace fluxion::bench {

// Everything throws std::runtime_error when the connection fails.
class Connection {
  public:
    // WebSocket: shakes hands and waits for the greeting. `name` is what `conn` shows. NATS: waits
    // for its greeting.
    Connection(Wire wire, uint16_t port, const std::string& key, const std::string& name = {});
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int socket() const { return m_socket; }
    void send(std::string_view bytes);
    // Takes what has come; waits, at most 30 s, if nothing has.
    void receive();
    // The next whole reply of what has come, valid until the next receive(); fragments are joined,
    // pings left out.
    bool next(std::string_view& reply);

    // One request, one reply. NATS: lines that have no reply of their own, and the reply to a ping
    // behind them.
    std::string ask(const std::string& message, Frame frame = Frame::Binary);

  private:
    void shakeHands(const std::string& key, const std::string& name);
    void greetNats();
    std::string_view awaitReply();
    bool nextMessage(std::string_view& reply);
    bool nextResp(std::string_view& reply);
    bool nextLine(std::string_view& reply);

    Wire m_wire;
    int m_socket = -1;
    std::string m_in;
    size_t m_at = 0;
    std::string m_joined;
    bool m_joining = false;
};

} // namespace fluxion::bench
