#include <doctest/doctest.h>

#include <set>

#include "live/filter.h"

using namespace fluxion;

namespace {

Pattern pattern(std::string_view text)
{
    auto parsed = Pattern::parse(text, {});
    REQUIRE(parsed.ok());
    return parsed.value();
}

struct Spec {
    const char* kind = "keys";
    const char* collection = nullptr;
    const char* match = nullptr;
    const char* where = nullptr;
    const char* filter = nullptr;
};

Filter make(const Spec& spec)
{
    Filter filter;
    filter.kind = std::string_view(spec.kind) == "keys" ? WatchKind::Keys : WatchKind::Documents;
    filter.tenant = 2;
    if (spec.collection)
        filter.collection = spec.collection;
    if (spec.match)
        filter.match = pattern(spec.match);
    if (spec.where)
        filter.where = pattern(spec.where);
    if (spec.filter)
        filter.without = pattern(spec.filter);
    return filter;
}

Change change(ChangeOp op, std::string_view name, std::string_view value = {})
{
    Change c;
    c.op = op;
    c.tenant = 2;
    c.collection = "c";
    c.name = name;
    c.value = value;
    return c;
}

const char* token(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Hidden:
        return "hidden";
    case Verdict::Told:
        return "told";
    case Verdict::Entered:
        return "entered";
    case Verdict::Left:
        break;
    }
    return "left";
}

std::string verdicts(const Filter& filter, const std::vector<Change>& changes)
{
    std::string text;
    for (const Change& c : changes)
        text += std::string(text.empty() ? "" : " ") + token(filter.verdict(c));
    return text;
}

constexpr ChangeOp kAll[] = {ChangeOp::Set,      ChangeOp::Removed, ChangeOp::Expired,
                             ChangeOp::Inserted, ChangeOp::Deleted, ChangeOp::Dropped};

// One of each kind, of the name "name".
std::vector<Change> oneOfEach(std::string_view value = {})
{
    std::vector<Change> changes;
    for (const ChangeOp op : kAll)
        changes.push_back(change(op, op == ChangeOp::Dropped ? "" : "name", value));
    return changes;
}

} // namespace

TEST_CASE("a filter: kinds, collections and names")
{
    struct {
        Spec spec;
        const char* expected; // of set removed expired inserted deleted dropped
    } const cases[] = {
        {{"keys"}, "told told told hidden hidden told"},
        {{"docs"}, "hidden hidden hidden told told told"},
        {{"keys", "c"}, "told told told hidden hidden told"},
        {{"keys", "cc"}, "hidden hidden hidden hidden hidden hidden"},
        {{"docs", ""}, "hidden hidden hidden hidden hidden hidden"},
        {{"keys", "c", "name"}, "told told told hidden hidden told"},
        {{"keys", "c", "nam"}, "hidden hidden hidden hidden hidden told"}, // a literal is all of it
        {{"keys", "c", "/^n.m/"}, "told told told hidden hidden told"},
        {{"keys", nullptr, "/M/i"}, "told told told hidden hidden told"},
        {{"keys", nullptr, "/M/"}, "hidden hidden hidden hidden hidden told"},
        {{"docs", "c", "other"}, "hidden hidden hidden hidden hidden told"},
        {{"docs", "c", "/^name$/"}, "hidden hidden hidden told told told"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.expected));
        const Filter filter = make(c.spec);
        CHECK(verdicts(filter, oneOfEach()) == c.expected);
        CHECK_FALSE(filter.hasValueFilter());
        CHECK_FALSE(filter.wantsBefore());
        for (Change strange : oneOfEach()) {
            strange.tenant = 0;
            CHECK_FALSE(filter.concerns(strange));
            CHECK(filter.verdict(strange) == Verdict::Hidden);
        }
    }
}

TEST_CASE("a filter on values: keys come in sight, are told, leave")
{
    // With where "red": the value now, before: unknown, absent, there and passing, and not.
    struct {
        ChangeOp op;
        const char* value;
        const char* expected;
    } const cases[] = {
        {ChangeOp::Set, "a red one", "told entered told entered"},
        {ChangeOp::Set, "blue", "left hidden left hidden"},
        {ChangeOp::Removed, "", "told hidden told hidden"},
        {ChangeOp::Expired, "", "told hidden told hidden"},
    };
    for (const Spec& spec : {Spec{"keys", nullptr, nullptr, "red", nullptr},
                             Spec{"keys", "c", "name", "/R[e]d/i", nullptr},
                             Spec{"keys", nullptr, "/n/", nullptr, "/^(blue|)$/"},
                             Spec{"keys", nullptr, nullptr, "/./", "blue"}}) {
        const Filter filter = make(spec);
        CHECK(filter.hasValueFilter());
        CHECK(filter.wantsBefore());
        for (const auto& c : cases) {
            CAPTURE(std::string(c.expected));
            std::vector<Change> changes(4, change(c.op, "name", c.value));
            changes[1].before = Before::Absent;
            changes[2].before = changes[3].before = Before::Present;
            changes[2].previous = "red before";
            changes[3].previous = "blue";
            CHECK(verdicts(filter, changes) == c.expected);
        }
    }
}

TEST_CASE("a filter on values: keep and drop, together and alone")
{
    struct {
        const char* where;
        const char* filter;
        const char* passing;
        const char* hidden;
    } const cases[] = {
        {"red", nullptr, "red", "re d"},
        {nullptr, "red", "blue", "red"},
        {"red", "old", "red", "red but old"},
        {"red", "old", "bored", "old"},
        {"/^\\{\"t\":[5-9]/", nullptr, "{\"t\":5}", "{\"t\":4}"},
        {"", nullptr, "", nullptr}, // in every text
    };
    for (const auto& c : cases) {
        for (const char* kind : {"keys", "docs"}) {
            const Filter filter = make({kind, nullptr, nullptr, c.where, c.filter});
            CHECK(filter.valuePasses(c.passing));
            CHECK((!c.hidden || !filter.valuePasses(c.hidden)));
        }
        const Filter filter = make({"docs", nullptr, nullptr, c.where, c.filter});
        CHECK_FALSE(filter.wantsBefore()); // a record has no value before
        CHECK(verdicts(filter, {change(ChangeOp::Inserted, "d", c.passing)}) == "told");
        if (c.hidden)
            CHECK(verdicts(filter, {change(ChangeOp::Inserted, "d", c.hidden)}) == "hidden");
    }
}

TEST_CASE("deletes of records and drops are never hidden by values")
{
    for (const Spec& spec :
         {Spec{"docs", nullptr, nullptr, "red", nullptr}, Spec{"docs", "c", "name", nullptr, "/./"},
          Spec{"keys", "c", "none", "red", "/./"}}) {
        const Filter filter = make(spec);
        const bool documents = filter.kind == WatchKind::Documents;
        CHECK(verdicts(filter, {change(ChangeOp::Dropped, "")}) == "told");
        Change deleted = change(ChangeOp::Deleted, "name");
        CHECK(verdicts(filter, {deleted}) == (documents ? "told" : "hidden"));
        deleted.whole = true;
        CHECK(verdicts(filter, {deleted}) == (documents ? "told" : "hidden"));
    }
}

TEST_CASE("what a subscriber wants of a key's past")
{
    Filter filter = make({});
    CHECK_FALSE(filter.wantsBefore());
    filter.fields.previous = true;
    CHECK(filter.wantsBefore());
    filter.kind = WatchKind::Documents;
    CHECK_FALSE(filter.wantsBefore());

    size_t seen = 0;
    for (size_t i = 0; i < EventFields::kChoices; ++i) {
        const EventFields fields{(i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0};
        REQUIRE(fields.index() < EventFields::kChoices);
        seen |= size_t{1} << fields.index();
    }
    CHECK(seen == (size_t{1} << EventFields::kChoices) - 1);
}

TEST_CASE("filters that ask for the same have one key, others do not")
{
    const auto parse = [](const char* text) { return Pattern::parse(text, {}).value(); };
    std::vector<Filter> filters(12);
    filters[1].kind = WatchKind::Documents;
    filters[2].tenant = 1;
    filters[3].collection = "c";
    filters[4].match = parse("c");
    filters[5].where = parse("c");
    filters[6].without = parse("c");
    filters[7].where = parse("/c/");
    filters[8].where = parse("/c/i");
    filters[9].where = parse("(?i)c");
    filters[10].collection = "";
    filters[11].collection = "c=1:";
    std::set<std::string> keys;
    for (Filter& filter : filters) {
        keys.insert(filter.verdictKey());
        filter.fields.time = true; // what is told is another matter
        CHECK(keys.contains(filter.verdictKey()));
    }
    CHECK(keys.size() == filters.size());
}
