#pragma once

// The views by name: what a checkpoint calls them, in which form they stand there, and sets of
// them, for whoever deals with some and leaves the others alone.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "store/facts.h"

namespace fluxion {

enum class View : uint8_t { Series, Values, ApiKeys };

inline constexpr std::array kAllViews{View::Series, View::Values, View::ApiKeys};

// What a view is called in a checkpoint, and the version of its blocks.
struct ViewFormat {
    std::string_view name;
    uint32_t version = 0;
};

constexpr ViewFormat kSeriesView{"series", 1};
constexpr ViewFormat kValuesView{"values", 1};
constexpr ViewFormat kApiKeysView{"keys", 1};

class ViewSet {
  public:
    constexpr ViewSet() = default;
    constexpr ViewSet(std::initializer_list<View> views)
    {
        for (const View view : views)
            add(view);
    }
    static constexpr ViewSet all() { return {View::Series, View::Values, View::ApiKeys}; }

    constexpr void add(View view) { m_bits |= bit(view); }
    constexpr void remove(View view) { m_bits &= ~bit(view); }
    constexpr bool has(View view) const { return (m_bits & bit(view)) != 0; }
    constexpr bool empty() const { return m_bits == 0; }
    constexpr bool meets(ViewSet other) const { return (m_bits & other.m_bits) != 0; }
    constexpr bool operator==(const ViewSet&) const = default;

  private:
    static constexpr uint32_t bit(View view) { return uint32_t{1} << static_cast<uint32_t>(view); }

    uint32_t m_bits = 0;
};

// The views that a fact of this type changes.
ViewSet viewsOf(FactType type);

} // namespace fluxion
