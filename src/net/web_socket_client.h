#pragma once

// An upgraded connection: QWebSocket reads the frames, Outbox writes ours, Session talks.

#include <cstdint>
#include <memory>

#include <QObject>
#include <QWebSocket>

#include "api/session.h"
#include "net/outbox.h"

namespace fluxion {

class IoLoop;

// I/O thread.
class WebSocketClient : public QObject, public ClientLink {
    Q_OBJECT
  public:
    // Takes the socket and its QWebSocket.
    WebSocketClient(IoLoop& loop, uint64_t id, QWebSocket* webSocket, QTcpSocket* socket,
                    const Access& access);
    ~WebSocketClient() override;

    uint64_t id() const { return m_id; }
    Session& session() { return *m_session; }
    void tick(int64_t nowUs);
    void abort();

    void send(FrameKind kind, std::string message) override;
    void stream(FrameKind kind, std::unique_ptr<ReplyStream> reply) override;
    void setPaused(bool paused) override;
    void close(int code, const std::string& reason) override;

  private:
    void heard();
    void onProgress();
    void pump();
    void updatePause();
    void leave();

    IoLoop& m_loop;
    const uint64_t m_id;
    QWebSocket* m_webSocket; // ours
    QTcpSocket* m_socket;    // its child
    std::unique_ptr<Outbox> m_outbox;
    std::unique_ptr<Session> m_session;
    int64_t m_heardUs = 0;
    int64_t m_pingedUs = 0;
    int64_t m_progressUs = 0;
    int64_t m_closingUs = 0; // 0: not closing
    bool m_sessionPauses = false;
    bool m_paused = false;
    bool m_pumpQueued = false;
    bool m_gone = false;
};

} // namespace fluxion
