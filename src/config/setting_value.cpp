// Values of settings as text: reading, and ranges in words.

#include "config/settings_table.h"

#include <charconv>
#include <optional>

namespace fluxion {

namespace {

struct Unit {
    std::string_view suffix;
    int64_t factor;
};

// Smallest first.
constexpr Unit kByteUnits[] = {{"B", 1},
                               {"KiB", 1024},
                               {"MiB", 1024 * 1024},
                               {"GiB", 1024 * 1024 * 1024},
                               {"TiB", int64_t{1} << 40}};
constexpr Unit kDurationUnits[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}};

std::span<const Unit> unitsOf(SettingType type)
{
    if (type == SettingType::Bytes)
        return kByteUnits;
    if (type == SettingType::Duration)
        return kDurationUnits;
    return {};
}

std::optional<int64_t> parseNumber(std::string_view text, std::span<const Unit> units)
{
    int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || text.starts_with('-'))
        return std::nullopt;
    std::string_view suffix(rest, static_cast<size_t>(end - rest));
    while (suffix.starts_with(' '))
        suffix.remove_prefix(1);
    if (suffix.empty())
        return rest == end ? std::optional(number) : std::nullopt;
    for (const Unit& unit : units) {
        int64_t scaled = 0;
        if (suffix == unit.suffix && !__builtin_mul_overflow(number, unit.factor, &scaled))
            return scaled;
    }
    return std::nullopt;
}

// In the largest unit that leaves no rest.
std::string formatNumber(int64_t value, std::span<const Unit> units)
{
    if (units.empty())
        return std::to_string(value);
    const Unit* best = &units.front();
    for (const Unit& unit : units) {
        if (value != 0 && value % unit.factor == 0)
            best = &unit;
    }
    return std::to_string(value / best->factor) + " " + std::string(best->suffix);
}

std::optional<Durability> parseDurability(std::string_view text)
{
    if (text == "always")
        return Durability::Always;
    if (text == "interval")
        return Durability::Interval;
    if (text == "none")
        return Durability::None;
    return std::nullopt;
}

std::optional<bool> parseSwitch(std::string_view text)
{
    if (text == "true")
        return true;
    if (text == "false")
        return false;
    return std::nullopt;
}

template <class T> bool assign(T& field, const std::optional<T>& value)
{
    if (value)
        field = *value;
    return value.has_value();
}

} // namespace

std::string describeRange(const SettingSpec& spec)
{
    switch (spec.type) {
    case SettingType::Text:
    case SettingType::Path:
        return {};
    case SettingType::Choice:
        return "always, interval or none";
    case SettingType::Switch:
        return "true or false";
    case SettingType::Integer:
    case SettingType::Bytes:
    case SettingType::Duration:
        break;
    }
    const auto units = unitsOf(spec.type);
    return formatNumber(spec.min, units) + " to " + formatNumber(spec.max, units);
}

std::string_view describeUnit(const SettingSpec& spec)
{
    switch (spec.type) {
    case SettingType::Text:
        return "text";
    case SettingType::Path:
        return "path";
    case SettingType::Integer:
        return spec.unit;
    case SettingType::Bytes:
        return "bytes";
    case SettingType::Duration:
        return "milliseconds";
    case SettingType::Switch:
        return "switch";
    case SettingType::Choice:
        return "choice";
    }
    return {};
}

Status assignSetting(Settings& settings, const SettingSpec& spec, std::string_view text)
{
    bool fine = false;
    if (const auto field = std::get_if<std::string Settings::*>(&spec.field)) {
        // A line feed or NUL in a name of a file, an address or a key is always a mistake.
        fine = text.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
        if (fine)
            settings.*(*field) = text;
    } else if (const auto number = std::get_if<int64_t Settings::*>(&spec.field)) {
        auto value = parseNumber(text, unitsOf(spec.type));
        if (value && (*value < spec.min || *value > spec.max))
            value.reset();
        fine = assign(settings.*(*number), value);
    } else if (const auto flag = std::get_if<bool Settings::*>(&spec.field)) {
        fine = assign(settings.*(*flag), parseSwitch(text));
    } else if (const auto choice = std::get_if<Durability Settings::*>(&spec.field)) {
        fine = assign(settings.*(*choice), parseDurability(text));
    }
    if (fine)
        return {};
    const std::string range = describeRange(spec);
    if (range.empty())
        return {Code::Usage, "must not contain a line end or NUL"};
    const bool choice = spec.type == SettingType::Choice || spec.type == SettingType::Switch;
    std::string problem = (choice ? "must be " : "must be from ") + range;
    if (spec.type == SettingType::Bytes)
        problem += ", written like 512KiB, 64MiB or 1GiB";
    else if (spec.type == SettingType::Duration)
        problem += ", written like 500ms, 10s, 5min or 1h";
    return {Code::Usage, std::move(problem)};
}

} // namespace fluxion
