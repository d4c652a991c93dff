#include "live/event_text.h"

#include "base/clock.h"
#include "base/json.h"

namespace fluxion {

namespace {

void appendKey(std::string& out, const Change& change, Verdict verdict, EventFields fields)
{
    appendJsonMember(out, "key", change.name);
    appendJsonMember(out, "ver", static_cast<int64_t>(change.version));
    if (verdict == Verdict::Entered)
        out += ",\"entered\":true";
    if (verdict == Verdict::Left) {
        out += ",\"left\":true";
    } else if (change.op == ChangeOp::Set) {
        if (fields.value)
            appendJsonMember(out, "value", change.value);
        if (fields.expiry && change.expiryUs != 0)
            appendJsonMember(out, "expires", change.expiryUs / kUsPerMs);
    }
    if (fields.previous && change.before == Before::Present)
        appendJsonMember(out, "previous", change.previous);
}

void appendDocument(std::string& out, const Change& change, EventFields fields)
{
    appendJsonMember(out, "doc", change.name);
    if (change.op == ChangeOp::Inserted) {
        appendJsonMember(out, "ts", change.from);
        if (fields.value)
            appendJsonMember(out, "data", change.value);
    } else if (!change.whole) {
        appendJsonMember(out, "from", change.from);
        appendJsonMember(out, "to", change.to);
    }
}

} // namespace

std::string eventText(const Change& change, Verdict verdict, EventFields fields)
{
    constexpr size_t kRoomBytes = 128; // for what stands beside names and value
    std::string out;
    out.reserve(kRoomBytes + change.collection.size() + change.name.size() + change.value.size());
    out += "{\"seq\":";
    appendJsonUint(out, change.seq);
    out += ",\"i\":";
    appendJsonUint(out, change.index);
    appendJsonMember(out, "op", token(change.op));
    appendJsonMember(out, "col", change.collection);
    if (change.isOfKey())
        appendKey(out, change, verdict, fields);
    else if (change.isOfDocument())
        appendDocument(out, change, fields);
    if (fields.time)
        appendJsonMember(out, "time", change.timeUs / kUsPerMs);
    out += '}';
    return out;
}

} // namespace fluxion
