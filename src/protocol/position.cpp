#include "protocol/position.h"

namespace fluxion {

namespace {

constexpr size_t kMaxLogIdBytes = 64;

bool isLogId(std::string_view id)
{
    for (const char c : id) {
        const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        if (!fine)
            return false;
    }
    return !id.empty() && id.size() <= kMaxLogIdBytes;
}

std::optional<Position> withSeq(std::string_view log, std::optional<int64_t> seq)
{
    if (!seq || *seq < 0)
        return std::nullopt;
    return Position{std::string(log), static_cast<uint64_t>(*seq)};
}

} // namespace

std::optional<Position> parsePosition(std::string_view text)
{
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return withSeq({}, parseDecimalInteger(text));
    if (!isLogId(text.substr(0, colon)))
        return std::nullopt;
    return withSeq(text.substr(0, colon), parseDecimalInteger(text.substr(colon + 1)));
}

std::optional<Position> parsePosition(JsonValue value)
{
    return value.isString() ? parsePosition(value.text()) : withSeq({}, value.asInt64());
}

std::string formatPosition(std::string_view log, uint64_t seq)
{
    return std::string(log) + ":" + std::to_string(seq);
}

} // namespace fluxion
