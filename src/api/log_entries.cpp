// The log itself, for tools: log.

#include <algorithm>
#include <deque>

#include "api/handlers.h"
#include "api/session.h"
#include "live/entry_text.h"

namespace fluxion {

namespace {

constexpr size_t kMaxReplyBytes = 4 * 1024 * 1024; // of entries; the rest is asked for again

struct LogRange {
    uint64_t first = 0; // both included
    uint64_t last = 0;
    bool reverse = false;
};

// The entries' texts in order of seq. Fewer than asked for when they are too large.
Result<std::deque<std::string>> readEntries(Engine& engine, const LogRange& range)
{
    std::deque<std::string> texts;
    size_t bytes = 0;
    const auto cursor = engine.readLog(range.first - 1);
    while (true) {
        auto batch = cursor->next(range.last);
        if (!batch)
            return batch.error();
        if (!batch.value())
            return texts;
        EntryCursor entries(*batch.value());
        uint64_t seq = 0;
        Entry entry;
        while (entries.next(seq, entry)) {
            if (seq < range.first || seq > range.last)
                continue;
            if (Status status = appendEntryText(texts.emplace_back(), seq, entry); !status)
                return status.error();
            bytes += texts.back().size();
            if (bytes <= kMaxReplyBytes)
                continue;
            if (!range.reverse)
                return texts;
            // Backwards all of the range is read: it is the last ones that are wanted.
            while (bytes > kMaxReplyBytes && texts.size() > 1) {
                bytes -= texts.front().size();
                texts.pop_front();
            }
        }
    }
}

std::string logReply(Engine& engine, const std::optional<std::string>& id, const LogRequest& r)
{
    const uint64_t newest = engine.appliedSeq();
    LogRange range{std::max(r.first, engine.oldestSeq()), std::min(r.last, newest), r.reverse};
    std::deque<std::string> texts;
    const uint64_t wanted = range.last >= range.first ? range.last - range.first + 1 : 0;
    if (wanted > 0) {
        if (r.reverse)
            range.first = range.last - std::min(wanted, r.limit) + 1;
        else
            range.last = range.first + std::min(wanted, r.limit) - 1;
        auto read = readEntries(engine, range);
        if (!read)
            return errorReply(id, read.error());
        texts = std::move(read.value());
        if (r.reverse)
            std::reverse(texts.begin(), texts.end());
    }
    std::string out;
    ReplyWriter writer(out, id);
    writer.raw("entries") += '[';
    size_t count = 0;
    for (; count < texts.size() && (count == 0 || out.size() < kMaxReplyBytes); ++count) {
        if (count > 0)
            out += ',';
        out += texts[count];
    }
    out += ']';
    writer.boolean("more", count < wanted)
        .text("oldest", formatPosition(engine.history(), engine.oldestSeq() - 1))
        .end();
    return out;
}

} // namespace

void handleLog(const Call& call)
{
    auto request = decodeLog(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    if (request.value().live)
        return call.session.subscriptions().followLog(call, request.value());
    std::optional<std::string> id = call.ownedId();
    call.session.replyLater(call, [&engine = call.service.engine, id = std::move(id),
                                   r = request.value()] { return logReply(engine, id, r); });
}

} // namespace fluxion
