#pragma once

// What a client sends after the handshake, as whole messages (RFC 6455 section 5). Ours, because
// QWebSocket of Qt 6.4 checks the UTF-8 of each fragment by itself, and so refuses text that a
// client cuts inside a character, as clients with a write buffer of fixed size do.

#include <cstdint>
#include <string>
#include <string_view>

#include "api/client_link.h"

namespace fluxion {

// Stands for a close frame that carries no code (RFC 6455 section 7.1.5); never sent.
constexpr int kCloseWithoutCode = 1005;

class FrameReader {
  public:
    enum class Kind {
        NeedMore,
        Message, // `frameKind` and `bytes`
        Ping,    // `bytes` go back in a pong
        Pong,
        Close, // the client's close frame: `closeCode`, or kCloseWithoutCode
        Broken // the connection must be closed with `closeCode`, saying `bytes`
    };
    struct Event {
        Kind kind = Kind::NeedMore;
        FrameKind frameKind = FrameKind::Text;
        std::string_view bytes{}; // until the next call of feed() or next()
        int closeCode = 0;
    };

    // Bounds a message, all its fragments together, before its length is believed.
    explicit FrameReader(uint64_t maxMessageBytes) : m_maxMessageBytes(maxMessageBytes) {}

    // Takes what has come. Then next() until it needs more.
    void feed(std::string_view bytes);
    // After Close or Broken: only NeedMore.
    Event next();

    // Room of its buffers.
    uint64_t memoryBytes() const
    {
        return m_in.capacity() + m_message.capacity() + m_joined.capacity();
    }
    // Bytes held of messages that are not whole yet.
    uint64_t heldBytes() const { return m_in.size() - m_at + m_message.size(); }

  private:
    struct Head {
        unsigned opcode = 0;
        bool last = false;
        uint64_t payloadBytes = 0;
        uint64_t bytes = 0; // of the head itself
        unsigned char mask[4] = {};
    };

    // False: not all of it has come. A fault is left in m_fault.
    bool readHead(Head& head);
    void checkHead(const Head& head, bool masked);
    Event control(const Head& head, std::string_view payload);
    Event data(const Head& head, std::string_view payload);
    Event broken(int closeCode, std::string why);
    std::string_view takePayload(const Head& head);
    void forgetHandedOut();

    const uint64_t m_maxMessageBytes;
    std::string m_in;
    size_t m_at = 0;              // consumed of m_in
    std::string m_message;        // fragments so far
    std::string m_joined;         // the message that was handed out, if it came in fragments
    std::string m_why;            // of a fault
    unsigned m_messageOpcode = 0; // 0: no message is open
    Event m_fault;
    bool m_ended = false;
};

} // namespace fluxion
