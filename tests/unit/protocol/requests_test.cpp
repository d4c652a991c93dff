#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>

#include "protocol/command_table.h"
#include "protocol/requests.h"

using namespace fluxion;

namespace {

RequestLimits limits()
{
    RequestLimits result;
    result.maxNameBytes = 8;
    return result;
}

template <class Request>
Error errorOf(Result<Request> (*decode)(JsonValue, const RequestLimits&), JsonValue payload)
{
    static const RequestLimits kLimits = limits();
    const auto request = decode(payload, kLimits);
    return request.ok() ? Error{Code::Internal, ""} : request.error();
}

// The error of the decoder of that type; an empty text when there is none.
Error errorOf(CommandType type, JsonValue payload)
{
    switch (type) {
    case CommandType::Ins:
        return errorOf(decodeInsert, payload);
    case CommandType::Qry:
        return errorOf(decodeLatest, payload);
    case CommandType::Qdoc:
        return errorOf(decodeRange, payload);
    case CommandType::Ddoc:
        return errorOf(decodeDocumentRef, payload);
    case CommandType::Dcol:
    case CommandType::Gvals:
    case CommandType::Gkeys:
        return errorOf(decodeCollectionRef, payload);
    case CommandType::Drec:
        return errorOf(decodeRecordRef, payload);
    case CommandType::Dmrec:
        return errorOf(decodeRecordRefs, payload);
    case CommandType::Drrng:
        return errorOf(decodeDeleteRange, payload);
    case CommandType::Sval:
        return errorOf(decodeSetValue, payload);
    case CommandType::Pval:
        return errorOf(decodePatchValue, payload);
    case CommandType::Mval:
        return errorOf(decodeWriteValues, payload);
    case CommandType::Rval:
        return errorOf(decodeRemoveValue, payload);
    case CommandType::Log:
        return errorOf(decodeLog, payload);
    case CommandType::Hval:
        return errorOf(decodeHistory, payload);
    case CommandType::Sub:
        return errorOf(decodeSubscribe, payload);
    case CommandType::Cut:
        return errorOf(decodeCut, payload);
    case CommandType::Unsub:
        return errorOf(decodeUnsubscribe, payload);
    case CommandType::Gval:
        return errorOf(decodeKeyRef, payload);
    case CommandType::Gvalues:
        return errorOf(decodeFindValues, payload);
    case CommandType::Keys:
        return errorOf(decodeKeys, payload);
    case CommandType::Cols:
    case CommandType::Conn:
    case CommandType::Snap:
    case CommandType::Stat:
        break;
    }
    return {Code::Internal, ""};
}

Error errorOf(const CommandSpec& command, const std::string& payload)
{
    JsonReader reader;
    CAPTURE(payload);
    const auto value = reader.parse(payload);
    REQUIRE(value.ok());
    return errorOf(command.type, value.value());
}

template <class Request>
Request decoded(Result<Request> (*decode)(JsonValue, const RequestLimits&), JsonReader& reader,
                std::string_view payload)
{
    static const RequestLimits kLimits = limits();
    const auto value = reader.parse(payload);
    CAPTURE(payload);
    REQUIRE(value.ok());
    auto request = decode(value.value(), kLimits);
    REQUIRE(request.ok());
    return std::move(request.value());
}

// A payload with all fields of the table, one replaced (by "" left out), one given twice.
std::string payloadOf(const CommandSpec& command, std::string_view replaced = {},
                      std::string_view with = {}, std::string_view twice = {})
{
    std::string object;
    const auto add = [&object](std::string_view name, std::string_view value) {
        if (value.empty())
            return;
        object.append(object.empty() ? "" : ",").append("\"").append(name).append("\":");
        object.append(value);
    };
    for (const FieldSpec& field : command.payload) {
        // They need each other, which has a test of its own.
        const bool ofCut = command.type == CommandType::Sub &&
                           (field.name == "cut" || field.name.starts_with("start"));
        const bool excludesOthers = field.name == "snapshot" || field.name == "history" ||
                                    field.name == "end" || field.name == "live";
        std::string_view value = ofCut                     ? "null"
                                 : field.type == "integer" ? "5"
                                 : excludesOthers          ? "false"
                                 : field.type == "boolean" ? "true"
                                 : field.name == "writes"
                                     ? R"([{"op":"set","key":"5","value":"5"}])"
                                 : field.name == "from"   ? "5"
                                 : field.name == "fields" ? R"(["time"])"
                                 : field.name == "kind"   ? "\"keys\""
                                 : field.name == "action" ? "\"add\""
                                 : field.name == "scope"  ? "\"readonly\""
                                                          : "\"5\"";
        if (field.name == replaced)
            value = with;
        add(field.name, value);
        if (field.name == twice)
            add(field.name, value);
    }
    object = "{" + object + "}";
    return command.shape == PayloadShape::List ? "[" + object + "]" : object;
}

// How the error text names the field.
std::string label(const CommandSpec& command, std::string_view field)
{
    return (command.shape == PayloadShape::List ? "records[0]." : "") + std::string(field) + ": ";
}

} // namespace

TEST_CASE("every decoder takes exactly what the command table says")
{
    for (const CommandSpec& command : allCommands()) {
        if (command.shape == PayloadShape::None)
            continue;
        CAPTURE(command.token);
        CHECK(errorOf(command, payloadOf(command)).text == "");
        for (const FieldSpec& field : command.payload) {
            if (field.name == "min_seq")
                continue; // RequestReader reads it
            CAPTURE(field.name);
            const std::string name = label(command, field.name);
            const auto error = [&](std::string_view with) {
                return errorOf(command, payloadOf(command, field.name, with));
            };
            // Absent and null are the same thing. Adding a key needs the key and a scope.
            const bool required = field.required || command.type == CommandType::Keys;
            for (const char* absent : {"", "null"})
                CHECK(error(absent).text == (required ? name + "is missing" : ""));
            for (const char* wrong :
                 {"[]", "{}", "1.5", "1e99", "123456789012345678901234567890"}) {
                if (field.type.ends_with("[]") && wrong == std::string_view("[]"))
                    continue;
                CAPTURE(wrong);
                CHECK(error(wrong).code == Code::BadRequest);
                CHECK(error(wrong).text.starts_with(name + "must be "));
            }
            if (field.type == "integer") {
                CHECK(error("true").code == Code::BadRequest);
                CHECK(error("\"\"").code == Code::BadRequest);
                CHECK(error("9223372036854775808").code == Code::BadRequest);
                CHECK(error("\"5\"").text == "");
                CHECK(error("5e0").text == "");
            } else if (field.type.find("integer") == std::string_view::npos ||
                       field.type.ends_with("[]")) {
                CHECK(error("5").code == Code::BadRequest);
            }
            const Error twice = errorOf(command, payloadOf(command, {}, {}, field.name));
            CHECK(twice.code == Code::BadRequest);
            CHECK(twice.text == name + "is given twice");
        }
    }
}

TEST_CASE("names: not empty, no NUL, not too long")
{
    for (const CommandSpec& command : allCommands()) {
        CAPTURE(command.token);
        for (const FieldSpec& field : command.payload) {
            if (field.name != "col" && field.name != "doc" && field.name != "key")
                continue;
            CAPTURE(field.name);
            const std::string name = label(command, field.name);
            const auto error = [&](std::string_view with) {
                return errorOf(command, payloadOf(command, field.name, with));
            };
            const bool mayBeEmpty = !field.required && command.type != CommandType::Keys;
            CHECK(error("\"\"").text == (mayBeEmpty ? "" : name + "must not be empty"));
            CHECK(error(R"("a\u0000b")").code == Code::BadRequest);
            CHECK(error(R"("a\u0000b")").text == name + "must not contain NUL");
            CHECK(error("\"12345678\"").text == "");
            CHECK(error("\"123456789\"").code == Code::TooLarge);
            CHECK(error("\"123456789\"").text == name + "is longer than 8 bytes");
            // Only a field that takes patterns reads them.
            CHECK((error("\"/(/\"").code == Code::BadRegex) == field.pattern);
        }
    }
}

TEST_CASE("ins: records in order, any bytes in data, the first bad one is named")
{
    JsonReader reader;
    CHECK(decoded(decodeInsert, reader, "[]").records.empty());
    const auto request = decoded(decodeInsert, reader,
                                 R"([{"ts":-5,"doc":"d","data":"a\u0000\"b","col":"c"},
                                     {"col":"/x/","more":{},"data":" ","ts":"7","doc":"/d/"}])");
    REQUIRE(request.records.size() == 2);
    CHECK(request.records[0].ts == -5);
    CHECK(request.records[0].data == std::string_view("a\0\"b", 4));
    CHECK(request.records[1].col == "/x/");
    CHECK(request.records[1].doc == "/d/");
    CHECK(request.records[1].ts == 7);

    const std::string good = R"({"ts":1,"doc":"d","data":"x","col":"c"})";
    const struct {
        const char* bad;
        const char* text;
    } cases[] = {
        {"7", "records[2]: must be an object"},
        {"null", "records[2]: must be an object"},
        {"{}", "records[2].ts: is missing"},
        {R"({"ts":1,"doc":"","data":"x","col":"c"})", "records[2].doc: must not be empty"},
        {R"({"ts":1,"doc":"d","data":"","col":"c"})", "records[2].data: must not be empty"},
        {R"({"ts":1,"doc":"d","data":"x","col":""})", "records[2].col: must not be empty"},
        {R"({"ts":1.5,"doc":"d","data":"x","col":"c"})",
         "records[2].ts: must be an integer of 64 bits"},
        {R"({"ts":1,"doc":"d","data":{"t":1},"col":"c"})", "records[2].data: must be a string"},
    };
    const CommandSpec& ins = commandSpec(CommandType::Ins);
    for (const auto& c : cases)
        CHECK(errorOf(ins, "[" + good + "," + good + "," + c.bad + "," + good + "]").text ==
              c.text);
}

TEST_CASE("qry: what may be left out, patterns and literals")
{
    JsonReader reader;
    const auto least = decoded(decodeLatest, reader, R"({"col":"c","ts":5})");
    CHECK_FALSE(least.doc.has_value());
    CHECK_FALSE(least.from.has_value());
    CHECK_FALSE(least.where.has_value());
    CHECK_FALSE(least.filter.has_value());
    const auto empty = decoded(decodeLatest, reader,
                               R"({"col":"c","ts":5,"doc":"","from":0,"where":"","filter":""})");
    CHECK_FALSE(empty.doc.has_value());
    CHECK_FALSE(empty.from.has_value());
    CHECK_FALSE(empty.where.has_value());
    CHECK_FALSE(empty.filter.has_value());
    const auto full = decoded(decodeLatest, reader, R"({"col":"/c/","ts":5,"doc":"/A/i","from":-3,
                                                   "where":"a\u0000","filter":"/long pattern/"})");
    CHECK(full.col == "/c/");
    CHECK(full.doc->matchesName("xay"));
    CHECK(full.from == -3);
    CHECK(full.where->literal() == std::string_view("a\0", 2));
    CHECK(full.filter->isRegex());
    CHECK(errorOf(commandSpec(CommandType::Qry), R"({"col":"c","ts":1,"where":"/(/"})").code ==
          Code::BadRegex);
}

TEST_CASE("qdoc and drrng: ranges")
{
    JsonReader reader;
    const auto open = decoded(decodeRange, reader, R"({"col":"c","doc":"d","to":-9})");
    CHECK(open.from == INT64_MIN);
    CHECK(open.to == -9);
    CHECK(open.limit == 0);
    CHECK_FALSE(open.reverse);
    const auto full = decoded(decodeRange, reader, R"({"col":"c","doc":"d","from":3,"to":3,
                                                  "limit":10,"reverse":true,"where":"w"})");
    CHECK(full.from == 3);
    CHECK(full.limit == 10);
    CHECK(full.reverse);
    CHECK(full.where->literal() == "w");
    CHECK(decoded(decodeRange, reader, R"({"col":"c","doc":"d","to":1,"limit":-1})").limit == 0);
    CHECK(
        errorOf(commandSpec(CommandType::Qdoc), R"({"col":"c","doc":"d","from":4,"to":3})").text ==
        "from: must not be greater than `to`");

    const auto range =
        decoded(decodeDeleteRange, reader, R"({"col":"c","doc":"d","fromTs":-1,"toTs":1})");
    CHECK(range.from == -1);
    CHECK(range.to == 1);
    CHECK(errorOf(commandSpec(CommandType::Drrng), R"({"col":"c","doc":"d","fromTs":4,"toTs":3})")
              .text == "fromTs: must not be greater than `toTs`");
}

TEST_CASE("keys and values")
{
    JsonReader reader;
    CHECK(decoded(decodeDocumentRef, reader, R"({"doc":"d","col":""})").col == "");
    CHECK(decoded(decodeDocumentRef, reader, R"({"doc":"d","col":"c"})").col == "c");
    CHECK(decoded(decodeSetValue, reader, R"({"col":"c","key":"k","value":""})").value == "");
    CHECK(decoded(decodeSetValue, reader, R"({"col":"c","key":"k","value":"\u0000"})").value ==
          std::string_view("\0", 1));
    CHECK_FALSE(decoded(decodeFindValues, reader, R"({"col":"c","key":""})").key.has_value());
    CHECK(decoded(decodeFindValues, reader, R"({"col":"c","key":"/k/"})").key->isRegex());
    CHECK(decoded(decodeKeyRef, reader, R"({"col":"c","key":"/k/"})").key == "/k/");
    const auto refs = decoded(decodeRecordRefs, reader,
                              R"([{"col":"c","doc":"d","ts":1},{"col":"c","doc":"e","ts":2}])");
    REQUIRE(refs.size() == 2);
    CHECK(refs[1].doc == "e");
    CHECK(refs[1].ts == 2);
    CHECK(decoded(decodeRecordRefs, reader, "[]").empty());
}

TEST_CASE("sub: snapshots of cuts, and from where on")
{
    JsonReader reader;
    const auto full = decoded(decodeSubscribe, reader,
                              R"({"kind":"docs","col":"c","cut":"1f","history":true,"start":"d",
                                  "start_ts":-5})");
    CHECK(full.snapshot);
    CHECK(full.history);
    CHECK(full.cut == "1f");
    CHECK(full.start == "d");
    CHECK(full.startTs == -5);
    const auto plain = decoded(decodeSubscribe, reader, R"({"kind":"keys","start_ts":1})");
    CHECK_FALSE(plain.snapshot);
    CHECK(plain.cut.empty());
    const struct {
        const char* payload;
        const char* text;
    } cases[] = {
        {R"({"kind":"keys","cut":"1f","from":1})", "cut: must be without `from`"},
        {R"({"kind":"keys","snapshot":true,"history":true})",
         "history: must be with a snapshot of docs"},
        {R"({"kind":"docs","history":true})", "history: must be with a snapshot of docs"},
        {R"({"kind":"docs","cut":"1f","start":"d"})", "start: must be with `cut` and `col`"},
        {R"({"kind":"docs","col":"c","snapshot":true,"start":"d"})",
         "start: must be with `cut` and `col`"},
        {R"({"kind":"docs","col":"c","cut":"1f","start":"d","start_ts":1})",
         "start_ts: must be with `history`"},
    };
    for (const auto& c : cases)
        CHECK(errorOf(commandSpec(CommandType::Sub), c.payload).text == c.text);
    CHECK(decoded(decodeCut, reader, "{}").cut.empty());
    CHECK(decoded(decodeCut, reader, R"({"cut":"1f","end":true})").end);
    CHECK(errorOf(commandSpec(CommandType::Cut), R"({"end":true})").text ==
          "end: must be with `cut`");
}

TEST_CASE("API keys: what each action needs")
{
    JsonReader reader;
    CHECK(decoded(decodeKeys, reader, R"({"action":"list"})").action == KeysAction::List);
    CHECK(decoded(decodeKeys, reader, R"({"action":"list","key":"","scope":"x"})").action ==
          KeysAction::List);
    const auto added =
        decoded(decodeKeys, reader, R"({"action":"add","key":"k","scope":"Read, Write, Delete"})");
    CHECK(added.action == KeysAction::Add);
    CHECK(added.key == "k");
    CHECK(added.scope == Scope::ReadWriteDelete);
    CHECK(decoded(decodeKeys, reader, R"({"action":"remove","key":"a\u2026"})").action ==
          KeysAction::Remove);
    const struct {
        const char* payload;
        const char* text;
    } cases[] = {
        {"{}", "action: is missing"},
        {R"({"action":"ADD","key":"k","scope":"readonly"})", "action: must be add, remove or list"},
        {R"({"action":"remove"})", "key: is missing"},
        {R"({"action":"add","key":"k"})", "scope: is missing"},
        {R"({"action":"add","key":"k","scope":""})", "scope: must not be empty"},
        {R"({"action":"add","key":"k","scope":"master"})",
         "scope: must be readonly, read_write or read_write_delete"},
        {R"({"action":"add","key":"a\u2026","scope":"readonly"})",
         "key: must not contain \"\xe2\x80\xa6\", which marks a shortened key"},
    };
    for (const auto& c : cases) {
        const Error error = errorOf(commandSpec(CommandType::Keys), c.payload);
        CHECK(error.code == Code::BadRequest);
        CHECK(error.text == c.text);
    }
}

TEST_CASE("log: the range, and what goes with `live`")
{
    JsonReader reader;
    const LogRequest all = decoded(decodeLog, reader, "{}");
    CHECK(all.first == 1);
    CHECK(all.last == UINT64_MAX);
    CHECK(all.limit == 1000);
    CHECK(all.fromOldest);
    CHECK_FALSE(all.live);
    const LogRequest range =
        decoded(decodeLog, reader, R"({"gt":4,"gte":3,"lt":9,"lte":20,"limit":7,"reverse":true})");
    CHECK(range.first == 5);
    CHECK(range.last == 8);
    CHECK(range.limit == 7);
    CHECK(range.reverse);
    CHECK_FALSE(range.fromOldest);
    const LogRequest live = decoded(decodeLog, reader, R"({"live":true})");
    CHECK(live.live);
    CHECK(live.fromOldest);
    CHECK(live.limit == INT64_MAX);
    CHECK(decoded(decodeLog, reader, R"({"live":true,"limit":20000})").limit == 20000);
    CHECK(decoded(decodeLog, reader, R"({"live":true,"gte":5,"lte":5})").last == 5);
    const auto refusal = [](std::string_view payload) {
        JsonReader own;
        return errorOf(decodeLog, own.parse(payload).value()).text;
    };
    CHECK(refusal(R"({"limit":10001})") == "limit: must be from 1 to 10000");
    CHECK(refusal(R"({"live":true,"limit":0})") == "limit: must be from 1 to 9223372036854775807");
    CHECK(refusal(R"({"live":true,"reverse":true})") == "live: must not be with `reverse`");
    for (const char* empty : {R"({"live":true,"lt":1})", R"({"live":true,"gt":5,"lt":6})"})
        CHECK(refusal(empty) == "live: needs a range that is not empty");
}
