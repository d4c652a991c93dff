#include <doctest/doctest.h>

#include <set>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "protocol/command_table.h"
#include "protocol/describe.h"

using namespace fluxion;

TEST_CASE("the types, what they need and the shape of their payload")
{
    const struct {
        const char* token;
        CommandType type;
        Permission permission;
        PayloadShape shape;
    } cases[] = {
        {"ins", CommandType::Ins, Permission::Write, PayloadShape::List},
        {"qry", CommandType::Qry, Permission::Read, PayloadShape::Object},
        {"cols", CommandType::Cols, Permission::Read, PayloadShape::None},
        {"qdoc", CommandType::Qdoc, Permission::Read, PayloadShape::Object},
        {"ddoc", CommandType::Ddoc, Permission::Delete, PayloadShape::Object},
        {"dcol", CommandType::Dcol, Permission::Delete, PayloadShape::Object},
        {"drec", CommandType::Drec, Permission::Delete, PayloadShape::Object},
        {"dmrec", CommandType::Dmrec, Permission::Delete, PayloadShape::List},
        {"drrng", CommandType::Drrng, Permission::Delete, PayloadShape::Object},
        {"sval", CommandType::Sval, Permission::Write, PayloadShape::Object},
        {"gval", CommandType::Gval, Permission::Read, PayloadShape::Object},
        {"gvalues", CommandType::Gvalues, Permission::Read, PayloadShape::Object},
        {"pval", CommandType::Pval, Permission::Write, PayloadShape::Object},
        {"mval", CommandType::Mval, Permission::Write, PayloadShape::Object},
        {"rval", CommandType::Rval, Permission::Delete, PayloadShape::Object},
        {"hval", CommandType::Hval, Permission::Read, PayloadShape::Object},
        {"sub", CommandType::Sub, Permission::Read, PayloadShape::Object},
        {"unsub", CommandType::Unsub, Permission::Read, PayloadShape::Object},
        {"cut", CommandType::Cut, Permission::Read, PayloadShape::Object},
        {"gvals", CommandType::Gvals, Permission::Read, PayloadShape::Object},
        {"gkeys", CommandType::Gkeys, Permission::Read, PayloadShape::Object},
        {"log", CommandType::Log, Permission::Master, PayloadShape::Object},
        {"snap", CommandType::Snap, Permission::Delete, PayloadShape::None},
        {"stat", CommandType::Stat, Permission::Read, PayloadShape::None},
        {"keys", CommandType::Keys, Permission::Master, PayloadShape::Object},
        {"conn", CommandType::Conn, Permission::Read, PayloadShape::None},
    };
    CHECK(allCommands().size() == std::size(cases));
    for (const auto& c : cases) {
        CAPTURE(c.token);
        const CommandSpec* spec = findCommand(c.token);
        REQUIRE(spec != nullptr);
        CHECK(spec->type == c.type);
        CHECK(spec->permission == c.permission);
        CHECK(spec->shape == c.shape);
        CHECK(spec == &commandSpec(c.type));
    }
    for (const char* unknown : {"", "INS", "ins ", "in", "inss", "auth", "zzz"})
        CHECK(findCommand(unknown) == nullptr);
}

TEST_CASE("every row of the table is whole")
{
    for (const CommandSpec& command : allCommands()) {
        CAPTURE(command.token);
        CHECK(command.summary.ends_with("."));
        CHECK((command.shape == PayloadShape::None || !command.payload.empty()));
        CHECK_FALSE(command.reply.empty());
        for (const auto fields : {command.payload, command.reply}) {
            std::set<std::string_view> names;
            for (const FieldSpec& field : fields) {
                CAPTURE(field.name);
                CHECK(names.insert(field.name).second);
                CHECK_FALSE(field.type.empty());
                CHECK(field.meaning.ends_with("."));
            }
        }
        // A reply never has a field that is the sign of an error.
        for (const FieldSpec& field : command.reply)
            CHECK((field.name != "error" && field.name != "code" && field.name != "id"));
    }
}

TEST_CASE("scopes include one another, the master key alone has all")
{
    const struct {
        Scope scope;
        bool read, write, remove, master;
    } cases[] = {
        {Scope::ReadOnly, true, false, false, false},
        {Scope::ReadWrite, true, true, false, false},
        {Scope::ReadWriteDelete, true, true, true, false},
        {Scope::Master, true, true, true, true},
    };
    for (const auto& c : cases) {
        CAPTURE(token(c.scope));
        CHECK(allows(c.scope, Permission::Read) == c.read);
        CHECK(allows(c.scope, Permission::Write) == c.write);
        CHECK(allows(c.scope, Permission::Delete) == c.remove);
        CHECK(allows(c.scope, Permission::Master) == c.master);
    }
}

TEST_CASE("scopes are read without regard to case and separators")
{
    const struct {
        const char* text;
        std::optional<Scope> scope;
    } cases[] = {
        {"readonly", Scope::ReadOnly},
        {"Read-Only", Scope::ReadOnly},
        {"READ_ONLY", Scope::ReadOnly},
        {"read_write", Scope::ReadWrite},
        {"read, write", Scope::ReadWrite},
        {"ReadWrite", Scope::ReadWrite},
        {"read_write_delete", Scope::ReadWriteDelete},
        {" read,write,delete ", Scope::ReadWriteDelete},
        {"", std::nullopt},
        {"read", std::nullopt},
        {"master", std::nullopt},
        {"read.write", std::nullopt},
        {"readwritedeletee", std::nullopt},
        {"\xc5\x97"
         "eadonly",
         std::nullopt},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(parseScope(c.text) == c.scope);
    }
    for (const Scope scope : {Scope::ReadOnly, Scope::ReadWrite, Scope::ReadWriteDelete})
        CHECK(parseScope(token(scope)) == scope);
}

TEST_CASE("--describe is JSON and names every type, field and code")
{
    JsonReader reader;
    const auto parsed = reader.parse(describeJson());
    REQUIRE(parsed.ok());
    const JsonValue commands = parsed.value().findUnique("commands").value();
    REQUIRE(commands.size() == allCommands().size());
    size_t at = 0;
    for (const JsonValue command : commands.elements()) {
        const CommandSpec& spec = allCommands()[at++];
        CHECK(command.findUnique("type").value().text() == spec.token);
        CHECK(command.findUnique("permission").value().text() == token(spec.permission));
        const JsonValue payload = command.findUnique("payload").value();
        CHECK(payload.findUnique("shape").value().text() == token(spec.shape));
        CHECK(payload.findUnique("fields").value().size() == spec.payload.size());
        CHECK(command.findUnique("reply").value().size() == spec.reply.size());
    }
    std::set<std::string> codes;
    const JsonValue rows = parsed.value().findUnique("codes").value();
    for (const JsonValue code : rows.elements())
        codes.insert(std::string(code.findUnique("code").value().text()));
    for (const char* code :
         {"bad_json", "bad_request", "unknown_type", "unauthorized", "forbidden", "not_found",
          "conflict", "too_large", "too_many", "busy", "storage_full", "read_only", "timeout",
          "sql_error", "sql_unavailable", "bad_regex", "evicted", "compacted", "internal"})
        CHECK(codes.count(code) == 1);
    CHECK(parsed.value().findUnique("scopes").value().size() == 4);
}

TEST_CASE("the generated part of the document stands between its markers, with whole tables")
{
    const std::string text = describeMarkdown();
    CHECK(text.starts_with(kGeneratedBegin));
    CHECK(text.ends_with(kGeneratedEnd));
    for (const CommandSpec& command : allCommands())
        CHECK(text.find("### `" + std::string(command.token) + "`\n") != std::string::npos);
    size_t start = 0;
    while (start < text.size()) {
        const size_t end = text.find('\n', start);
        const std::string line = text.substr(start, end - start);
        start = end + 1;
        if (!line.starts_with("|"))
            continue;
        CAPTURE(line);
        size_t bars = 0;
        for (size_t i = 0; i < line.size(); ++i)
            bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
        CHECK((bars == 5 || bars == 3));
    }
}
