#include "fuzz/requests.h"

#include "fuzz/check.h"
#include "fuzz/strict_json.h"

namespace fluxion::fuzz {

namespace {

std::string quoted(std::string_view text)
{
    return std::to_string(text.size()) + "'" + std::string(text) + "'";
}

std::string name(std::string_view text)
{
    FUZZ_CHECK(!text.empty() && text.size() <= RequestLimits().maxNameBytes, quoted(text));
    FUZZ_CHECK(text.find('\0') == std::string_view::npos && isStrictUtf8(text), quoted(text));
    return quoted(text);
}

std::string pattern(const std::optional<Pattern>& p)
{
    if (!p)
        return "any";
    if (!p->isRegex())
        return quoted(p->literal());
    FUZZ_CHECK(p->steps() <= PatternLimits().maxSteps, std::to_string(p->steps()));
    std::string out = "regex of " + std::to_string(p->steps());
    for (const std::string_view probe : {"", "a", "A", "/", "device-1", "\n", "\xc3\xa9"})
        out += p->matchesName(probe) ? "1" : "0";
    return out;
}

std::string number(int64_t n)
{
    return std::to_string(n);
}

std::string told(const InsertRequest& r)
{
    std::string out;
    for (const InsertRecord& record : r.records) {
        FUZZ_CHECK(!record.data.empty() && isStrictUtf8(record.data), quoted(record.data));
        out += name(record.col) + name(record.doc) + number(record.ts) + quoted(record.data) + "\n";
    }
    return out;
}
std::string told(const LatestRequest& r)
{
    FUZZ_CHECK(r.from != 0, "from is 0");
    return name(r.col) + number(r.ts) + pattern(r.doc) + (r.from ? number(*r.from) : "-") +
           pattern(r.where) + pattern(r.filter);
}
std::string told(const RangeRequest& r)
{
    FUZZ_CHECK(r.from <= r.to, number(r.from));
    return name(r.col) + name(r.doc) + number(r.from) + ".." + number(r.to) + " " +
           std::to_string(r.limit) + (r.reverse ? "r" : "f") + pattern(r.where) + pattern(r.filter);
}
std::string told(const DocumentRef& r)
{
    return name(r.doc) + (r.col.empty() ? "-" : name(r.col));
}
std::string told(const CollectionRef& r)
{
    return name(r.col);
}
std::string told(const RecordRef& r)
{
    return name(r.col) + name(r.doc) + number(r.ts);
}
std::string told(const std::vector<RecordRef>& refs)
{
    std::string out;
    for (const RecordRef& ref : refs)
        out += told(ref) + "\n";
    return out;
}
std::string told(const DeleteRangeRequest& r)
{
    FUZZ_CHECK(r.from <= r.to, number(r.from));
    return name(r.col) + name(r.doc) + number(r.from) + ".." + number(r.to);
}
template <class Request> std::string condition(const Request& r)
{
    FUZZ_CHECK(!r.ttlUs || *r.ttlUs >= 0, "a negative lifetime");
    return (r.ver ? "v" + std::to_string(*r.ver) : "") + (r.ttlUs ? "t" + number(*r.ttlUs) : "");
}
std::string told(const SetValueRequest& r)
{
    FUZZ_CHECK(isStrictUtf8(r.value), quoted(r.value));
    return name(r.col) + name(r.key) + quoted(r.value) + condition(r);
}
std::string told(const PatchValueRequest& r)
{
    FUZZ_CHECK(isStrictUtf8(r.value), quoted(r.value));
    return name(r.col) + name(r.key) + quoted(r.value) + condition(r) + (r.deleteNulls ? "d" : "");
}
std::string told(const RemoveValueRequest& r)
{
    return name(r.col) + name(r.key) + (r.ver ? std::to_string(*r.ver) : "");
}
std::string told(const WriteValuesRequest& r)
{
    FUZZ_CHECK(!r.writes.empty(), "no writes");
    std::string out = name(r.col);
    for (const ValueWrite& w : r.writes)
        out += "\n" + std::to_string(static_cast<int>(w.op)) + name(w.key) + quoted(w.value) +
               condition(w) + (w.deleteNulls ? "d" : "");
    return out;
}
std::string told(const KeyRef& r)
{
    return name(r.col) + name(r.key);
}
std::string told(const HistoryRequest& r)
{
    FUZZ_CHECK(r.limit >= 1 && r.limit <= kMaxHistory, std::to_string(r.limit));
    return name(r.col) + name(r.key) + std::to_string(r.limit) + "<" + std::to_string(r.before);
}
std::string told(const LogRequest& r)
{
    FUZZ_CHECK(r.limit >= 1 && (r.live || r.limit <= kMaxLogEntries), std::to_string(r.limit));
    FUZZ_CHECK(!r.live || (!r.reverse && r.last >= r.first), "a range that cannot be followed");
    return std::to_string(r.first) + ".." + std::to_string(r.last) + " " + std::to_string(r.limit) +
           (r.reverse ? "r" : "") + (r.live ? "l" : "") + (r.fromOldest ? "o" : "");
}
std::string told(const SubscribeRequest& r)
{
    FUZZ_CHECK(!(r.snapshot && r.from), "a snapshot from somewhere");
    FUZZ_CHECK(r.cut.empty() || r.snapshot, "a cut without its snapshot");
    return (r.documents ? "docs" : "keys") + (r.col.empty() ? "-" : name(r.col)) +
           pattern(r.match) + pattern(r.where) + pattern(r.filter) +
           (r.from ? formatPosition(r.from->log, r.from->seq) : "") + (r.snapshot ? "s" : "") +
           (r.wantsValue ? "v" : "") + (r.wantsExpiry ? "e" : "") + (r.wantsPrevious ? "p" : "") +
           (r.wantsTime ? "t" : "") + (r.history ? "h" : "") + (r.cut.empty() ? "" : name(r.cut)) +
           (r.start.empty() ? "" : name(r.start)) + (r.startTs ? number(*r.startTs) : "");
}
std::string told(const CutRequest& r)
{
    FUZZ_CHECK(!(r.end && r.cut.empty()), "an end of nothing");
    return (r.cut.empty() ? "-" : name(r.cut)) + (r.end ? "e" : "");
}
std::string told(const UnsubscribeRequest& r)
{
    return quoted(r.sub);
}
std::string told(const FindValuesRequest& r)
{
    return name(r.col) + pattern(r.key);
}
std::string told(const KeysRequest& r)
{
    FUZZ_CHECK(r.scope != Scope::Master, "a key with the scope of the master");
    if (r.action == KeysAction::List)
        return "list";
    return (r.action == KeysAction::Add ? "add " : "remove ") + name(r.key) +
           std::string(token(r.scope));
}

std::string refused(const Error& error)
{
    FUZZ_CHECK(!error.text.empty(), "an error without words");
    return std::string(token(error.code)) + " " + error.text;
}

template <class Request> std::string told(const Result<Request>& request)
{
    return request ? "ok " + told(request.value()) : refused(request.error());
}

std::string decode(CommandType type, JsonValue payload)
{
    static const RequestLimits limits;
    switch (type) {
    case CommandType::Ins:
        return told(decodeInsert(payload, limits));
    case CommandType::Qry:
        return told(decodeLatest(payload, limits));
    case CommandType::Qdoc:
        return told(decodeRange(payload, limits));
    case CommandType::Ddoc:
        return told(decodeDocumentRef(payload, limits));
    case CommandType::Dcol:
    case CommandType::Gvals:
    case CommandType::Gkeys:
        return told(decodeCollectionRef(payload, limits));
    case CommandType::Drec:
        return told(decodeRecordRef(payload, limits));
    case CommandType::Dmrec:
        return told(decodeRecordRefs(payload, limits));
    case CommandType::Drrng:
        return told(decodeDeleteRange(payload, limits));
    case CommandType::Sval:
        return told(decodeSetValue(payload, limits));
    case CommandType::Pval:
        return told(decodePatchValue(payload, limits));
    case CommandType::Mval:
        return told(decodeWriteValues(payload, limits));
    case CommandType::Rval:
        return told(decodeRemoveValue(payload, limits));
    case CommandType::Log:
        return told(decodeLog(payload, limits));
    case CommandType::Hval:
        return told(decodeHistory(payload, limits));
    case CommandType::Sub:
        return told(decodeSubscribe(payload, limits));
    case CommandType::Cut:
        return told(decodeCut(payload, limits));
    case CommandType::Unsub:
        return told(decodeUnsubscribe(payload, limits));
    case CommandType::Gval:
        return told(decodeKeyRef(payload, limits));
    case CommandType::Gvalues:
        return told(decodeFindValues(payload, limits));
    case CommandType::Keys:
        return told(decodeKeys(payload, limits));
    case CommandType::Cols:
    case CommandType::Conn:
    case CommandType::Snap:
    case CommandType::Stat:
        return "ok";
    }
    broken("a type without a decoder", __FILE__, __LINE__, {});
}

} // namespace

std::string message(CommandType type, std::string_view data)
{
    std::string out = "{\"id\":\"1\",\"type\":";
    appendJsonString(out, commandSpec(type).token);
    out.append(",\"data\":").append(data).append("}");
    return out;
}

std::string textForm(CommandType type, std::string_view payload)
{
    std::string data;
    appendJsonString(data, payload);
    return message(type, data);
}

std::string decoded(RequestReader& reader, std::string_view message)
{
    const Envelope envelope = reader.readEnvelope(message);
    if (!envelope.status)
        return refused(envelope.status.error());
    const auto payload = reader.readPayload(envelope);
    if (!payload)
        return refused(payload.error());
    const InsertRequest* const insert = payload.value().insert;
    std::string out =
        insert ? decoded(*insert) : decode(envelope.command->type, payload.value().value);
    if (const auto& minSeq = payload.value().minSeq)
        out += " at " + formatPosition(minSeq->log, minSeq->seq);
    return out;
}

std::string decoded(const InsertRequest& request)
{
    return "ok " + told(request);
}

} // namespace fluxion::fuzz
