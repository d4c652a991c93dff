#pragma once

// The one table of settings: name, type, range, unit, default, help. Flags (--name), environment
// variables (FLUXION_NAME), keys of the file (name), help and the README's table come from it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/settings.h"

namespace fluxion {

// How a value is written:
// Integer: digits. Bytes: digits and B, KiB, MiB, GiB or TiB; none: bytes. Duration: digits and ms,
// s, min or h; none: milliseconds. Switch: true or false. Choice: one of the words.
enum class SettingType : unsigned char { Text, Path, Integer, Bytes, Duration, Switch, Choice };

using SettingField = std::variant<std::string Settings::*, int64_t Settings::*, bool Settings::*,
                                  Durability Settings::*>;

struct SettingSpec {
    std::string_view name;
    SettingType type;
    SettingField field;
    std::string_view defaultValue; // as it would be written
    int64_t min, max;              // of Integer, Bytes (bytes) and Duration (ms), both included
    std::string_view unit;         // of Integer: what is counted
    bool secret;                   // never shown
    std::string_view help;         // one sentence or two
};

std::span<const SettingSpec> allSettings();
// Null when there is none of that name.
const SettingSpec* findSetting(std::string_view name);

// "FLUXION_MAX_MESSAGE" of "max-message".
std::string environmentName(const SettingSpec& spec);

// Reads `text` into the field. Code::Usage with what a value must be, for example "must be from 0
// to 65535"; the caller puts in front where it was written.
Status assignSetting(Settings& settings, const SettingSpec& spec, std::string_view text);

// The range or the choices in words: "4 KiB to 1 GiB"; empty for texts and paths.
std::string describeRange(const SettingSpec& spec);
// "text", "path", "threads", "bytes", "milliseconds", "switch", "choice".
std::string_view describeUnit(const SettingSpec& spec);

// What --help prints, ending with a line feed.
std::string helpText();

// The README holds settingsMarkdown() from the first of these lines to the second.
inline constexpr std::string_view kSettingsBegin =
    "<!-- generated from the settings table: begin -->\n";
inline constexpr std::string_view kSettingsEnd =
    "<!-- generated from the settings table: end -->\n";
std::string settingsMarkdown();

} // namespace fluxion
