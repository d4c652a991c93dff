#pragma once

// Which changes a subscription is to hear of, and what of them.

#include <cstdint>
#include <optional>
#include <string>

#include "base/pattern.h"
#include "live/change.h"

namespace fluxion {

enum class WatchKind : uint8_t {
    Keys,
    Documents,
    Entries // of the log, all of them: what else a filter says is not looked at
};

// A letter of its own for each kind, for names of lists.
inline char letterOf(WatchKind kind)
{
    return "kde"[static_cast<size_t>(kind)];
}

// What of a change is told besides its position, its kind and the names.
struct EventFields {
    bool value = true; // of a key, or the data of a record
    bool expiry = true;
    bool previous = false;
    bool time = false;

    // A small number, different for each choice.
    size_t index() const
    {
        return static_cast<size_t>(value) | static_cast<size_t>(expiry) << 1 |
               static_cast<size_t>(previous) << 2 | static_cast<size_t>(time) << 3;
    }
    static constexpr size_t kChoices = 16;
};

// Whether a change is told, and whether the key came in sight of the filter on values or left it.
enum class Verdict : uint8_t { Hidden, Told, Entered, Left };
constexpr size_t kVerdicts = 4;

// Immutable once made; shared by threads.
struct Filter {
    WatchKind kind = WatchKind::Keys;
    uint32_t tenant = 0;
    std::optional<std::string> collection; // nothing: all
    std::optional<Pattern> match;          // of the key's or document's name; nothing: all
    std::optional<Pattern> where, without; // of the value: keep, drop
    EventFields fields;

    bool hasValueFilter() const { return where || without; }
    // Its verdict or its events depend on what the key was before.
    bool wantsBefore() const
    {
        return kind == WatchKind::Keys && (hasValueFilter() || fields.previous);
    }
    // Looks at kind, tenant and names only.
    bool concerns(const Change& change) const;
    // `change.before` must be known as far as it can be, if wantsBefore().
    Verdict verdict(const Change& change) const;
    // Filters with equal ones say the same of every change, whatever their fields.
    std::string verdictKey() const;
    bool namePasses(std::string_view name) const { return !match || match->matchesName(name); }
    bool valuePasses(std::string_view value) const;
};

} // namespace fluxion
