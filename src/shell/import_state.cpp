#include "shell/import_state.h"

#include "base/json.h"
#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

constexpr size_t kMaxStateBytes = size_t(1) << 20U;

} // namespace

std::optional<ImportState> ImportState::load(const std::string& path)
{
    const auto text = readPlainFile(path, kMaxStateBytes);
    JsonReader reader;
    const auto parsed = text ? reader.parse(text.value()) : Result<JsonValue>(text.error());
    if (!parsed || !parsed.value().isObject())
        return std::nullopt;
    const JsonValue object = parsed.value();
    ImportState state;
    state.log = memberText(object, "log");
    state.fingerprint = figure(object, "fingerprint");
    state.place = {std::string(memberText(object, "folder")),
                   std::string(memberText(object, "file")), figure(object, "offset"),
                   figure(object, "line")};
    state.figures = figuresOf(object);
    state.expired = figure(object, "expired");
    return state;
}

Status ImportState::save(const std::string& path, bool sync) const
{
    std::string out = "{\"log\":";
    appendJsonString(out, log);
    appendFigure(out, "fingerprint", fingerprint);
    appendJsonMember(out, "folder", place.folder);
    appendJsonMember(out, "file", place.file);
    appendFigure(out, "offset", place.offset);
    appendFigure(out, "line", place.line);
    appendFigures(out, figures);
    appendFigure(out, "expired", expired);
    return replacePlainFile(path, out += "}\n", sync);
}

} // namespace fluxion::shell
