#pragma once

// What clients did to one key and saw of it, and whether one order of it all explains that.
//
// Every write answers the version that it made and every read the one that it saw, so the order is
// given and only has to be checked: see check().

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fluxion::linear {

// What a value says: who set it last, and who patched it since. 0: nobody.
struct Content {
    uint64_t set = 0;
    uint64_t patch = 0;
    // The write that made it.
    uint64_t maker() const { return patch != 0 ? patch : set; }
    bool operator==(const Content&) const = default;
};

enum class Kind : uint8_t { Read, Set, Patch, Remove };
enum class Result : uint8_t {
    Unknown, // the connection was lost; `answered` is when that was seen
    Done,
    Conflict
};

// Times: nanoseconds of one steady clock.
struct Operation {
    int64_t asked = 0;    // before it was sent
    int64_t answered = 0; // after its reply had come
    uint64_t id = 0;      // of a write: unique, and stands in its value
    uint64_t version = 0; // made, or seen; of a removal 0: nothing was there
    Content content;      // seen
    uint32_t key = 0;
    uint32_t connection = 0;
    Kind kind = Kind::Read;
    Result result = Result::Unknown;
    bool found = false;               // seen
    std::optional<uint64_t> expected; // the version that the write was for
};

// One version of a key as the log tells it.
struct Version {
    bool present = false;
    Content content;
};
using Versions = std::map<uint64_t, Version>;

// Operations of one key, those of one connection in the order sent. What is wrong, or nothing.
//
// - Versions rise by one; they may only skip where the key was absent.
// - Each acknowledged write is the version it was told, with its content: a patch upon that before.
// - Each read and each conflict saw what that version is.
// - A write with an expected version was done exactly if that was the one before.
// - What begins after something has ended sees no older version than that; a write makes a newer.
//   The same holds in the order sent on one connection.
// - A write of unknown outcome made one version or none, and none after its connection was lost.
std::string check(const Versions& versions, const std::vector<Operation>& operations);

} // namespace fluxion::linear
