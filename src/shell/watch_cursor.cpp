#include "shell/watch_cursor.h"

#include "protocol/position.h"
#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

std::optional<uint64_t> number(JsonValue object, std::string_view name)
{
    const auto value =
        member(object, name).exists() ? member(object, name).asInt64() : std::nullopt;
    return value && *value >= 0 ? std::optional(static_cast<uint64_t>(*value)) : std::nullopt;
}

} // namespace

void WatchCursor::begin(std::string log, uint64_t seq, bool snapshot)
{
    // Events of another history have numbers of their own.
    if (log != m_log)
        m_last.reset();
    m_log = std::move(log);
    m_seq = seq;
    m_inSnapshot = snapshot;
}

Result<WatchFrame> WatchCursor::take(JsonValue frame)
{
    const auto seq = number(frame, "seq");
    const JsonValue events = member(frame, "events");
    if (!seq || !events.isArray())
        return {Code::BadJson, "the server sent an event frame that this client cannot read"};
    WatchFrame out;
    const bool snapshot = memberIsTrue(frame, "snapshot");
    for (const JsonValue event : events.elements()) {
        if (snapshot || isNew(event))
            out.events.push_back(event);
    }
    if (const std::string_view code = memberText(frame, "code"); !code.empty()) {
        out.end = WatchEnd{std::string(code), std::string(memberText(frame, "error")),
                           std::string(memberText(frame, "oldest"))};
        if (m_inSnapshot)
            return out;
    }
    if (snapshot && memberIsTrue(frame, "more"))
        return out;
    out.snapshotEnds = snapshot;
    m_inSnapshot = false;
    m_seq = *seq;
    return out;
}

bool WatchCursor::isNew(JsonValue event)
{
    const auto seq = number(event, "seq");
    const auto place = number(event, "i");
    if (!seq || !place)
        return true;
    const std::pair at(*seq, *place);
    if (m_last && at <= *m_last)
        return false;
    m_last = at;
    return true;
}

std::string WatchCursor::resumePosition() const
{
    if (m_log.empty() || m_inSnapshot)
        return {};
    return formatPosition(m_log, m_seq);
}

} // namespace fluxion::shell
