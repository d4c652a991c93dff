#pragma once

// One struct per kind of payload, and its decoder. A decoder takes a payload of the type's shape
// (see RequestReader) and gives the request or the first thing wrong with it: bad_request,
// too_large (a name), bad_regex. Names are checked, views live as long as the parsed message.

#include <optional>
#include <string_view>
#include <vector>

#include "protocol/field_reader.h"
#include "protocol/position.h"
#include "protocol/scope.h"

namespace fluxion {

// ins
struct InsertRecord {
    std::string_view col;
    std::string_view doc;
    int64_t ts = 0;
    std::string_view data; // not empty; any bytes of valid UTF-8
};
struct InsertRequest {
    std::vector<InsertRecord> records; // may be empty
};
Result<InsertRequest> decodeInsert(JsonValue payload, const RequestLimits& limits);

// qry
struct LatestRequest {
    std::string_view col;
    int64_t ts = 0;
    std::optional<Pattern> doc;           // by matchesName(); nothing: all
    std::optional<int64_t> from;          // never 0
    std::optional<Pattern> where, filter; // by matchesWithin()
};
Result<LatestRequest> decodeLatest(JsonValue payload, const RequestLimits& limits);

// qdoc
struct RangeRequest {
    std::string_view col;
    std::string_view doc;
    int64_t from = 0;   // the least integer when absent; never above `to`
    int64_t to = 0;     // included
    uint64_t limit = 0; // 0: no limit
    bool reverse = false;
    std::optional<Pattern> where, filter; // by matchesWithin()
};
Result<RangeRequest> decodeRange(JsonValue payload, const RequestLimits& limits);

// ddoc
struct DocumentRef {
    std::string_view doc;
    std::string_view col; // empty: every collection
};
Result<DocumentRef> decodeDocumentRef(JsonValue payload, const RequestLimits& limits);

// dcol, gvals, gkeys
struct CollectionRef {
    std::string_view col;
};
Result<CollectionRef> decodeCollectionRef(JsonValue payload, const RequestLimits& limits);

// drec, and each element of dmrec
struct RecordRef {
    std::string_view col;
    std::string_view doc;
    int64_t ts = 0;
};
Result<RecordRef> decodeRecordRef(JsonValue payload, const RequestLimits& limits);
Result<std::vector<RecordRef>> decodeRecordRefs(JsonValue payload, const RequestLimits& limits);

// drrng
struct DeleteRangeRequest {
    std::string_view col;
    std::string_view doc;
    int64_t from = 0;
    int64_t to = 0; // included; never below `from`
};
Result<DeleteRangeRequest> decodeDeleteRange(JsonValue payload, const RequestLimits& limits);

// sval
struct SetValueRequest {
    std::string_view col;
    std::string_view key;
    std::string_view value; // may be empty; any bytes of valid UTF-8
    std::optional<uint64_t> ver;
    std::optional<int64_t> ttlUs;
};
Result<SetValueRequest> decodeSetValue(JsonValue payload, const RequestLimits& limits);

// pval
struct PatchValueRequest {
    std::string_view col;
    std::string_view key;
    std::string_view value; // the patch, not yet known to be JSON
    std::optional<uint64_t> ver;
    std::optional<int64_t> ttlUs;
    bool deleteNulls = false;
};
Result<PatchValueRequest> decodePatchValue(JsonValue payload, const RequestLimits& limits);

// rval
struct RemoveValueRequest {
    std::string_view col;
    std::string_view key;
    std::optional<uint64_t> ver;
};
Result<RemoveValueRequest> decodeRemoveValue(JsonValue payload, const RequestLimits& limits);

// mval
enum class ValueOp : unsigned char { Set, Patch, Remove, Check };
struct ValueWrite {
    ValueOp op = ValueOp::Set;
    std::string_view key;
    std::string_view value; // of Set; of Patch the patch, not yet known to be JSON
    std::optional<uint64_t> ver;
    std::optional<int64_t> ttlUs;
    bool deleteNulls = false;
};
struct WriteValuesRequest {
    std::string_view col;
    std::vector<ValueWrite> writes; // each key once
};
Result<WriteValuesRequest> decodeWriteValues(JsonValue payload, const RequestLimits& limits);

// gval
struct KeyRef {
    std::string_view col;
    std::string_view key;
};
Result<KeyRef> decodeKeyRef(JsonValue payload, const RequestLimits& limits);

// gvalues
struct FindValuesRequest {
    std::string_view col;
    std::optional<Pattern> key; // by matchesName(); nothing: all
};
Result<FindValuesRequest> decodeFindValues(JsonValue payload, const RequestLimits& limits);

// hval
constexpr uint64_t kMaxHistory = 10000;
struct HistoryRequest {
    std::string_view col;
    std::string_view key;
    uint64_t limit = 100; // 1 to kMaxHistory
    uint64_t before = 0;  // 0: all
};
Result<HistoryRequest> decodeHistory(JsonValue payload, const RequestLimits& limits);

// sub
struct SubscribeRequest {
    bool documents = false; // else keys
    std::string_view col;   // empty: all
    std::optional<Pattern> match;
    std::optional<Pattern> where, filter; // by matchesWithin()
    std::optional<Position> from;
    bool snapshot = false; // also of a cut
    bool history = false;
    std::string_view cut;   // empty: none
    std::string_view start; // empty: from the first
    std::optional<int64_t> startTs;
    bool wantsValue = true, wantsExpiry = true, wantsPrevious = false, wantsTime = false;
};
Result<SubscribeRequest> decodeSubscribe(JsonValue payload, const RequestLimits& limits);

// unsub
struct UnsubscribeRequest {
    std::string_view sub;
};
Result<UnsubscribeRequest> decodeUnsubscribe(JsonValue payload, const RequestLimits& limits);

// cut
struct CutRequest {
    std::string_view cut; // empty: a new one
    bool end = false;
};
Result<CutRequest> decodeCut(JsonValue payload, const RequestLimits& limits);

// log
constexpr uint64_t kMaxLogEntries = 10000;
struct LogRequest {
    uint64_t first = 1; // both included
    uint64_t last = UINT64_MAX;
    uint64_t limit = 1000; // 1 to kMaxLogEntries; live without end unless asked for
    bool reverse = false;
    bool live = false;       // what comes, too; then not `reverse`, and the range is not empty
    bool fromOldest = false; // no first one was asked for
};
Result<LogRequest> decodeLog(JsonValue payload, const RequestLimits& limits);

// keys
enum class KeysAction : unsigned char { Add, Remove, List };
struct KeysRequest {
    KeysAction action = KeysAction::List;
    std::string_view key;          // of Add and Remove; a secret: never in a log line
    Scope scope = Scope::ReadOnly; // of Add; never Master
};
Result<KeysRequest> decodeKeys(JsonValue payload, const RequestLimits& limits);

} // namespace fluxion
