#pragma once

// What the log's entries say: outcomes, never wishes. Decoded without looking at any view, applied
// without deciding anything. The numbers and layouts are part of the log format
// (docs/log-format.md) and never change meaning. Views of decoded facts live as long as the payload
// they point into.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "protocol/scope.h"

namespace fluxion {

enum class FactType : uint16_t {
    Inserted = 1,          // records of one request
    RecordsDeleted = 2,    // single records
    RangeDeleted = 3,      // all records of a document between two times
    DocumentDeleted = 4,   // a document, from the collections named
    CollectionDropped = 5, // all records and keys of a collection
    KeySet = 6,
    KeyRemoved = 7,
    ApiKeySet = 8, // added, or its scope changed
    ApiKeyRemoved = 9,
    KeyExpired = 10,    // its time was over
    KeysForgotten = 11, // tombstones dropped; the collection's version floor rises instead
    KeysWritten = 12,   // several keys of one collection at once
};

struct RecordFact {
    std::string_view doc;
    int64_t ts = 0;
    std::string_view data;
};

struct InsertedFact {
    struct Group {
        std::string_view collection;
        std::vector<RecordFact> records; // in the order sent: of equal (doc, ts) the last wins
    };
    std::vector<Group> groups; // each collection once
};

struct RecordsDeletedFact {
    struct Item {
        std::string_view collection;
        std::string_view doc;
        int64_t ts = 0;
    };
    std::vector<Item> items; // each existed
};

struct RangeDeletedFact {
    std::string_view collection;
    std::string_view doc;
    int64_t from = 0; // included
    int64_t to = 0;   // included
};

struct DocumentDeletedFact {
    std::string_view doc;
    std::vector<std::string_view> collections; // those that held it
};

struct CollectionDroppedFact {
    std::string_view collection;
};

struct KeySetFact {
    std::string_view collection;
    std::string_view key;
    std::string_view value;
    uint64_t version = 0;
    int64_t expiryUs = 0;     // 0: never
    uint64_t previousSeq = 0; // of this key's change before; 0: none
};

struct KeyRemovedFact {
    std::string_view collection;
    std::string_view key;
    uint64_t version = 0;
    uint64_t previousSeq = 0;
};

struct KeyExpiredFact {
    std::string_view collection;
    std::string_view key;
    uint64_t version = 0;
    uint64_t previousSeq = 0;
};

struct KeysForgottenFact {
    std::string_view collection;
    uint64_t versionFloor = 0;          // at least the highest version of those forgotten
    std::vector<std::string_view> keys; // each a tombstone
};

struct KeysWrittenFact {
    enum class Kind : uint8_t { Set = 0, Removed = 1 };
    struct Write {
        Kind kind = Kind::Set;
        std::string_view key;
        std::string_view value; // of Set
        uint64_t version = 0;
        int64_t expiryUs = 0; // of Set; 0: never
        uint64_t previousSeq = 0;
    };
    std::string_view collection;
    std::vector<Write> writes; // each key once
};

using KeyHash = std::array<char, 32>; // HMAC-SHA-256 of the key under the installation's secret

struct ApiKeySetFact {
    uint32_t id = 0; // of the key, never reused
    KeyHash hash{};
    Scope scope = Scope::ReadOnly; // never Master
    std::string_view hint;         // first characters for listings, none of a short key
};

struct ApiKeyRemovedFact {
    uint32_t id = 0;
};

using Fact = std::variant<InsertedFact, RecordsDeletedFact, RangeDeletedFact, DocumentDeletedFact,
                          CollectionDroppedFact, KeySetFact, KeyRemovedFact, ApiKeySetFact,
                          ApiKeyRemovedFact, KeyExpiredFact, KeysForgottenFact, KeysWrittenFact>;

FactType typeOf(const Fact& fact);

// Appends the payload of the entry that tells this fact.
void encodeFact(const Fact& fact, std::string& out);

// Code::Damaged for a type or layout that this version does not know; never reads past `payload`.
Result<Fact> decodeFact(uint16_t type, std::string_view payload);

} // namespace fluxion
