#include "shell/import_state.h"

#include "base/json.h"
#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

constexpr size_t kMaxStateBytes = size_t(1) << 20U;

void appendNumber(std::string& out, std::string_view name, uint64_t value)
{
    appendJsonMember(out, name, static_cast<int64_t>(value));
}

uint64_t number(JsonValue object, std::string_view name)
{
    return static_cast<uint64_t>(parseDecimalInteger(memberText(object, name)).value_or(0));
}

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
    state.fingerprint = number(object, "fingerprint");
    state.place = {std::string(memberText(object, "folder")),
                   std::string(memberText(object, "file")), number(object, "offset"),
                   number(object, "line")};
    state.figures = {number(object, "collections"), number(object, "documents"),
                     number(object, "records"), number(object, "keys"), number(object, "bytes")};
    state.expired = number(object, "expired");
    return state;
}

Status ImportState::save(const std::string& path, bool sync) const
{
    std::string out = "{\"log\":";
    appendJsonString(out, log);
    appendNumber(out, "fingerprint", fingerprint);
    appendJsonMember(out, "folder", place.folder);
    appendJsonMember(out, "file", place.file);
    appendNumber(out, "offset", place.offset);
    appendNumber(out, "line", place.line);
    appendNumber(out, "collections", figures.collections);
    appendNumber(out, "documents", figures.documents);
    appendNumber(out, "records", figures.records);
    appendNumber(out, "keys", figures.keys);
    appendNumber(out, "bytes", figures.bytes);
    appendNumber(out, "expired", expired);
    return replacePlainFile(path, out += "}\n", sync);
}

} // namespace fluxion::shell
