#include "shell/watch.h"

#include <algorithm>

#include <QRandomGenerator>

#include "shell/reply_text.h"
#include "shell/watch_cursor.h"

namespace fluxion::shell {

namespace {

using std::chrono::milliseconds;

// Between attempts to connect again: it doubles from the first to the last.
constexpr milliseconds kFirstDelay{100};
constexpr milliseconds kLastDelay{5000};

class Watcher {
  public:
    Watcher(Connection& connection, const Invocation& invocation, const RequestContext& context,
            const Style& style)
        : m_connection(connection), m_invocation(invocation), m_context(context), m_style(style)
    {
        m_left = invocation.integer("limit").value_or(INT64_MAX);
    }

    Outcome run()
    {
        for (;;) {
            std::optional<Outcome> outcome = connect();
            if (!outcome)
                outcome = subscribe();
            if (!outcome && !m_lost)
                outcome = follow();
            if (m_connection.interrupted())
                return Outcome::Done;
            if (outcome)
                return *outcome;
        }
    }

  private:
    // Each of these returns nothing when it is to go on: after `lost`, from the start.
    std::optional<Outcome> connect()
    {
        milliseconds delay = kFirstDelay;
        for (;;) {
            const Status status = m_connection.open();
            if (status)
                return std::nullopt;
            if (m_connection.interrupted())
                return Outcome::Done;
            if (!m_begun || status.error().code == Code::Unauthorized)
                return failed(status.error());
            lost(status.error());
            // Some of it by chance, so that many clients do not come back at once.
            const auto half = delay.count() / 2;
            m_connection.wait(
                milliseconds(half + QRandomGenerator::global()->bounded(static_cast<int>(half))),
                [] { return false; });
            delay = std::min(2 * delay, kLastDelay);
        }
    }

    std::optional<Outcome> subscribe()
    {
        const std::string from = m_cursor.resumePosition();
        const auto reply = m_connection.call(makeWatchRequest(m_invocation, m_context, from));
        if (!reply)
            return lostOr(reply.error());
        const JsonValue value = reply.value().value;
        if (member(value, "error").exists())
            return ended({std::string(memberText(value, "code")),
                          std::string(memberText(value, "error")),
                          std::string(memberText(value, "oldest"))});
        const bool snapshot = from.empty() && m_invocation.has("snapshot");
        if (m_lost)
            complain("connected again; " + (from.empty()
                                                ? std::string(snapshot ? "the snapshot begins anew"
                                                                       : "watching from now on")
                                                : "going on after " + from));
        else if (m_style.human() && !m_begun)
            complain("watching; Ctrl-C ends it");
        m_begun = true;
        m_lost = false;
        m_subscription = memberText(value, "id");
        const std::string_view log = memberText(value, "log");
        const auto seq = parseDecimalInteger(memberText(value, "seq")).value_or(0);
        m_cursor.begin(log.empty() ? m_connection.log() : std::string(log),
                       static_cast<uint64_t>(std::max<int64_t>(seq, 0)), snapshot);
        return std::nullopt;
    }

    std::optional<Outcome> follow()
    {
        const milliseconds silence = m_connection.timeout() / 2;
        for (;;) {
            const auto message = m_connection.receive(silence);
            if (message) {
                const JsonValue value = message.value().value;
                if (memberText(value, "type") != "evt" ||
                    memberText(value, "sub") != m_subscription)
                    continue;
                bool over = false;
                if (const auto outcome = show(value, over))
                    return outcome;
                if (over)
                    return std::nullopt;
            } else if (message.error().code != Code::Timeout) {
                return lostOr(message.error());
            } else if (m_connection.interrupted()) {
                return Outcome::Done;
            } else if (std::chrono::steady_clock::now() - m_connection.heardAt() >
                       m_connection.timeout()) {
                m_connection.close();
                return lostOr({Code::Io, "no sign of life"});
            } else {
                m_connection.ping();
            }
        }
    }

    // Prints the events of a frame. `over`: the subscription is, and another one can go on.
    std::optional<Outcome> show(JsonValue value, bool& over)
    {
        const auto frame = m_cursor.take(value);
        if (!frame)
            return failed({Code::Io, frame.error().text});
        std::string out;
        for (const JsonValue event : frame.value().events) {
            if (m_left-- == 0)
                break;
            if (m_style.form == Form::Json)
                appendJson(out, event), out += '\n';
            else
                appendEvent(out, event, m_style);
        }
        if (!out.empty() && !print(out))
            return outputFailed();
        if (m_left <= 0)
            return Outcome::Done;
        if (frame.value().snapshotEnds && m_style.human())
            complain("that is what there was; from here on it is new");
        if (!frame.value().end)
            return std::nullopt;
        over = frame.value().end->code == token(Code::Evicted);
        if (!over)
            return ended(*frame.value().end);
        complain("too slow for the server, which ended the subscription; going on after " +
                 m_cursor.resumePosition());
        return std::nullopt;
    }

    Outcome ended(const WatchEnd& end)
    {
        return refused(end.code, end.oldest.empty()
                                     ? end.text
                                     : end.text + " (the oldest position is " + end.oldest + ")");
    }

    std::optional<Outcome> lostOr(const Error& error)
    {
        if (m_connection.interrupted())
            return Outcome::Done;
        if (error.code != Code::Io)
            return failed(error);
        lost(error);
        return std::nullopt;
    }

    // Says so, once.
    void lost(const Error& error)
    {
        m_begun = true;
        if (!m_lost)
            complain("connection lost, trying again: " + error.text);
        m_lost = true;
    }

    Connection& m_connection;
    const Invocation& m_invocation;
    const RequestContext& m_context;
    const Style& m_style;
    WatchCursor m_cursor;
    std::string m_subscription;
    int64_t m_left = 0;
    bool m_begun = false; // it was connected once: a loss is no reason to end
    bool m_lost = false;  // and that was said
};

} // namespace

Outcome watch(Connection& connection, const Invocation& invocation, const RequestContext& context,
              const Style& style)
{
    return Watcher(connection, invocation, context, style).run();
}

} // namespace fluxion::shell
