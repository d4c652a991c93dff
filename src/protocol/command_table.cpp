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
    kMinSeq};
constexpr FieldSpec kSubReply[] = {
    {"seq", "integer", kRequired, kLiteral,
     "Events after this follow; 0 with `snapshot`, whose end has a seq of its own."},
    {"log", "string", kRequired, kLiteral, "This history: positions are `<log>:<seq>`."}};

constexpr FieldSpec kUnsubPayload[] = {
    {"sub", "string", kRequired, kLiteral, "The `id` of the `sub` request."}, kMinSeq};
constexpr FieldSpec kUnsubReply[] = {
    {"seq", "integer", kRequired, kLiteral, "What came after this was not sent."}};

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
