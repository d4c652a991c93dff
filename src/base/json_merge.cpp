#include "base/json_merge.h"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace fluxion {

namespace {

// An object's fields by name, each once.
class Fields {
  public:
    explicit Fields(JsonValue object)
    {
        if (!object.isObject())
            return;
        m_members.reserve(object.size());
        for (const JsonMember member : object.members()) {
            const auto [at, isNew] = m_places.try_emplace(member.name, m_members.size());
            if (isNew)
                m_members.push_back(member);
            else
                m_members[at->second].value = member.value;
        }
    }
    // Absent if there is none of that name.
    JsonValue find(std::string_view name) const
    {
        const auto at = m_places.find(name);
        return at == m_places.end() ? JsonValue() : m_members[at->second].value;
    }
    const std::vector<JsonMember>& members() const { return m_members; }

  private:
    std::vector<JsonMember> m_members;
    std::unordered_map<std::string_view, size_t> m_places;
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
