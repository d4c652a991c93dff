#include "protocol/requests.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

namespace fluxion {

namespace {

// The request, unless one of its fields was wrong.
template <class Request> Result<Request> finish(const FieldReader& fields, Request&& request)
{
    if (!fields.status())
        return fields.status().error();
    return std::forward<Request>(request);
}

RecordRef readRecordRef(FieldReader& fields)
{
    RecordRef ref;
    ref.col = fields.name("col");
    ref.doc = fields.name("doc");
    ref.ts = fields.integer("ts");
    return ref;
}

ValueOp readValueOp(FieldReader& fields)
{
    constexpr std::pair<std::string_view, ValueOp> kOps[] = {{"set", ValueOp::Set},
                                                             {"patch", ValueOp::Patch},
                                                             {"remove", ValueOp::Remove},
                                                             {"check", ValueOp::Check}};
    const std::string_view token = fields.filledText("op");
    for (const auto& [name, op] : kOps) {
        if (token == name)
            return op;
    }
    fields.fail("op", "must be set, patch, remove or check");
    return ValueOp::Check;
}

void readCutFields(FieldReader& fields, SubscribeRequest& request)
{
    request.cut = fields.optionalName("cut");
    if (!request.cut.empty() && request.from)
        fields.fail("cut", "must be without `from`");
    request.snapshot |= !request.cut.empty();
    request.history = fields.flag("history");
    if (request.history && !(request.snapshot && request.documents))
        fields.fail("history", "must be with a snapshot of docs");
    request.start = fields.optionalName("start");
    if (!request.start.empty() && (request.cut.empty() || request.col.empty()))
        fields.fail("start", "must be with `cut` and `col`");
    request.startTs = fields.optionalInteger("start_ts");
    if (request.startTs && !request.start.empty() && !request.history)
        fields.fail("start_ts", "must be with `history`");
}

void readEventFields(FieldReader& fields, JsonValue list, SubscribeRequest& request)
{
    request.wantsValue = request.wantsExpiry = false;
    for (const JsonValue element : list.elements()) {
        const std::string_view name = element.isString() ? element.text() : std::string_view();
        if (name == "value" || name == "data")
            request.wantsValue = true;
        else if (name == "expires")
            request.wantsExpiry = true;
        else if (name == "previous")
            request.wantsPrevious = true;
        else if (name == "time")
            request.wantsTime = true;
        else
            fields.fail("fields", "must be of value, data, expires, previous and time");
    }
}

} // namespace

Result<InsertRequest> decodeInsert(JsonValue payload, const RequestLimits& limits)
{
    InsertRequest request;
    request.records.reserve(payload.size());
    for (const JsonValue element : payload.elements()) {
        FieldReader fields(element, limits, request.records.size());
        InsertRecord& record = request.records.emplace_back();
        record.ts = fields.integer("ts");
        record.doc = fields.name("doc");
        record.data = fields.filledText("data");
        record.col = fields.name("col");
        if (!fields.status())
            return fields.status().error();
    }
    return request;
}

Result<LatestRequest> decodeLatest(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    LatestRequest request;
    request.col = fields.name("col");
    request.ts = fields.integer("ts");
    request.doc = fields.namePattern("doc");
    request.from = fields.optionalInteger("from");
    if (request.from == 0)
        request.from.reset();
    request.where = fields.textPattern("where");
    request.filter = fields.textPattern("filter");
    return finish(fields, std::move(request));
}

Result<RangeRequest> decodeRange(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    RangeRequest request;
    request.col = fields.name("col");
    request.doc = fields.name("doc");
    request.from = fields.optionalInteger("from").value_or(std::numeric_limits<int64_t>::min());
    request.to = fields.integer("to");
    const int64_t limit = fields.optionalInteger("limit").value_or(0);
    request.limit = limit > 0 ? static_cast<uint64_t>(limit) : 0;
    request.reverse = fields.flag("reverse");
    request.where = fields.textPattern("where");
    request.filter = fields.textPattern("filter");
    if (request.from > request.to)
        fields.fail("from", "must not be greater than `to`");
    return finish(fields, std::move(request));
}

Result<DocumentRef> decodeDocumentRef(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    DocumentRef ref;
    ref.doc = fields.name("doc");
    ref.col = fields.optionalName("col");
    return finish(fields, std::move(ref));
}

Result<CollectionRef> decodeCollectionRef(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    CollectionRef ref;
    ref.col = fields.name("col");
    return finish(fields, std::move(ref));
}

Result<RecordRef> decodeRecordRef(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    return finish(fields, readRecordRef(fields));
}

Result<std::vector<RecordRef>> decodeRecordRefs(JsonValue payload, const RequestLimits& limits)
{
    std::vector<RecordRef> refs;
    refs.reserve(payload.size());
    for (const JsonValue element : payload.elements()) {
        FieldReader fields(element, limits, refs.size());
        refs.push_back(readRecordRef(fields));
        if (!fields.status())
            return fields.status().error();
    }
    return refs;
}

Result<DeleteRangeRequest> decodeDeleteRange(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    DeleteRangeRequest request;
    request.col = fields.name("col");
    request.doc = fields.name("doc");
    request.from = fields.integer("fromTs");
    request.to = fields.integer("toTs");
    if (request.from > request.to)
        fields.fail("fromTs", "must not be greater than `toTs`");
    return finish(fields, std::move(request));
}

Result<SetValueRequest> decodeSetValue(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    SetValueRequest request;
    request.col = fields.name("col");
    request.key = fields.name("key");
    request.value = fields.text("value");
    request.ver = fields.version("ver");
    request.ttlUs = fields.lifetimeUs("ttl");
    return finish(fields, std::move(request));
}

Result<PatchValueRequest> decodePatchValue(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    PatchValueRequest request;
    request.col = fields.name("col");
    request.key = fields.name("key");
    request.value = fields.text("value");
    request.ver = fields.version("ver");
    request.ttlUs = fields.lifetimeUs("ttl");
    request.deleteNulls = fields.flag("delete_nulls");
    return finish(fields, std::move(request));
}

Result<RemoveValueRequest> decodeRemoveValue(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    RemoveValueRequest request;
    request.col = fields.name("col");
    request.key = fields.name("key");
    request.ver = fields.version("ver");
    return finish(fields, std::move(request));
}

Result<WriteValuesRequest> decodeWriteValues(JsonValue payload, const RequestLimits& limits)
{
    FieldReader outer(payload, limits);
    WriteValuesRequest request;
    request.col = outer.name("col");
    const JsonValue list = outer.list("writes");
    if (!outer.status())
        return outer.status().error();
    std::unordered_set<std::string_view> keys;
    for (const JsonValue element : list.elements()) {
        FieldReader fields(element, limits, request.writes.size(), "writes");
        ValueWrite& write = request.writes.emplace_back();
        write.op = readValueOp(fields);
        write.key = fields.name("key");
        if (write.op == ValueOp::Set || write.op == ValueOp::Patch)
            write.value = fields.text("value");
        write.ver = fields.version("ver");
        write.ttlUs = fields.lifetimeUs("ttl");
        write.deleteNulls = fields.flag("delete_nulls");
        if (write.op == ValueOp::Check && !write.ver)
            fields.fail("ver", "is missing");
        if (!keys.insert(write.key).second)
            fields.fail("key", "is written twice");
        if (!fields.status())
            return fields.status().error();
    }
    if (request.writes.empty())
        outer.fail("writes", "must not be empty");
    return finish(outer, std::move(request));
}

Result<KeyRef> decodeKeyRef(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    KeyRef ref;
    ref.col = fields.name("col");
    ref.key = fields.name("key");
    return finish(fields, std::move(ref));
}

Result<FindValuesRequest> decodeFindValues(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    FindValuesRequest request;
    request.col = fields.name("col");
    request.key = fields.namePattern("key");
    return finish(fields, std::move(request));
}

Result<HistoryRequest> decodeHistory(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    HistoryRequest request;
    request.col = fields.name("col");
    request.key = fields.name("key");
    request.limit = fields.limit("limit", request.limit, kMaxHistory);
    request.before = fields.version("before").value_or(0);
    return finish(fields, std::move(request));
}

Result<SubscribeRequest> decodeSubscribe(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    SubscribeRequest request;
    const std::string_view kind = fields.text("kind");
    if (kind != "keys" && kind != "docs")
        fields.fail("kind", "must be keys or docs");
    request.documents = kind == "docs";
    request.col = fields.optionalName("col");
    request.match = fields.namePattern("match");
    request.where = fields.textPattern("where");
    request.filter = fields.textPattern("filter");
    request.from = fields.position("from");
    request.snapshot = fields.flag("snapshot");
    if (request.snapshot && request.from)
        fields.fail("snapshot", "must be without `from`");
    readCutFields(fields, request);
    if (const JsonValue list = fields.optionalList("fields"); list.exists())
        readEventFields(fields, list, request);
    return finish(fields, std::move(request));
}

Result<UnsubscribeRequest> decodeUnsubscribe(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    UnsubscribeRequest request;
    request.sub = fields.filledText("sub");
    return finish(fields, std::move(request));
}

Result<CutRequest> decodeCut(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    CutRequest request;
    request.cut = fields.optionalName("cut");
    request.end = fields.flag("end");
    if (request.end && request.cut.empty())
        fields.fail("end", "must be with `cut`");
    return finish(fields, std::move(request));
}

Result<LogRequest> decodeLog(JsonValue payload, const RequestLimits& limits)
{
    FieldReader fields(payload, limits);
    LogRequest request;
    const auto gte = fields.version("gte");
    const auto gt = fields.version("gt");
    request.fromOldest = !gte && !gt;
    if (gte)
        request.first = std::max(request.first, *gte);
    if (gt)
        request.first = std::max(request.first, *gt + 1);
    if (const auto lte = fields.version("lte"))
        request.last = std::min(request.last, *lte);
    if (const auto lt = fields.version("lt"))
        request.last = std::min(request.last, *lt > 0 ? *lt - 1 : 0);
    request.live = fields.flag("live");
    request.limit = request.live ? fields.limit("limit", INT64_MAX, INT64_MAX)
                                 : fields.limit("limit", request.limit, kMaxLogEntries);
    request.reverse = fields.flag("reverse");
    if (request.live && request.reverse)
        fields.fail("live", "must not be with `reverse`");
    if (request.live && request.last < request.first)
        fields.fail("live", "needs a range that is not empty");
    return finish(fields, std::move(request));
}

Result<KeysRequest> decodeKeys(JsonValue payload, const RequestLimits& limits)
{
    constexpr std::string_view kEllipsis = "\xe2\x80\xa6"; // stands in keys as they are listed
    FieldReader fields(payload, limits);
    KeysRequest request;
    const std::string_view action = fields.filledText("action");
    if (action == "list")
        return finish(fields, std::move(request));
    if (action != "add" && action != "remove")
        fields.fail("action", "must be add, remove or list");
    request.action = action == "add" ? KeysAction::Add : KeysAction::Remove;
    request.key = fields.name("key");
    if (request.action == KeysAction::Add) {
        if (request.key.find(kEllipsis) != std::string_view::npos)
            fields.fail("key", "must not contain \"\xe2\x80\xa6\", which marks a shortened key");
        if (const auto scope = parseScope(fields.filledText("scope")))
            request.scope = *scope;
        else
            fields.fail("scope", "must be readonly, read_write or read_write_delete");
    }
    return finish(fields, std::move(request));
}

} // namespace fluxion
