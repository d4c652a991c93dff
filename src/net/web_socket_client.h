#pragma once

// An upgraded connection: FrameReader takes the client's frames apart, Session answers, Outbox
// writes.

#include <cstdint>
#include <memory>
#include <string>

#include <QObject>

#include "api/session.h"
#include "net/frame_reader.h"
#include "net/outbox.h"
#include "net/transport.h"

namespace fluxion {

class IoLoop;

// I/O thread.
class WebSocketClient : public QObject, public ClientLink, private Transport::Listener {
    Q_OBJECT
  public:
    WebSocketClient(IoLoop& loop, uint64_t id, std::unique_ptr<QTcpSocket> socket,
                    const Access& access);

    // Answers the handshake and greets the client.
    void start(std::string_view handshake);
    uint64_t id() const { return m_id; }
    Session& session() { return *m_session; }
    void tick(int64_t nowUs);
    // Takes no more requests; answers those it has, then closes.
    void closeWhenDone(int code, std::string reason);
    void abort();

    void send(FrameKind kind, std::string&& message) override;
    void stream(FrameKind kind, std::unique_ptr<ReplyStream> reply) override;
    void setPaused(bool paused) override;
    bool isFull() const override { return m_full; }
    uint64_t pendingBytes() const override { return m_outbox->pendingBytes(); }
    void close(int code, const std::string& reason) override;

  private:
    void onReadable() override;
    void onSent() override;
    void onClosed() override { leave(); }
    void readFrames();
    void readSoon();
    void on(const FrameReader::Event& event);
    void pump();
    bool overfull();
    void updatePause();
    void soon(void (WebSocketClient::*call)());
    void offerRoom();
    void leave();
    void closeIfDone();
    bool listens() const { return m_closingUs == 0 && m_lastCode == 0 && !m_gone; }

    IoLoop& m_loop;
    const uint64_t m_id;
    std::unique_ptr<Transport> m_transport;
    FrameReader m_reader;
    std::unique_ptr<Outbox> m_outbox;
    std::unique_ptr<Session> m_session;
    int64_t m_heardUs = 0;
    int64_t m_pingedUs = 0;
    int64_t m_progressUs = 0;
    int64_t m_closingUs = 0;    // our close frame is out; 0: not yet
    int64_t m_peerClosedUs = 0; // the client's close frame has come; 0: not yet
    bool m_broken = false;      // the client sent what no frame may be
    int m_lastCode = 0;         // to close with when all is answered; 0: not asked to
    std::string m_lastReason;
    bool m_full = false; // more waits to be sent than should; reading stops
    bool m_sessionPauses = false;
    bool m_paused = false;
    bool m_pumpQueued = false;
    bool m_readQueued = false;
    bool m_gone = false;
};

} // namespace fluxion
