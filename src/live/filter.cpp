#include "live/filter.h"

namespace fluxion {

bool Filter::valuePasses(std::string_view value) const
{
    return (!where || where->matchesWithin(value)) && !(without && without->matchesWithin(value));
}

std::string Filter::verdictKey() const
{
    std::string key(1, letterOf(kind));
    const auto add = [&key](bool there, const std::string& text) {
        key += there ? std::to_string(text.size()) + ":" + text : "-";
    };
    add(true, std::to_string(tenant));
    add(collection.has_value(), collection.value_or(""));
    for (const std::optional<Pattern>* pattern : {&match, &where, &without})
        add(pattern->has_value(), *pattern ? (*pattern)->text() : "");
    return key;
}

bool Filter::concerns(const Change& change) const
{
    if (change.tenant != tenant || (collection && *collection != change.collection))
        return false;
    if (change.op == ChangeOp::Dropped)
        return true; // of everything there: never silent
    const bool ofKind = kind == WatchKind::Keys ? change.isOfKey() : change.isOfDocument();
    return ofKind && namePasses(change.name);
}

Verdict Filter::verdict(const Change& change) const
{
    if (!concerns(change))
        return Verdict::Hidden;
    if (!hasValueFilter() || change.op == ChangeOp::Dropped || change.op == ChangeOp::Deleted)
        return Verdict::Told;
    if (change.op == ChangeOp::Inserted)
        return valuePasses(change.value) ? Verdict::Told : Verdict::Hidden;
    // What is not known may have been in sight: better a word too many than one missing.
    const bool unknown = change.before == Before::Unknown;
    const bool before =
        unknown || (change.before == Before::Present && valuePasses(change.previous));
    if (change.op != ChangeOp::Set)
        return before ? Verdict::Told : Verdict::Hidden;
    if (valuePasses(change.value))
        return before ? Verdict::Told : Verdict::Entered;
    return before ? Verdict::Left : Verdict::Hidden;
}

} // namespace fluxion
