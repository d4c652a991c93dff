#pragma once

// Messages on their way to one client, in order, as WebSocket frames; large ones in fragments, made
// only as fast as the client takes them.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <variant>

#include "api/client_link.h"
#include "net/reply_budget.h"
#include "net/transport.h"

namespace fluxion {

constexpr uint64_t kFragmentBytes = 1024 * 1024;   // a larger message leaves in fragments
constexpr uint64_t kWriteAheadBytes = 1024 * 1024; // handed on, not yet taken by the client

// I/O thread. The transport outlives it.
class Outbox {
  public:
    Outbox(Transport& transport, ReplyBudget& budget) : m_transport(transport), m_budget(budget) {}
    ~Outbox();
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    // Takes the message only if it has to wait.
    void add(FrameKind kind, std::string&& message);
    void add(FrameKind kind, std::unique_ptr<ReplyStream> stream);

    // Control frames go out at once, also between the fragments of a message.
    enum class Control : unsigned char { Close = 0x8, Ping = 0x9, Pong = 0xa };
    void sendControl(Control control, std::string_view payload); // at most 125 bytes
    // Nothing may be sent after it.
    void sendClose(int code, std::string_view reason);

    enum class Pumped {
        Waiting, // for the client, or for messages
        Again,   // there is more to make: call again after a turn of the event loop
        Later    // other replies hold all the memory there is: call again in a while
    };
    // Writes what may be written now.
    Pumped pump();

    // Messages of which a part is still here.
    size_t messages() const { return m_items.size(); }
    // Bytes queued here or in the transport.
    uint64_t pendingBytes() const { return m_queuedBytes + unsentBytes(); }
    uint64_t unsentBytes() const { return m_transport.unsentBytes(); }

  private:
    struct Item {
        FrameKind kind;
        std::variant<std::string, std::unique_ptr<ReplyStream>> content;
    };

    bool pumpWhole(Item& item);
    Pumped pumpStream(Item& item);
    void writeFrame(FrameKind kind, std::string_view payload, bool last);
    void write(unsigned char first, std::string_view payload);
    void finishFront();

    Transport& m_transport;
    ReplyBudget& m_budget;
    std::deque<Item> m_items;
    uint64_t m_queuedBytes = 0;
    uint64_t m_offset = 0;      // sent of the first item, when it is a string
    std::string m_piece;        // made of the first item, when it is a stream, not yet written
    bool m_fragmenting = false; // a frame of the first item was written
    bool m_hasBudget = false;
};

} // namespace fluxion
