#include "linear/planted.h"

#include <cstdio>

#include "linear/history.h"

namespace fluxion::linear {

namespace {

constexpr Result kUnknown = Result::Unknown;
constexpr Result kDone = Result::Done;
constexpr Result kConflict = Result::Conflict;

struct At {
    int64_t asked, answered;
    uint32_t connection = 1;
};

Operation operation(Kind kind, At at, Result result, uint64_t id, uint64_t version,
                    std::optional<uint64_t> expected)
{
    Operation op;
    op.asked = at.asked;
    op.answered = at.answered;
    op.connection = at.connection;
    op.kind = kind;
    op.result = result;
    op.id = id;
    op.version = version;
    op.expected = expected;
    return op;
}

Operation read(At at, uint64_t version, Content content)
{
    Operation op = operation(Kind::Read, at, kDone, 0, version, {});
    op.found = content != Content();
    op.content = content;
    return op;
}

Operation set(At at, uint64_t id, uint64_t version, Result result = kDone,
              std::optional<uint64_t> expected = {})
{
    return operation(Kind::Set, at, result, id, version, expected);
}

Operation patch(At at, uint64_t id, uint64_t version, Result result = kDone,
                std::optional<uint64_t> expected = {})
{
    return operation(Kind::Patch, at, result, id, version, expected);
}

Operation removal(At at, uint64_t id, uint64_t version, Result result = kDone,
                  std::optional<uint64_t> expected = {})
{
    return operation(Kind::Remove, at, result, id, version, expected);
}

Operation conflict(At at, uint64_t id, uint64_t expected, uint64_t version, Content content)
{
    Operation op = set(at, id, version, kConflict, expected);
    op.found = content != Content();
    op.content = content;
    return op;
}

Version present(uint64_t set, uint64_t patch = 0)
{
    return {true, {set, patch}};
}

const Version kAbsent;

struct Case {
    const char* name;
    bool sound;
    Versions versions;
    std::vector<Operation> operations;
};

const std::vector<Case>& cases()
{
    static const std::vector<Case> kCases = {
        {"nothing", true, {}, {read({1, 2}, 0, {})}},
        {"a write and its read",
         true,
         {{1, present(7)}},
         {set({1, 2}, 7, 1), read({3, 4}, 1, {7, 0})}},
        {"a read beside a write sees what was",
         true,
         {{1, present(7)}},
         {set({1, 9}, 7, 1), read({2, 8, 2}, 0, {})}},
        {"a stale read", false, {{1, present(7)}}, {set({1, 2}, 7, 1), read({3, 4, 2}, 0, {})}},
        {"a read older than a read before it",
         false,
         {{1, present(7)}, {2, present(8)}},
         {set({1, 9}, 7, 1), set({1, 9, 2}, 8, 2), read({2, 3, 3}, 2, {8, 0}),
          read({4, 5, 4}, 1, {7, 0})}},
        {"a read on one connection behind its write, both in flight",
         false,
         {{1, present(7)}},
         {set({1, 9}, 7, 1), read({1, 9}, 0, {})}},
        {"a value of another version",
         false,
         {{1, present(7)}, {2, present(8)}},
         {set({1, 2}, 7, 1), set({3, 4}, 8, 2), read({5, 6}, 2, {7, 0})}},
        {"an acknowledged write that is lost", false, {}, {set({1, 2}, 7, 1)}},
        {"its version went to another",
         false,
         {{1, present(8)}},
         {set({1, 2}, 7, 1), set({1, 9, 2}, 8, 1, kUnknown)}},
        {"a write that nobody made", false, {{1, present(7)}}, {}},
        {"a write before it was asked for",
         false,
         {{1, present(7)}},
         {read({1, 2, 2}, 1, {7, 0}), set({3, 4}, 7, 1)}},
        {"a version left out",
         false,
         {{1, present(7)}, {3, present(8)}},
         {set({1, 2}, 7, 1), set({3, 4}, 8, 3)}},
        {"one left out where the key was absent", true, {{4, present(7)}}, {set({1, 2}, 7, 4)}},
        {"a version reset by a removal",
         false,
         {{1, present(7)}, {2, kAbsent}},
         {set({1, 2}, 7, 1), removal({3, 4}, 8, 2), set({5, 6}, 9, 1)}},
        {"compare-and-set done",
         true,
         {{1, present(7)}, {2, present(8)}},
         {set({1, 2}, 7, 1, kDone, 0), set({3, 4}, 8, 2, kDone, 1)}},
        {"compare-and-set done upon another version",
         false,
         {{1, present(7)}, {2, present(8)}},
         {set({1, 2}, 7, 1), set({3, 4}, 8, 2, kDone, 0)}},
        {"two compare-and-sets, both refused",
         true,
         {{1, present(7)}},
         {set({1, 2}, 7, 1), conflict({3, 4}, 8, 0, 1, {7, 0}), conflict({5, 6}, 9, 2, 1, {7, 0})}},
        {"a refusal of the right version",
         false,
         {{1, present(7)}},
         {set({1, 2}, 7, 1), conflict({3, 4}, 8, 1, 1, {7, 0})}},
        {"a refusal to make what is absent", false, {}, {conflict({3, 4}, 8, 0, 0, {})}},
        {"a refusal that shows another value",
         false,
         {{1, present(7)}},
         {set({1, 2}, 7, 1), conflict({3, 4}, 8, 0, 1, {9, 0})}},
        {"refused, and yet done",
         false,
         {{1, present(7)}, {2, present(8)}},
         {set({1, 2}, 7, 1), conflict({3, 4}, 8, 0, 1, {7, 0})}},
        {"a patch keeps what was set",
         true,
         {{1, present(7)}, {2, present(7, 8)}},
         {set({1, 2}, 7, 1), patch({3, 4}, 8, 2)}},
        {"a patch upon an older value",
         false,
         {{1, present(7)}, {2, present(8)}, {3, present(7, 9)}},
         {set({1, 2}, 7, 1), set({3, 4}, 8, 2), patch({5, 6}, 9, 3)}},
        {"two removals, one of which found nothing",
         true,
         {{1, present(7)}, {2, kAbsent}},
         {set({1, 2}, 7, 1), removal({3, 6}, 8, 2), removal({4, 5, 2}, 9, 0), read({7, 8}, 2, {})}},
        {"a removal that found nothing where a value was",
         false,
         {{1, present(7)}, {2, kAbsent}},
         {set({1, 2}, 7, 1), removal({3, 4, 2}, 9, 0), removal({5, 6}, 8, 2)}},
        {"two removals made one version",
         false,
         {{1, present(7)}, {2, kAbsent}},
         {set({1, 2}, 7, 1), removal({3, 6}, 8, 2), removal({4, 5, 2}, 9, 2)}},
        {"a removal seen before it was asked for",
         false,
         {{1, present(7)}, {2, kAbsent}},
         {set({1, 2}, 7, 1), read({3, 4, 2}, 2, {}), removal({5, 6}, 8, 2)}},
        {"a conditional removal of another version",
         false,
         {{1, present(7)}, {2, present(8)}, {3, kAbsent}},
         {set({1, 2}, 7, 1), set({3, 4}, 8, 2), removal({5, 6}, 9, 3, kDone, 1)}},
        {"two conditional removals of one version",
         false,
         {{1, present(7)}, {2, kAbsent}},
         {set({1, 2}, 7, 1), removal({3, 6}, 8, 2, kDone, 1), removal({3, 6, 2}, 9, 2, kDone, 1)}},
        {"a removal by nobody", false, {{1, present(7)}, {2, kAbsent}}, {set({1, 2}, 7, 1)}},
        {"by one whose connection was lost",
         true,
         {{1, present(7)}, {2, kAbsent}},
         {set({1, 2}, 7, 1), removal({3, 4}, 8, 0, kUnknown)}},
        {"an unknown write that never was",
         true,
         {{1, present(8)}},
         {set({1, 2}, 7, 0, kUnknown), set({3, 4, 2}, 8, 1)}},
        {"an unknown write that was",
         true,
         {{1, present(7)}, {2, present(8)}},
         {set({1, 2}, 7, 0, kUnknown), set({3, 4, 2}, 8, 2)}},
        {"an unknown write that took effect twice",
         false,
         {{1, present(7)}, {2, present(8)}, {3, present(7)}},
         {set({1, 9}, 7, 0, kUnknown), set({3, 4, 2}, 8, 2)}},
        {"an unknown write after its server's end",
         false,
         {{1, present(8)}, {2, present(7)}},
         {set({1, 2}, 7, 0, kUnknown), set({3, 4, 2}, 8, 1)}},
        {"an unknown compare-and-set upon another version",
         false,
         {{1, present(7)}, {2, present(8)}},
         {set({1, 2}, 7, 1), set({3, 4, 2}, 8, 0, kUnknown, 0)}},
    };
    return kCases;
}

} // namespace

void Tally::count(bool good, const char* what, const char* more)
{
    ++(good ? passed : failed);
    if (!good)
        std::printf("FAILED %s: %s\n", what, more);
}

void checkPlanted(Tally& tally)
{
    for (const Case& c : cases()) {
        const std::string wrong = check(c.versions, c.operations);
        tally.count(wrong.empty() == c.sound, c.name, c.sound ? wrong.c_str() : "not seen");
    }
}

} // namespace fluxion::linear
