#pragma once

// What the fault scripts ask of the engine, and what it should come to: the meaning of each change
// told a second time, naively.

#include <cstdint>
#include <map>
#include <random>
#include <string>
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
    };
    Kind kind = Kind::SetKey;
    std::string collection;
    std::string name;  // of the key or document
    std::string value; // also of each record
    int64_t from = 0;  // Insert: records at from, from + 1, ... to. DeleteRecord: from alone
    int64_t to = 0;
    uint8_t apiKey = 0;
    Scope scope = Scope::ReadOnly;
};

Wish toWish(const Deed& change);
std::string describe(const Deed& change);

// A change of some kind, with names from a few and values of up to `maxValueBytes`.
Deed randomChange(std::mt19937_64& random, size_t maxValueBytes);

// All that can be read.
struct Model {
    std::map<std::string, std::map<std::string, std::map<int64_t, std::string>>> records;
    std::map<std::string, std::map<std::string, std::string>> values;
    std::map<uint8_t, Scope> apiKeys;

    bool operator==(const Model&) const = default;
    void apply(const Deed& change);
};

// By reading every key, record and API key there is.
Model readModel(const Store& store);

} // namespace fluxion
