#pragma once

// A connection that has not yet said what it wants: its bytes are peeked at, not consumed, until
// the request head is whole; then it becomes a WebSocket client, or gets an HTTP answer and is
// closed.

#include <cstdint>
#include <optional>
#include <string>

#include <QObject>
#include <QTcpSocket>

#include "auth/authenticator.h"
#include "net/http_head.h"

namespace fluxion {

class IoLoop;

// I/O thread. Owns the socket until it is handed over.
class Newcomer : public QObject {
    Q_OBJECT
  public:
    Newcomer(IoLoop& loop, uint64_t id, QTcpSocket* socket);

    uint64_t id() const { return m_id; }
    // Ends what has taken too long.
    void tick(int64_t nowUs);
    void abort();

  private:
    void onReadyRead();
    void decide(const HttpHead& head);
    std::string plainReply(const HttpHead& head) const;
    void upgrade(const HttpHead& head);
    // What forbids the upgrade: an HTTP answer; empty if nothing does.
    std::string refusal(const HttpHead& head, std::optional<Access>& access) const;
    void answer(const std::string& reply);
    void leave();

    IoLoop& m_loop;
    const uint64_t m_id;
    QTcpSocket* m_socket;
    const int64_t m_sinceUs;
    size_t m_searched = 0;
    bool m_answered = false;
    int64_t m_answeredUs = 0;
};

} // namespace fluxion
