#include "live/event_text.h"

#include "base/json.h"

namespace fluxion {

namespace {

constexpr int64_t kUsPerMs = 1000;

std::string_view token(ChangeOp op)
{
    switch (op) {
    case ChangeOp::Set:
        return "set";
    case ChangeOp::Removed:
        return "removed";
    case ChangeOp::Expired:
        return "expired";
    case ChangeOp::Inserted:
        return "inserted";
    case ChangeOp::Deleted:
        return "deleted";
    case ChangeOp::Dropped:
        break;
    }
    return "dropped";
}

void text(std::string& out, std::string_view field, std::string_view value)
{
    out.append(",\"").append(field).append("\":");
    appendJsonString(out, value);
}

void integer(std::string& out, std::string_view field, int64_t value)
{
    out.append(",\"").append(field).append("\":");
    appendJsonInt(out, value);
}

void appendKey(std::string& out, const Change& change, Verdict verdict, EventFields fields)
{
    text(out, "key", change.name);
    integer(out, "ver", static_cast<int64_t>(change.version));
    if (verdict == Verdict::Entered)
        out += ",\"entered\":true";
    if (verdict == Verdict::Left) {
        out += ",\"left\":true";
    } else if (change.op == ChangeOp::Set) {
        if (fields.value)
            text(out, "value", change.value);
        if (fields.expiry && change.expiryUs != 0)
            integer(out, "expires", change.expiryUs / kUsPerMs);
    }
    if (fields.previous && change.before == Before::Present)
        text(out, "previous", change.previous);
}

void appendDocument(std::string& out, const Change& change, EventFields fields)
{
    text(out, "doc", change.name);
    if (change.op == ChangeOp::Inserted) {
        integer(out, "ts", change.from);
        if (fields.value)
            text(out, "data", change.value);
    } else if (!change.whole) {
        integer(out, "from", change.from);
        integer(out, "to", change.to);
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
    text(out, "op", token(change.op));
    text(out, "col", change.collection);
    if (change.isOfKey())
        appendKey(out, change, verdict, fields);
    else if (change.isOfDocument())
        appendDocument(out, change, fields);
    if (fields.time)
        integer(out, "time", change.timeUs / kUsPerMs);
    out += '}';
    return out;
}

} // namespace fluxion
