#include "protocol/describe.h"

#include <span>

#include "base/json.h"
#include "base/result.h"
#include "protocol/command_table.h"

namespace fluxion {

namespace {

struct CodeRow {
    std::string_view token, meaning;
};

constexpr CodeRow kCodes[] = {
#define FLUXION_ROW(name, token, meaning) {token, meaning},
    FLUXION_CODES(FLUXION_ROW)
#undef FLUXION_ROW
};

constexpr Permission kPermissions[] = {Permission::Read, Permission::Write, Permission::Delete,
                                       Permission::Master};
constexpr Scope kScopes[] = {Scope::ReadOnly, Scope::ReadWrite, Scope::ReadWriteDelete,
                             Scope::Master};

void appendText(std::string& out, std::string_view name, std::string_view value)
{
    appendJsonString(out, name);
    out += ':';
    appendJsonString(out, value);
}

// Appends [a,b,...], each item on a line of its own.
template <class Items, class Append>
void appendArray(std::string& out, const Items& items, Append append)
{
    out += '[';
    const char* separator = "\n";
    for (const auto& item : items) {
        out += separator;
        append(item);
        separator = ",\n";
    }
    out += ']';
}

void appendFields(std::string& out, std::span<const FieldSpec> fields)
{
    appendArray(out, fields, [&out](const FieldSpec& field) {
        out += '{';
        appendText(out, "name", field.name);
        out += ',';
        appendText(out, "type", field.type);
        out += field.required ? ",\"required\":true" : ",\"required\":false";
        out += field.pattern ? ",\"pattern\":true," : ",\"pattern\":false,";
        appendText(out, "meaning", field.meaning);
        out += '}';
    });
}

void appendCommand(std::string& out, const CommandSpec& command)
{
    out += '{';
    appendText(out, "type", command.token);
    out += ',';
    appendText(out, "permission", token(command.permission));
    out += ',';
    appendText(out, "summary", command.summary);
    out += ",\"payload\":{";
    appendText(out, "shape", token(command.shape));
    out += ",\"fields\":";
    appendFields(out, command.payload);
    out += "},\"reply\":";
    appendFields(out, command.reply);
    out += '}';
}

void appendScope(std::string& out, Scope scope)
{
    out += '{';
    appendText(out, "scope", token(scope));
    out += ",\"permissions\":[";
    for (const Permission permission : kPermissions) {
        if (!allows(scope, permission))
            continue;
        if (out.back() != '[')
            out += ',';
        appendJsonString(out, token(permission));
    }
    out += "]}";
}

// A bar would end the cell.
void appendCell(std::string& out, std::string_view text)
{
    for (const char c : text) {
        if (c == '|')
            out += '\\';
        out += c;
    }
}

void appendFieldRows(std::string& out, std::string_view title, std::span<const FieldSpec> fields)
{
    out.append("\n| ").append(title).append(" | type | | meaning |\n|---|---|---|---|\n");
    for (const FieldSpec& field : fields) {
        out.append("| `").append(field.name).append("` | `");
        appendCell(out, field.type);
        out += "` | ";
        out += field.required ? "required" : "optional";
        out += field.pattern ? ", literal or `/regex/flags` | " : " | ";
        appendCell(out, field.meaning);
        out += " |\n";
    }
}

std::string_view payloadTitle(PayloadShape shape)
{
    return shape == PayloadShape::List ? "payload: array of" : "payload";
}

void appendSection(std::string& out, const CommandSpec& command)
{
    out.append("\n### `").append(command.token).append("`\n\n").append(command.summary);
    out.append(" Needs: ").append(token(command.permission)).append(".\n");
    if (!command.payload.empty())
        appendFieldRows(out, payloadTitle(command.shape), command.payload);
    appendFieldRows(out, "reply", command.reply);
}

} // namespace

std::string describeJson()
{
    std::string out = "{\"envelope\":";
    appendFields(out, envelopeFields());
    out += ",\n\"commands\":";
    appendArray(out, allCommands(),
                [&out](const CommandSpec& command) { appendCommand(out, command); });
    out += ",\n\"scopes\":";
    appendArray(out, kScopes, [&out](Scope scope) { appendScope(out, scope); });
    out += ",\n\"codes\":";
    appendArray(out, kCodes, [&out](const CodeRow& row) {
        out += '{';
        appendText(out, "code", row.token);
        out += ',';
        appendText(out, "meaning", row.meaning);
        out += '}';
    });
    out += "}\n";
    return out;
}

std::string describeMarkdown()
{
    std::string out(kGeneratedBegin);
    out += "\n### The envelope\n";
    appendFieldRows(out, "request", envelopeFields());
    for (const CommandSpec& command : allCommands())
        appendSection(out, command);
    out += "\n### Codes\n\n| code | meaning |\n|---|---|\n";
    for (const CodeRow& row : kCodes) {
        out.append("| `").append(row.token).append("` | ");
        appendCell(out, row.meaning);
        out += " |\n";
    }
    out += '\n';
    out += kGeneratedEnd;
    return out;
}

} // namespace fluxion
