#include "api/session.h"

#include <algorithm>

#include "api/handlers.h"

namespace fluxion {

namespace {

constexpr size_t kPlainReplyBytes = 96; // most replies to writes are smaller

void appendVersions(std::string& out, const std::vector<std::string>& keys,
                    const std::vector<uint64_t>& versions)
{
    char separator = '{';
    for (size_t i = 0; i < keys.size(); ++i) {
        out += std::exchange(separator, ',');
        appendJsonString(out, keys[i]);
        out += ':';
        appendJsonUint(out, versions[i]);
    }
    out += '}';
}

std::string writeReply(const std::optional<std::string>& id, const WriteReply& reply,
                       const Outcome& outcome, bool full)
{
    std::string out;
    if (!outcome.status) {
        ReplyWriter error = beginErrorReply(out, id, outcome.status.error());
        if (const KeyConflict* const conflict = outcome.conflict.get()) {
            if (reply.kind == WriteReply::Kind::Versions)
                error.text("key", conflict->key);
            error.unsignedInteger("ver", conflict->version).boolean("found", conflict->found);
            // A client that reads no replies must not have thousands of values waiting for it.
            if (!full)
                error.text("value", conflict->value.view());
        }
        error.end();
        return out;
    }
    out.reserve(kPlainReplyBytes);
    ReplyWriter writer(out, id);
    if (reply.kind == WriteReply::Kind::KeyAdded || reply.kind == WriteReply::Kind::KeyRemoved)
        writer.text("status", "ok");
    if (reply.kind == WriteReply::Kind::KeyAdded)
        writer.text("scope", token(reply.scope));
    if (reply.kind == WriteReply::Kind::Version && outcome.version != 0)
        writer.unsignedInteger("ver", outcome.version);
    if (reply.kind == WriteReply::Kind::Versions)
        appendVersions(writer.raw("vers"), reply.keys, *outcome.versions);
    writer.unsignedInteger("seq", outcome.seq);
    writer.end();
    return out;
}

} // namespace

Session::Session(const Service& service, Access access, uint64_t connectionId, SessionThread thread,
                 ClientLink& link)
    : m_service(service), m_access(std::move(access)), m_connectionId(connectionId),
      m_thread(thread), m_link(link), m_reads(service, link)
{
}

Session::~Session()
{
    for (const auto& [ticket, awaiting] : m_awaiting)
        m_service.engine.cancelAwait(m_thread.mailbox, ticket);
}

void Session::sendReady()
{
    std::string out = "{\"type\":\"ready\",\"message\":\"Authentication successful\",\"version\":";
    appendJsonString(out, m_service.version);
    out += ",\"log\":";
    appendJsonString(out, m_service.engine.history());
    out += ",\"seq\":";
    appendJsonUint(out, m_service.engine.appliedSeq());
    out += ",\"scope\":";
    appendJsonString(out, token(m_access.scope()));
    out += ",\"durable\":";
    out += m_service.engine.durable() ? "true}" : "false}";
    m_link.send(FrameKind::Text, std::move(out));
}

void Session::receive(FrameKind kind, std::string_view message)
{
    if (blocked() || !m_waiting.empty() || take(kind, message, false) == Taken::Blocked)
        keep({kind, std::string(message)});
    updatePause();
}

void Session::received()
{
    m_reads.answer();
    if (m_waiting.empty())
        return;
    drain();
    updatePause();
}

void Session::keep(Message message)
{
    m_waitingBytes += message.bytes.size();
    m_waiting.push_back(std::move(message));
}

// Answers the message or sees that it will be; Blocked: it has to wait for the writes before it.
Session::Taken Session::take(FrameKind kind, std::string_view message, bool seqReached)
{
    const Envelope envelope = m_thread.reader.readEnvelope(message);
    Call call{m_service, *this,       m_link, m_connectionId, m_access.principal(),
              kind,      envelope.id, {}};
    if (!envelope.status) {
        call.fail(envelope.status.error());
        return Taken::Done;
    }
    const CommandSpec& command = *envelope.command;
    const bool reads =
        command.permission == Permission::Read || command.permission == Permission::Master;
    if (reads && !m_writes.empty()) {
        m_readWaits = true;
        return Taken::Blocked;
    }
    // What comes behind a read must not take effect before it.
    if ((command.type != CommandType::Gval || m_reads.full()) && !m_reads.answer())
        return Taken::Blocked;
    if (m_access.revoked()) {
        call.fail({Code::Unauthorized, "this key was removed"});
        return Taken::Done;
    }
    if (!allows(call.principal.scope, command.permission)) {
        call.fail({Code::Forbidden, "the key's scope " + std::string(token(call.principal.scope)) +
                                        " does not allow " + std::string(command.token)});
        return Taken::Done;
    }
    auto payload = m_thread.reader.readPayload(envelope);
    if (!payload) {
        call.fail(payload.error());
        return Taken::Done;
    }
    call.payload = payload.value().value;
    call.insert = payload.value().insert;
    const auto& minSeq = payload.value().minSeq;
    if (!minSeq || seqReached || checkMinSeq(message, call, *minSeq))
        dispatch(command.type, call);
    m_thread.reader.trim();
    return Taken::Done;
}

// False when the request was refused, or waits for the seq.
bool Session::checkMinSeq(std::string_view message, const Call& call, const Position& position)
{
    if (!position.log.empty() && position.log != m_service.engine.history()) {
        call.fail({Code::Compacted,
                   "min_seq is of another history; this one is " + m_service.engine.history()});
        return false;
    }
    if (position.seq <= m_service.engine.appliedSeq())
        return true;
    const ServiceLimits& limits = m_service.limits;
    if (m_awaiting.size() >= limits.maxInFlight || m_awaitingBytes >= limits.maxWaitingBytes) {
        call.fail({Code::TooMany, "a connection may have " + std::to_string(limits.maxInFlight) +
                                      " requests, " + std::to_string(limits.maxWaitingBytes) +
                                      " bytes, waiting for min_seq"});
        return false;
    }
    m_awaitingBytes += message.size();
    const uint64_t ticket = newTicket();
    m_awaiting[ticket] = {{call.kind, std::string(message)},
                          call.ownedId(),
                          m_service.clock.steadyUs() + limits.minSeqTimeoutUs};
    m_service.engine.awaitSeq(position.seq, m_thread.mailbox, ticket);
    return false;
}

void Session::propose(const Call& call, Wish wish, WriteReply reply)
{
    const uint64_t ticket = newTicket();
    const Accepted accepted = m_thread.proposals.add(
        {call.principal, std::move(wish), &m_thread.mailbox, ticket, m_connectionId});
    if (accepted == Accepted::No) {
        call.fail({Code::Busy, "the server's queue of writes is full; try again"});
        return;
    }
    m_writes.push_back(
        {ticket, call.ownedId(), call.kind, std::move(reply), m_service.clock.steadyUs()});
    m_writeIdBytes += call.id ? call.id->size() : 0;
    if (accepted == Accepted::Pause)
        m_noRoom = true;
}

void Session::readKey(const Call& call, const KeyRef& key)
{
    m_reads.add(call, key);
}

Session::Answer Session::answerLater(const Call& call)
{
    ++m_laterCount;
    return [this, &executor = m_thread.executor, alive = std::weak_ptr<int>(m_alive),
            kind = call.kind](std::string made) {
        executor.post([this, alive, kind, reply = std::move(made)]() mutable {
            if (alive.expired())
                return;
            --m_laterCount;
            m_link.send(kind, std::move(reply));
            updatePause();
        });
    };
}

void Session::replyLater(const Call& call, std::function<std::string()> make)
{
    m_service.live.reader.postFor(
        m_connectionId,
        [answer = answerLater(call), alive = std::weak_ptr<int>(m_alive), make = std::move(make)] {
            if (!alive.expired()) // else nobody waits for it any more
                answer(make());
        });
}

Subscriptions& Session::subscriptions()
{
    if (!m_subscriptions)
        m_subscriptions =
            std::make_unique<Subscriptions>(m_service, m_thread.hub, m_link, m_connectionId);
    return *m_subscriptions;
}

void Session::sent()
{
    if (m_subscriptions)
        m_subscriptions->sent();
}

void Session::done(uint64_t ticket, const Outcome& outcome)
{
    if (const auto it = m_awaiting.find(ticket); it != m_awaiting.end()) {
        Message message = std::move(it->second.message);
        m_awaiting.erase(it);
        m_awaitingBytes -= message.bytes.size();
        if (!m_writes.empty() || !m_waiting.empty() || blocked() ||
            take(message.kind, message.bytes, true) == Taken::Blocked)
            keep(std::move(message)); // its seq stays reached
    } else {
        const auto write = std::find_if(m_writes.begin(), m_writes.end(),
                                        [&](const PendingWrite& w) { return w.ticket == ticket; });
        if (write == m_writes.end())
            return;
        const PendingWrite finished = std::move(*write);
        if (write == m_writes.begin())
            m_writes.pop_front(); // nearly always, and cheaper
        else
            m_writes.erase(write);
        m_writeIdBytes -= finished.id ? finished.id->size() : 0;
        const int64_t now = m_service.clock.steadyUs();
        m_service.writeTimes.add(now - finished.begunUs, now);
        m_link.send(finished.kind,
                    writeReply(finished.id, finished.reply, outcome, m_link.isFull()));
    }
    if (m_writes.empty())
        m_readWaits = false;
    drain();
    updatePause();
}

void Session::roomAgain()
{
    m_noRoom = false;
    drain();
    updatePause();
}

void Session::roomToSend()
{
    drain();
    updatePause();
}

void Session::drain()
{
    if (m_draining)
        return;
    m_draining = true;
    m_reads.answer();
    while (!m_waiting.empty() && !blocked()) {
        Message message = std::move(m_waiting.front());
        if (take(message.kind, message.bytes, false) == Taken::Blocked) {
            m_waiting.front() = std::move(message);
            break;
        }
        m_waitingBytes -= message.bytes.size();
        m_waiting.pop_front();
    }
    m_reads.answer();
    m_draining = false;
}

void Session::tick()
{
    m_reads.rest();
    const int64_t now = m_service.clock.steadyUs();
    for (auto it = m_awaiting.begin(); it != m_awaiting.end();) {
        if (it->second.deadlineUs > now) {
            ++it;
            continue;
        }
        m_service.engine.cancelAwait(m_thread.mailbox, it->first);
        m_link.send(it->second.message.kind,
                    errorReply(it->second.id, {Code::Timeout, "min_seq was not reached in time"}));
        m_awaitingBytes -= it->second.message.bytes.size();
        it = m_awaiting.erase(it);
    }
}

// Reading stops while more waits than a connection may have under way.
void Session::updatePause()
{
    const ServiceLimits& limits = m_service.limits;
    const bool pause = m_noRoom || m_waitingBytes + m_writeIdBytes > limits.maxWaitingBytes ||
                       m_waiting.size() + m_writes.size() + m_laterCount >= limits.maxInFlight;
    if (pause != m_paused) {
        m_paused = pause;
        m_link.setPaused(pause);
    }
}

// Of 2^24 that come round again one may still be waited for.
uint64_t Session::newTicket()
{
    uint64_t ticket = 0;
    do {
        const uint64_t count = m_ticketCount++ & ((uint64_t{1} << kTicketBits) - 1);
        ticket = (m_connectionId << kTicketBits) | count;
    } while (m_awaiting.contains(ticket));
    return ticket;
}

} // namespace fluxion
