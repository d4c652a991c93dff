// The versions of a key: hval.

#include "api/handlers.h"
#include "api/session.h"
#include "live/key_history.h"

namespace fluxion {

namespace {

void appendVersion(std::string& out, const KeyVersion& v)
{
    out += "{\"ver\":";
    appendJsonUint(out, v.version);
    appendJsonMember(out, "op", token(v.op));
    if (v.op == ChangeOp::Set)
        appendJsonMember(out, "value", v.value);
    if (v.expiryUs != 0)
        appendJsonMember(out, "expires", v.expiryUs / kUsPerMs);
    appendJsonMember(out, "seq", static_cast<int64_t>(v.seq));
    appendJsonMember(out, "time", v.timeUs / kUsPerMs);
    out += '}';
}

std::string historyReply(const std::optional<std::string>& id, const Result<KeyHistory>& history)
{
    if (!history)
        return errorReply(id, history.error());
    std::string out;
    ReplyWriter writer(out, id);
    writer.raw("versions") += '[';
    for (const KeyVersion& v : history.value().versions) {
        if (out.back() != '[')
            out += ',';
        appendVersion(out, v);
    }
    out += ']';
    writer.boolean("more", history.value().more).end();
    return out;
}

} // namespace

void handleHval(const Call& call)
{
    auto request = decodeHistory(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const HistoryRequest& r = request.value();
    const auto collection = call.collection(r.col);
    const KeyHead head = collection ? collection->head(r.key) : KeyHead();
    Engine& engine = call.service.engine;
    const uint32_t tenant = call.principal.tenant;
    const HistoryRange range{static_cast<size_t>(r.limit), r.before};
    std::optional<std::string> id = call.ownedId();
    call.session.replyLater(call, [&engine, head, tenant, range, id = std::move(id),
                                   col = std::string(r.col), key = std::string(r.key)] {
        const KeyName name{tenant, col, key};
        return historyReply(id, readKeyHistory(engine, name, head.seq, head.version, range));
    });
}

} // namespace fluxion
