// Subscriptions: sub, unsub, and the frames of type evt.

#include "api/subscriptions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "api/handlers.h"
#include "api/session.h"

namespace fluxion {

namespace {

// Events wait in the hub, where many share them, rather than here, where each client has its own.
constexpr uint64_t kPendingBytes = 128 * 1024;

Filter filterOf(const SubscribeRequest& r, uint32_t tenant)
{
    Filter filter;
    filter.kind = r.documents ? WatchKind::Documents : WatchKind::Keys;
    filter.tenant = tenant;
    if (!r.col.empty())
        filter.collection = std::string(r.col);
    filter.match = r.match;
    filter.where = r.where;
    filter.without = r.filter;
    filter.fields = {r.wantsValue, r.wantsExpiry, r.wantsPrevious, r.wantsTime};
    return filter;
}

void failCompacted(const Call& call, const Error& error, const std::string& log, uint64_t oldest)
{
    std::string out;
    beginErrorReply(out, call.id, error).text("oldest", formatPosition(log, oldest)).end();
    call.reply(std::move(out));
}

} // namespace

Subscriptions::~Subscriptions()
{
    for (const auto& [id, entry] : m_entries)
        m_hub.unsubscribe(id);
}

Status Subscriptions::mayAdd(const Call& call) const
{
    if (call.id->size() > m_service.limits.request.maxNameBytes)
        return {Code::TooLarge, "the `id` of a subscription may have " +
                                    std::to_string(m_service.limits.request.maxNameBytes) +
                                    " bytes"};
    if (m_ids.contains(*call.id))
        return {Code::BadRequest, "a subscription of this connection has this `id`"};
    if (m_entries.size() >= m_service.limits.maxSubscriptions)
        return {Code::TooMany, "a connection may have " +
                                   std::to_string(m_service.limits.maxSubscriptions) +
                                   " subscriptions"};
    return {};
}

void Subscriptions::subscribe(const Call& call, const SubscribeRequest& request)
{
    if (Status status = mayAdd(call); !status)
        return call.fail(status.error());
    const std::string& log = m_service.engine.history();
    if (request.from && !request.from->log.empty() && request.from->log != log)
        return failCompacted(call,
                             {Code::Compacted, "`from` is of another history; this one is " + log},
                             log, m_hub.oldestResumeSeq());
    SubscribeFrom from;
    from.snapshot = request.snapshot;
    if (request.from)
        from.seq = request.from->seq;
    if (!request.cut.empty()) {
        from.wish.cut = m_service.live.held.find(call.principal.tenant, request.cut,
                                                 m_service.clock.steadyUs());
        if (!from.wish.cut)
            return call.fail({Code::NotFound, "there is no such cut"});
    }
    from.wish.history = request.history;
    from.wish.start = request.start;
    from.wish.startTs = request.startTs;
    add(call, m_hub.subscribe(filterOf(request, call.principal.tenant), std::move(from), *this));
}

void Subscriptions::followLog(const Call& call, const LogRequest& request)
{
    if (Status status = mayAdd(call); !status)
        return call.fail(status.error());
    Filter filter;
    filter.kind = WatchKind::Entries;
    SubscribeFrom from;
    // If the log begins behind the range's end, that is told: no such entry will come.
    from.seq = request.fromOldest ? std::min(m_hub.oldestResumeSeq(), request.last - 1)
                                  : request.first - 1;
    from.entries = {request.last, request.limit};
    add(call, m_hub.subscribe(std::move(filter), std::move(from), *this));
}

void Subscriptions::add(const Call& call, const Result<Hub::Subscribed>& subscribed)
{
    const std::string& log = m_service.engine.history();
    if (!subscribed)
        return failCompacted(call, subscribed.error(), log, m_hub.oldestResumeSeq());
    Entry entry{std::string(*call.id), "{\"type\":\"evt\",\"sub\":", call.kind};
    appendJsonString(entry.head, *call.id);
    entry.head += ",\"seq\":";
    m_ids.emplace(entry.name, subscribed.value().id);
    m_entries.emplace(subscribed.value().id, std::move(entry));
    std::string out;
    ReplyWriter(out, call.id).unsignedInteger("seq", subscribed.value().seq).text("log", log).end();
    call.reply(std::move(out));
}

void Subscriptions::unsubscribe(const Call& call, const UnsubscribeRequest& request)
{
    const auto at = m_ids.find(request.sub);
    if (at == m_ids.end())
        return call.fail({Code::NotFound, "there is no such subscription"});
    const uint64_t seq = m_hub.unsubscribe(at->second);
    m_entries.erase(at->second);
    m_ids.erase(at);
    std::string out;
    ReplyWriter(out, call.id).unsignedInteger("seq", seq).end();
    call.reply(std::move(out));
}

bool Subscriptions::takesEvents()
{
    const bool takes = m_link.pendingBytes() < kPendingBytes;
    m_stalled |= !takes;
    if (takes)
        m_movedUs = m_service.clock.steadyUs();
    return takes;
}

int64_t Subscriptions::stalledUs()
{
    return takesEvents() ? 0 : m_service.clock.steadyUs() - m_movedUs;
}

void Subscriptions::sent()
{
    m_movedUs = m_service.clock.steadyUs();
    if (!m_stalled || m_link.pendingBytes() > kPendingBytes / 2)
        return;
    m_stalled = false;
    std::vector<uint64_t> ids;
    for (const auto& [id, entry] : m_entries)
        ids.push_back(id);
    // In turns: there may be room for few of them.
    std::sort(ids.begin(), ids.end());
    std::rotate(ids.begin(), std::upper_bound(ids.begin(), ids.end(), m_lastResumed), ids.end());
    for (const uint64_t id : ids) {
        m_hub.resume(id);
        m_lastResumed = id;
        if (!takesEvents())
            return;
    }
}

void Subscriptions::send(uint64_t subscription, const EventFrame& frame)
{
    const Entry& entry = m_entries.at(subscription);
    constexpr size_t kRoomBytes = 64; // for what stands around the events
    size_t bytes = entry.head.size() + kRoomBytes;
    for (const SharedEvent& event : frame.events)
        bytes += event->text().size() + 1;
    std::string out;
    out.reserve(bytes);
    out += entry.head;
    appendJsonUint(out, frame.seq);
    if (frame.snapshot)
        out += ",\"snapshot\":true";
    if (frame.more)
        out += ",\"more\":true";
    if (frame.last)
        out += ",\"end\":true";
    out += ",\"events\":";
    char separator = '[';
    for (const SharedEvent& event : frame.events) {
        out += std::exchange(separator, ',');
        out += event->text();
    }
    out += frame.events.empty() ? "[]}" : "]}";
    m_link.send(entry.kind, std::move(out));
    if (frame.last)
        forget(subscription);
}

void Subscriptions::end(uint64_t subscription, const EventEnd& end)
{
    const Entry& entry = m_entries.at(subscription);
    std::string out = entry.head;
    appendJsonUint(out, end.seq);
    out += ",\"events\":[],\"code\":";
    appendJsonString(out, token(end.error.code));
    out += ",\"error\":";
    appendJsonString(out, end.error.text);
    if (end.error.code == Code::Compacted) {
        out += ",\"oldest\":";
        appendJsonString(out, formatPosition(m_service.engine.history(), end.oldestSeq));
    }
    out += '}';
    m_link.send(entry.kind, std::move(out));
    forget(subscription);
}

void Subscriptions::forget(uint64_t subscription)
{
    const auto at = m_entries.find(subscription);
    m_ids.erase(at->second.name);
    m_entries.erase(at);
}

void handleSub(const Call& call)
{
    auto request = decodeSubscribe(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    call.session.subscriptions().subscribe(call, request.value());
}

void handleUnsub(const Call& call)
{
    auto request = decodeUnsubscribe(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    call.session.subscriptions().unsubscribe(call, request.value());
}

} // namespace fluxion
