#include "shell/export_state.h"

#include "base/json.h"
#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

constexpr size_t kMaxStateBytes = size_t(16) << 20U;

ExportState stateOf(JsonValue object)
{
    ExportState state;
    if (const JsonValue wanted = member(object, "wanted"); wanted.isArray()) {
        for (const JsonValue name : wanted.elements())
            state.wanted.emplace_back(name.isString() ? name.text() : "");
    }
    state.log = memberText(object, "log");
    state.seq = figure(object, "seq");
    state.cut = memberText(object, "cut");
    state.collection = memberText(object, "collection");
    state.inDocuments = memberIsTrue(object, "in_documents");
    state.name = memberText(object, "name");
    state.ts = parseDecimalInteger(memberText(object, "ts"));
    state.fileBytes = figure(object, "file_bytes");
    state.figures = figuresOf(object);
    state.done = memberIsTrue(object, "done");
    return state;
}

} // namespace

void appendFigure(std::string& out, std::string_view name, uint64_t value)
{
    appendJsonMember(out, name, static_cast<int64_t>(value));
}

void appendFigures(std::string& out, const ExportFigures& figures)
{
    appendFigure(out, "collections", figures.collections);
    appendFigure(out, "documents", figures.documents);
    appendFigure(out, "records", figures.records);
    appendFigure(out, "keys", figures.keys);
    appendFigure(out, "bytes", figures.bytes);
}

uint64_t figure(JsonValue object, std::string_view name)
{
    return static_cast<uint64_t>(parseDecimalInteger(memberText(object, name)).value_or(0));
}

ExportFigures figuresOf(JsonValue object)
{
    return {figure(object, "collections"), figure(object, "documents"), figure(object, "records"),
            figure(object, "keys"), figure(object, "bytes")};
}

Result<std::optional<ExportState>> ExportState::load(const std::string& folder)
{
    const std::string path = folder + "/" + kExportStateName;
    const auto kind = kindOfPath(path);
    if (!kind)
        return kind.error();
    if (kind.value() == PathKind::None)
        return std::optional<ExportState>();
    const auto text = readPlainFile(path, kMaxStateBytes);
    if (!text)
        return text.error();
    JsonReader reader;
    const auto parsed = reader.parse(text.value());
    if (!parsed || !parsed.value().isObject() || !member(parsed.value(), "wanted").isArray())
        return {Code::BadJson, path + " is not what an export writes"};
    return std::optional(stateOf(parsed.value()));
}

Status ExportState::save(const std::string& folder, bool sync) const
{
    std::string out = "{\"wanted\":[";
    for (const std::string& collectionName : wanted) {
        if (out.back() != '[')
            out += ',';
        appendJsonString(out, collectionName);
    }
    out += ']';
    appendJsonMember(out, "log", log);
    appendFigure(out, "seq", seq);
    appendJsonMember(out, "cut", cut);
    appendJsonMember(out, "collection", collection);
    out += inDocuments ? ",\"in_documents\":true" : ",\"in_documents\":false";
    appendJsonMember(out, "name", name);
    if (ts)
        appendJsonMember(out, "ts", *ts);
    appendFigure(out, "file_bytes", fileBytes);
    appendFigures(out, figures);
    out += done ? ",\"done\":true}\n" : ",\"done\":false}\n";
    return replacePlainFile(folder + "/" + kExportStateName, out, sync);
}

} // namespace fluxion::shell
