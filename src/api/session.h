#pragma once

// One authenticated client: takes its messages in order, answers them, and sees to it that a read
// sees every write sent before it on this connection. Lives on the connection's I/O thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/call.h"
#include "api/client_link.h"
#include "api/key_reads.h"
#include "api/service.h"
#include "api/subscriptions.h"
#include "engine/proposal_batch.h"
#include "protocol/envelope.h"

namespace fluxion {

// What a session uses of its I/O thread; all outlive it. The mailbox hands what comes for a ticket
// of a session to its done(): sessionOf(ticket) is the connection's id. The thread sees to it that
// proposals leave.
struct SessionThread {
    Mailbox& mailbox;
    Executor& executor;
    ProposalBatch& proposals;
    RequestReader& reader;
    Hub& hub;
};

class Session {
  public:
    // All but `access` outlive the session.
    Session(const Service& service, Access access, uint64_t connectionId, SessionThread thread,
            ClientLink& link);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    static uint64_t sessionOf(uint64_t ticket) { return ticket >> kTicketBits; }

    // The first message to the client, once.
    void sendReady();
    // One message from the client, which may be gone afterwards. Never fails as a whole.
    void receive(FrameKind kind, std::string_view message);
    // To be called behind one or several messages that came in one go.
    void received();
    // The outcome of a proposal, or a seq that was awaited.
    void done(uint64_t ticket, const Outcome& outcome);
    // The commit queue has room again.
    void roomAgain();
    // The link is not full any more.
    void roomToSend();
    // Some of what was given to the link has left.
    void sent();
    // Some times a second: ends waits that took too long.
    void tick();

    // Nothing that came in waits for its answer to be handed to the link.
    bool isIdle() const
    {
        return m_writes.empty() && m_waiting.empty() && m_awaiting.empty() && m_laterCount == 0 &&
               m_reads.empty();
    }

    const Access& access() const { return m_access; }

    // For handlers, through Call.
    void propose(const Call& call, Wish wish, WriteReply reply);
    void readKey(const Call& call, const KeyRef& key);
    // For a reply that is made elsewhere: to be called once, from any thread.
    using Answer = std::function<void(std::string reply)>;
    Answer answerLater(const Call& call);
    // Has `make` run where files may be read, and sends what it returns.
    void replyLater(const Call& call, std::function<std::string()> make);
    Subscriptions& subscriptions();

  private:
    static constexpr unsigned kTicketBits = 24;

    struct Message {
        FrameKind kind = FrameKind::Text;
        std::string bytes;
    };
    struct PendingWrite {
        uint64_t ticket = 0;
        std::optional<std::string> id;
        FrameKind kind = FrameKind::Text;
        WriteReply reply;
        int64_t begunUs = 0;
    };
    struct AwaitingSeq {
        Message message;
        std::optional<std::string> id;
        int64_t deadlineUs = 0;
    };
    enum class Taken { Done, Blocked };

    Taken take(FrameKind kind, std::string_view message, bool seqReached);
    bool checkMinSeq(std::string_view message, const Call& call, const Position& position);
    void drain();
    void keep(Message message);
    void updatePause();
    uint64_t newTicket();
    bool blocked() const { return m_noRoom || m_readWaits || m_link.isFull(); }

    const Service& m_service;
    const Access m_access;
    const uint64_t m_connectionId;
    const SessionThread m_thread;
    ClientLink& m_link;
    std::unique_ptr<Subscriptions> m_subscriptions;         // made for the first
    std::shared_ptr<int> m_alive = std::make_shared<int>(); // what comes later may come too late
    size_t m_laterCount = 0;                                // replies yet to be made

    KeyReads m_reads;              // together with those that come in the same go
    std::deque<Message> m_waiting; // in order, behind a read that waits, or for room
    size_t m_waitingBytes = 0;
    size_t m_writeIdBytes = 0;         // ids are as long as clients make them
    std::deque<PendingWrite> m_writes; // proposed, in order
    std::map<uint64_t, AwaitingSeq> m_awaiting;
    size_t m_awaitingBytes = 0;
    uint64_t m_ticketCount = 0;
    bool m_readWaits = false; // the first of m_waiting, for m_writes to be done
    bool m_noRoom = false;    // the commit queue asked for a pause
    bool m_paused = false;
    bool m_draining = false;
};

} // namespace fluxion
