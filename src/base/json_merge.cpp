#include "base/json_merge.h"

#include <bit>
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace fluxion {

namespace {

// An object's fields by name, each once. Few are searched one by one; many through a table of
// places, since a node for each would cost more than reading and writing the whole text.
class Fields {
  public:
    explicit Fields(JsonValue object)
    {
        if (!object.isObject())
            return;
        m_members.reserve(object.size());
        if (object.size() > kFew)
            m_places.resize(std::bit_ceil(object.size() * 2), kFree);
        for (const JsonMember member : object.members())
            put(member);
    }
    // Absent if there is none of that name.
    JsonValue find(std::string_view name) const
    {
        if (m_places.empty()) {
            for (const JsonMember& member : m_members) {
                if (member.name == name)
                    return member.value;
            }
            return {};
        }
        const uint32_t at = m_places[placeOf(name)];
        return at == kFree ? JsonValue() : m_members[at].value;
    }
    const std::vector<JsonMember>& members() const { return m_members; }

  private:
    static constexpr size_t kFew = 8;
    static constexpr uint32_t kFree = UINT32_MAX; // more than kMaxJsonNodes

    void put(const JsonMember& member)
    {
        if (m_places.empty()) {
            for (JsonMember& there : m_members) {
                if (there.name == member.name) {
                    there.value = member.value;
                    return;
                }
            }
        } else {
            uint32_t& at = m_places[placeOf(member.name)];
            if (at != kFree) {
                m_members[at].value = member.value;
                return;
            }
            at = static_cast<uint32_t>(m_members.size());
        }
        m_members.push_back(member);
    }
    // Where the name stands, or would. At most half of the places are taken.
    size_t placeOf(std::string_view name) const
    {
        const size_t mask = m_places.size() - 1;
        size_t place = hash64(name, tableSeed()) & mask;
        while (m_places[place] != kFree && m_members[m_places[place]].name != name)
            place = (place + 1) & mask;
        return place;
    }

    std::vector<JsonMember> m_members;
    std::vector<uint32_t> m_places; // in m_members, by hash; empty when they are few
};

void appendField(std::string& out, bool& any, std::string_view name)
{
    out += any ? "," : "";
    any = true;
    appendJsonString(out, name);
    out += ':';
}

} // namespace

// As deep as JsonReader lets a text be.
void mergeJson(std::string& out, JsonValue target, JsonValue patch, NullMerge nulls)
{
    if (!patch.isObject())
        return appendJson(out, patch);
    const Fields old(target);
    const Fields changes(patch);
    const auto goes = [&](JsonValue change) {
        return nulls == NullMerge::Delete && change.isNull();
    };
    bool any = false;
    out += '{';
    for (const JsonMember& field : old.members()) {
        const JsonValue change = changes.find(field.name);
        if (change.exists() && goes(change))
            continue;
        appendField(out, any, field.name);
        if (change.exists())
            mergeJson(out, field.value, change, nulls);
        else
            appendJson(out, field.value);
    }
    for (const JsonMember& field : changes.members()) {
        if (goes(field.value) || old.find(field.name).exists())
            continue;
        appendField(out, any, field.name);
        mergeJson(out, {}, field.value, nulls);
    }
    out += '}';
}

} // namespace fluxion
