#pragma once

// What the fault scripts ask of the engine, and what it should come to: the meaning of each change
// told a second time, naively.

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/proposal.h"
#include "store/store.h"

namespace fluxion {

struct Deed {
    enum class Kind : uint8_t {
        SetKey,
        RemoveKey,
        Insert,
        DeleteRecord,
        DeleteRange,
        DeleteDocument,
        DropCollection,
        SetApiKey,
        RemoveApiKey,
        PatchKey,     // `value` is the patch
        SetIfVersion, // only at `version`
        WriteKeys,    // of three keys, should the first be at `version` or that be none
        SetExpiring,  // gone with the next Wait
        Wait,         // time passes; only as the first of a turn
    };
    Kind kind = Kind::SetKey;
    std::string collection;
    std::string name;  // of the key or document
    std::string value; // also of each record
    int64_t from = 0;  // Insert: records at from, from + 1, ... to. DeleteRecord: from alone
    int64_t to = 0;
    uint8_t apiKey = 0;
    Scope scope = Scope::ReadOnly;
    std::optional<uint64_t> version = {};
};

inline constexpr int64_t kLifetimeUs = 1'000'000;
inline constexpr int64_t kWaitUs = 2 * kLifetimeUs;

// Of Wait a wish that changes nothing: whoever submits it lets kWaitUs pass.
Wish toWish(const Deed& change);
std::string describe(const Deed& change);

// A change of some kind, with names from a few and values of up to `maxValueBytes`.
Deed randomChange(std::mt19937_64& random, size_t maxValueBytes);

// All that can be read.
struct Model {
    std::map<std::string, std::map<std::string, std::map<int64_t, std::string>>> records;
    std::map<std::string, std::map<std::string, std::string>> values;
    std::map<std::string, std::map<std::string, uint64_t>> versions; // of all keys that ever were
    std::set<std::pair<std::string, std::string>> expiring;
    std::map<uint8_t, Scope> apiKeys;

    bool operator==(const Model&) const = default;
    void apply(const Deed& change);

  private:
    bool holds(const Deed& change) const;
    void set(const std::string& collection, const std::string& key, const std::string& value);
    void remove(const std::string& collection, const std::string& key);
    void patch(const std::string& collection, const std::string& key, const std::string& patch);
};

// By reading every key, record and API key there is, as readers see them at `nowUs`.
Model readModel(const Store& store, int64_t nowUs);

} // namespace fluxion
