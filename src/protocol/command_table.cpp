#include "protocol/command_table.h"

#include <algorithm>
#include <array>

namespace fluxion {

namespace {

using Fields = std::span<const FieldSpec>;

constexpr bool kRequired = true, kOptional = false;
constexpr bool kPattern = true, kLiteral = false;

constexpr FieldSpec kCol{"col", "string", kRequired, kLiteral, "Collection."};
constexpr FieldSpec kDoc{"doc", "string", kRequired, kLiteral, "Document."};
constexpr FieldSpec kKey{"key", "string", kRequired, kLiteral, "Key."};
constexpr FieldSpec kTs{"ts", "integer", kRequired, kLiteral,
                        "Timestamp, in whatever unit the client uses."};
constexpr FieldSpec kWhere{"where", "string", kOptional, kPattern,
                           "Keep only records whose `data` contains this. Empty: all."};
constexpr FieldSpec kFilter{"filter", "string", kOptional, kPattern,
                            "Drop the records whose `data` contains this. Empty: none."};
constexpr FieldSpec kMinSeq{"min_seq", "string|integer", kOptional, kLiteral,
                            "Wait until this position is visible: `<log>:<seq>`, or a bare seq. "
                            "Here or beside `data`."};
constexpr FieldSpec kSeq{"seq", "integer", kRequired, kLiteral,
                         "The log's sequence number at which the change is durable."};
constexpr FieldSpec kVer{"ver", "integer", kRequired, kLiteral, "The key's version."};

constexpr FieldSpec kIfVer{
    "ver", "integer", kOptional, kLiteral,
    "Only if the key has this version; 0: only if there is no such key. Else "
    "`conflict`, with the key's `ver`, `found` and `value`."};
constexpr FieldSpec kDeleteNulls{
    "delete_nulls", "boolean", kOptional, kLiteral,
    "A null in the patch removes the field (RFC 7386) instead of being "
    "stored."};

constexpr FieldSpec kOnlySeq[] = {kSeq};
constexpr FieldSpec kRecordRef[] = {kCol, kDoc, kTs};
constexpr FieldSpec kCollectionRead[] = {kCol, kMinSeq};
constexpr FieldSpec kOnlyMinSeq[] = {kMinSeq};
constexpr FieldSpec kValueMap[] = {{"values", "map<string>", kRequired, kLiteral, "Key to value."}};

constexpr FieldSpec kInsPayload[] = {
    kTs,
    kDoc,
    {"data", "string", kRequired, kLiteral, "The record, byte for byte; not empty."},
    kCol};
constexpr Fields kInsReply = kOnlySeq;

constexpr FieldSpec kQryPayload[] = {
    kCol,
    kTs,
    {"doc", "string", kOptional, kPattern, "Document or documents. Empty: all."},
    {"from", "integer", kOptional, kLiteral,
     "Drop documents whose latest record is older. 0: none."},
    kWhere,
    kFilter,
    kMinSeq};
constexpr FieldSpec kQryReply[] = {{"records", "map<{ts:integer,data:string}>", kRequired, kLiteral,
                                    "Document to its latest record."}};

constexpr Fields kColsPayload = kOnlyMinSeq;
constexpr FieldSpec kColsReply[] = {{"collections", "string[]", kRequired, kLiteral, "Names."}};

constexpr FieldSpec kQdocPayload[] = {
    kCol,
    kDoc,
    {"from", "integer", kOptional, kLiteral, "First timestamp. Absent: from the beginning."},
    {"to", "integer", kRequired, kLiteral, "Last timestamp, included; not before `from`."},
    {"limit", "integer", kOptional, kLiteral,
     "At most so many records, counted after `where` and `filter`. 0 or less: all."},
    {"reverse", "boolean", kOptional, kLiteral, "Newest first."},
    kWhere,
    kFilter,
    kMinSeq};
constexpr FieldSpec kQdocReply[] = {
    {"records", "{ts:integer,data:string}[]", kRequired, kLiteral, "In order of `ts`."}};

constexpr FieldSpec kDdocPayload[] = {
    kDoc, {"col", "string", kOptional, kLiteral, "Collection. Empty: every collection."}};
constexpr Fields kDdocReply = kOnlySeq;

constexpr FieldSpec kDcolPayload[] = {kCol};
constexpr Fields kDcolReply = kOnlySeq;

constexpr Fields kDrecPayload = kRecordRef;
constexpr Fields kDrecReply = kOnlySeq;

constexpr Fields kDmrecPayload = kRecordRef;
constexpr Fields kDmrecReply = kOnlySeq;

constexpr FieldSpec kDrrngPayload[] = {
    kCol,
    kDoc,
    {"fromTs", "integer", kRequired, kLiteral, "First timestamp, included."},
    {"toTs", "integer", kRequired, kLiteral, "Last timestamp, included; not before `fromTs`."}};
constexpr Fields kDrrngReply = kOnlySeq;

constexpr FieldSpec kSvalPayload[] = {
    kCol,
    kKey,
    {"value", "string", kRequired, kLiteral, "The value, byte for byte; may be empty."},
    kIfVer,
    {"ttl", "integer", kOptional, kLiteral,
     "Milliseconds after which the key expires. Absent or 0: never."}};
constexpr FieldSpec kSvalReply[] = {kSeq, kVer};

constexpr FieldSpec kPvalPayload[] = {
    kCol,
    kKey,
    {"value", "string", kRequired, kLiteral,
     "The patch, as JSON text. An absent key becomes the patch."},
    kIfVer,
    {"ttl", "integer", kOptional, kLiteral,
     "Milliseconds after which the key expires. Absent: as it was; 0: never."},
    kDeleteNulls};
constexpr FieldSpec kPvalReply[] = {kSeq, kVer};

constexpr FieldSpec kMvalPayload[] = {
    kCol,
    {"writes",
     "{op:string,key:string,value?:string,ver?:integer,ttl?:integer,delete_nulls?:boolean}[]",
     kRequired, kLiteral,
     "Each key once. `op`: `set` and `patch` (as `sval` and `pval`), `remove` (needs a key that "
     "may "
     "delete), `check` (only looks whether the key has `ver`)."}};
constexpr FieldSpec kMvalReply[] = {
    kSeq, {"vers", "map<integer>", kRequired, kLiteral, "Key to its version afterwards."}};

constexpr FieldSpec kGvalPayload[] = {kCol, kKey, kMinSeq};
constexpr FieldSpec kGvalReply[] = {
    {"value", "string", kRequired, kLiteral, "The value, empty when there is no such key."},
    {"found", "boolean", kRequired, kLiteral, "Whether there is such a key."},
    kVer,
    {"expires", "integer", kOptional, kLiteral,
     "When the key expires, in milliseconds since 1970 UTC; absent: never."}};

constexpr FieldSpec kGvaluesPayload[] = {
    kCol, {"key", "string", kOptional, kPattern, "Key or keys. Empty: all."}, kMinSeq};
constexpr Fields kGvaluesReply = kValueMap;

constexpr FieldSpec kRvalPayload[] = {kCol, kKey, kIfVer};
constexpr FieldSpec kRvalReply[] = {
    kSeq, {"ver", "integer", kOptional, kLiteral, "The version of the removal, if there was one."}};

constexpr Fields kGvalsPayload = kCollectionRead;
constexpr Fields kGvalsReply = kValueMap;

constexpr Fields kGkeysPayload = kCollectionRead;
constexpr FieldSpec kGkeysReply[] = {{"keys", "string[]", kRequired, kLiteral, "Names."}};

constexpr FieldSpec kHvalPayload[] = {
    kCol,
    kKey,
    {"limit", "integer", kOptional, kLiteral, "At most so many; 100 by default, 10000 at most."},
    {"before", "integer", kOptional, kLiteral, "Only versions below this one."},
    kMinSeq};
constexpr FieldSpec kHvalReply[] = {
    {"versions",
     "{ver:integer,op:string,value?:string,expires?:integer,seq:integer,time:integer}[]", kRequired,
     kLiteral,
     "`op`: `set`, `removed`, `expired`, or `dropped` with its collection, where history ends. "
     "`time` and `expires`: milliseconds since 1970 UTC."},
    {"more", "boolean", kRequired, kLiteral, "Older versions are held: ask with `before`."}};

constexpr FieldSpec kSubPayload[] = {
    {"kind", "string", kRequired, kLiteral, "`keys` or `docs`."},
    {"col", "string", kOptional, kLiteral, "Collection. Empty: all."},
    {"match", "string", kOptional, kPattern, "Key or keys, document or documents. Empty: all."},
    {"where", "string", kOptional, kPattern,
     "Only values (or records' `data`) that contain this. Empty: all."},
    {"filter", "string", kOptional, kPattern, "Not those that contain this. Empty: none."},
    {"from", "string|integer", kOptional, kLiteral,
     "Position after which events are wanted: `<log>:<seq>`, or a bare seq. Absent: from now on."},
    {"snapshot", "boolean", kOptional, kLiteral,
     "First what there is (of documents the latest records), then what changes. Not with `from`."},
    {"fields", "string[]", kOptional, kLiteral,
     "What events tell: `value` (or `data`), `expires`, `previous`, `time`. Absent: `value` and "
     "`expires`."},
    {"history", "boolean", kOptional, kLiteral,
     "The snapshot tells all records of each document, and not only the latest. Of `docs`."},
    {"cut", "string", kOptional, kLiteral,
     "The snapshot of a cut held by `cut`, and nothing after its end."},
    {"start", "string", kOptional, kLiteral,
     "Begin with this key or document, in the order in which this `cut` tells them. With `col`."},
    {"start_ts", "integer", kOptional, kLiteral,
     "Of that document, begin with this timestamp. With `history`."},
    kMinSeq};
constexpr FieldSpec kSubReply[] = {
    {"seq", "integer", kRequired, kLiteral,
     "Events after this follow; 0 with `snapshot`, whose end has a seq of its own."},
    {"log", "string", kRequired, kLiteral, "This history: positions are `<log>:<seq>`."}};

constexpr FieldSpec kUnsubPayload[] = {
    {"sub", "string", kRequired, kLiteral, "The `id` of the `sub` request."}, kMinSeq};
constexpr FieldSpec kUnsubReply[] = {
    {"seq", "integer", kRequired, kLiteral, "What came after this was not sent."}};

constexpr FieldSpec kCutPayload[] = {
    {"cut", "string", kOptional, kLiteral, "One that is held already: holds it for longer."},
    {"end", "boolean", kOptional, kLiteral, "Lets it go instead."},
    kMinSeq};
constexpr FieldSpec kCutReply[] = {
    {"cut", "string", kRequired, kLiteral, "Its name, for `sub` and `cut`."},
    {"log", "string", kRequired, kLiteral, "The history that it is of."},
    {"seq", "integer", kRequired, kLiteral, "The last entry that it holds."},
    {"collections", "string[]", kRequired, kLiteral, "Names, in order."}};

constexpr FieldSpec kLogPayload[] = {
    {"gt", "integer", kOptional, kLiteral, "Only entries with a greater seq."},
    {"gte", "integer", kOptional, kLiteral, "Only this seq and greater ones."},
    {"lt", "integer", kOptional, kLiteral, "Only entries with a lower seq."},
    {"lte", "integer", kOptional, kLiteral, "Only this seq and lower ones."},
    {"reverse", "boolean", kOptional, kLiteral, "Newest first."},
    {"limit", "integer", kOptional, kLiteral,
     "At most so many; 1000 by default, 10000 at most. With `live`: any number, and no limit by "
     "default."},
    {"live", "boolean", kOptional, kLiteral,
     "Send the entries in frames of type `evt`, and those to come as soon as they are durable, up "
     "to the end of the range; not with `reverse`."}};
constexpr FieldSpec kLogReply[] = {
    {"entries", "json[]", kOptional, kLiteral,
     "Objects with `seq`, `time` (milliseconds since 1970 UTC), `actor` (the id of the API key, 0 "
     "the master key or the server), `type`, and what the entry says."},
    {"more", "boolean", kOptional, kLiteral, "There are further ones in the range."},
    {"oldest", "string", kOptional, kLiteral, "The oldest position that the log reaches back to."},
    {"seq", "integer", kOptional, kLiteral, "With `live` instead of these: it begins after this."},
    {"log", "string", kOptional, kLiteral, "The same: the history that it is of."}};

constexpr Fields kSnapPayload = {};
constexpr FieldSpec kSnapReply[] = {
    {"seq", "integer", kRequired, kLiteral, "What the checkpoint holds."},
    {"bytes", "integer", kRequired, kLiteral, "The size of its file."},
    {"ms", "integer", kRequired, kLiteral, "How long it took."},
    {"pause_us", "integer", kRequired, kLiteral,
     "The longest that writes had to wait for it, in microseconds."}};

constexpr Fields kStatPayload = kOnlyMinSeq;
constexpr FieldSpec kStatReply[] = {
    {"version", "string", kRequired, kLiteral, "Of the server."},
    {"uptime_ms", "integer", kRequired, kLiteral, "Since its start."},
    {"durable", "boolean", kRequired, kLiteral, "Every acknowledged write is on the medium."},
    {"log", "string", kRequired, kLiteral, "This history: positions are `<log>:<seq>`."},
    {"seq", "integer", kRequired, kLiteral, "The last entry of the log, in all views."},
    {"durable_seq", "integer", kRequired, kLiteral, "The last known to be on the medium."},
    {"oldest_seq", "integer", kRequired, kLiteral, "The first entry that the log still holds."},
    {"log_bytes", "integer", kRequired, kLiteral, "Size of the log."},
    {"checkpoint_seq", "integer", kRequired, kLiteral,
     "What the last checkpoint holds; 0: none since the start."},
    {"checkpoint_bytes", "integer", kRequired, kLiteral, "Its size."},
    {"checkpoint_ms", "integer", kRequired, kLiteral, "How long it took."},
    {"checkpoint_pause_us", "integer", kRequired, kLiteral,
     "The longest that writes had to wait for it."},
    {"checkpoint_time", "integer", kRequired, kLiteral, "When, milliseconds since 1970 UTC."},
    {"series_bytes", "integer", kRequired, kLiteral, "Memory of records, about."},
    {"values_bytes", "integer", kRequired, kLiteral, "Memory of keys, about."},
    {"event_bytes", "integer", kRequired, kLiteral, "Memory of events on their way."},
    {"connections", "integer", kRequired, kLiteral, "Open ones."},
    {"subscriptions", "integer", kRequired, kLiteral, "Of all connections."},
    {"queued_write_bytes", "integer", kRequired, kLiteral, "Writes not yet taken up."},
    {"queued_events", "integer", kRequired, kLiteral, "Events that clients have not yet taken."},
    {"fell_behind", "integer", kRequired, kLiteral,
     "Times since the start that a subscriber's queue was full, and it went on from the log."},
    {"evictions", "integer", kRequired, kLiteral, "Subscribers evicted since the start."},
    {"snapshots", "integer", kRequired, kLiteral,
     "States of the data kept in memory for snapshots under way, as they were at one seq each."},
    {"oldest_snapshot_ms", "integer", kRequired, kLiteral,
     "For how long the oldest of them; 0: none."},
    {"writes_last_minute", "integer", kRequired, kLiteral, "Writes answered."},
    {"write_p50_us", "integer", kRequired, kLiteral,
     "From reading a write to its reply, in the last minute; a bucket's upper end."},
    {"write_p95_us", "integer", kRequired, kLiteral, "The same."},
    {"write_p99_us", "integer", kRequired, kLiteral, "The same."}};

constexpr FieldSpec kKeysPayload[] = {
    {"action", "string", kRequired, kLiteral, "`add`, `remove` or `list`."},
    {"key", "string", kOptional, kLiteral, "The API key; required to add and to remove."},
    {"scope", "string", kOptional, kLiteral,
     "`readonly`, `read_write` or `read_write_delete`; required to add. Case, `-`, `_`, space and "
     "comma do not count."}};
constexpr FieldSpec kKeysReply[] = {
    {"status", "string", kRequired, kLiteral, "`ok`."},
    {"seq", "integer", kOptional, kLiteral, "After `add` and `remove`: as of every write."},
    {"scope", "string", kOptional, kLiteral, "After `add`: the scope as it is stored."},
    {"keys", "{key:string,scope:string,deletable:boolean,id:integer}[]", kOptional, kLiteral,
     "After `list`: every key, shortened, the master key with `deletable` false."}};

constexpr Fields kConnPayload = kOnlyMinSeq;
constexpr FieldSpec kConnReply[] = {
    {"connections", "{ip:string,since:integer,name:string|null,self:boolean}[]", kRequired,
     kLiteral, "`since`: milliseconds connected; `self`: the connection that asks."}};

constexpr FieldSpec kEnvelope[] = {
    {"id", "string", kRequired, kLiteral, "Not empty; the reply carries the same."},
    {"type", "string", kRequired, kLiteral, "One of the types below."},
    {"data", "json", kOptional, kLiteral,
     "The payload: JSON text in a string, or the JSON value itself."},
    kMinSeq};

constexpr CommandSpec kCommands[] = {
#define FLUXION_ROW(name, token, permission, shape, summary)                                       \
    {CommandType::name, token,         Permission::permission, PayloadShape::shape, summary,       \
     k##name##Payload,  k##name##Reply},
    FLUXION_COMMANDS(FLUXION_ROW)
#undef FLUXION_ROW
};

using ByToken = std::array<const CommandSpec*, std::size(kCommands)>;

ByToken sortedByToken()
{
    ByToken sorted;
    std::transform(std::begin(kCommands), std::end(kCommands), sorted.begin(),
                   [](const CommandSpec& spec) { return &spec; });
    std::sort(sorted.begin(), sorted.end(),
              [](const CommandSpec* a, const CommandSpec* b) { return a->token < b->token; });
    return sorted;
}

} // namespace

std::span<const CommandSpec> allCommands()
{
    return kCommands;
}

const CommandSpec& commandSpec(CommandType type)
{
    return kCommands[static_cast<size_t>(type)];
}

const CommandSpec* findCommand(std::string_view token)
{
    static const ByToken sorted = sortedByToken();
    const auto at = std::lower_bound(
        sorted.begin(), sorted.end(), token,
        [](const CommandSpec* spec, std::string_view wanted) { return spec->token < wanted; });
    return at != sorted.end() && (*at)->token == token ? *at : nullptr;
}

std::span<const FieldSpec> envelopeFields()
{
    return kEnvelope;
}

std::string_view token(PayloadShape shape)
{
    switch (shape) {
    case PayloadShape::None:
        return "none";
    case PayloadShape::Object:
        return "object";
    case PayloadShape::List:
        return "list";
    }
    return {};
}

} // namespace fluxion
