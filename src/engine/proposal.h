#pragma once

// What clients ask to be changed, before anything is decided. Owned strings: a proposal crosses
// from an I/O thread to the commit thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json_merge.h"
#include "base/result.h"
#include "store/facts.h"
#include "store/shared_value.h"

namespace fluxion {

// Who asks.
struct Principal {
    uint32_t tenant = 0;
    uint32_t keyId = 0; // 0: the master key
    Scope scope = Scope::ReadOnly;
};

// Records to insert. Inserting needs no decision but the limit on collections, so that the fact is
// encoded where the request was read, off the commit thread.
struct InsertProposal {
    std::string payload;                  // of an InsertedFact; empty: nothing to insert
    std::vector<std::string> collections; // each once
};

struct DeleteRecordsProposal {
    struct Item {
        std::string collection;
        std::string doc;
        int64_t ts = 0;
    };
    std::vector<Item> items;
};

struct DeleteRangeProposal {
    std::string collection;
    std::string doc;
    int64_t from = 0;
    int64_t to = 0;
};

struct DeleteDocumentProposal {
    std::string doc;
    std::optional<std::string> collection; // absent: from all
};

struct DropCollectionProposal {
    std::string collection;
};

struct SetKeyProposal {
    std::string collection;
    std::string key;
    std::string value;
    std::optional<uint64_t> ifVersion = {}; // only if the key is at this one; 0: is not there
    int64_t ttlUs = 0;                      // 0: for good
};

struct PatchKeyProposal {
    std::string collection;
    std::string key;
    std::string patch; // JSON text
    std::optional<uint64_t> ifVersion = {};
    std::optional<int64_t> ttlUs = {}; // absent: as it was
    NullMerge nulls = NullMerge::Store;
};

struct RemoveKeyProposal {
    std::string collection;
    std::string key;
    std::optional<uint64_t> ifVersion = {};
};

// Several keys of one collection, all or none.
struct WriteKeysProposal {
    enum class Op : uint8_t { Set, Patch, Remove, Check };
    struct Write {
        Op op = Op::Set;
        std::string key;
        std::string value; // of Set; of Patch the patch
        std::optional<uint64_t> ifVersion = {};
        std::optional<int64_t> ttlUs = {}; // absent: Set: for good, Patch: as it was
        NullMerge nulls = NullMerge::Store;
    };
    std::string collection;
    std::vector<Write> writes; // each key once
};

// Tombstones that may go; those that have changed since stay. The engine's own wish.
struct ForgetKeysProposal {
    struct Tombstone {
        std::string key;
        uint64_t seq = 0;
    };
    std::string collection;
    std::vector<Tombstone> tombstones;
};

struct SetApiKeyProposal {
    KeyHash hash{};
    Scope scope = Scope::ReadOnly;
    std::string hint;
};

struct RemoveApiKeyProposal {
    KeyHash hash{};
};

using Wish =
    std::variant<InsertProposal, DeleteRecordsProposal, DeleteRangeProposal, DeleteDocumentProposal,
                 DropCollectionProposal, SetKeyProposal, RemoveKeyProposal, SetApiKeyProposal,
                 RemoveApiKeyProposal, PatchKeyProposal, WriteKeysProposal, ForgetKeysProposal>;

// Bytes that a wish holds, for the queue's bound.
uint64_t sizeOf(const Wish& wish);

// Of Code::Conflict: how the key is that has another version.
struct KeyConflict {
    std::string key;
    uint64_t version = 0;
    bool found = false;
    SharedValue value; // empty unless found
};

// What became of it. Ok: durable (as the log's setting says) and visible.
struct Outcome {
    Status status;
    uint64_t seq = 0;     // at which it holds; of a delete of nothing, the last one before it
    uint64_t version = 0; // of the key, for proposals of one key
    std::shared_ptr<const KeyConflict> conflict = {};
    std::shared_ptr<const std::vector<uint64_t>> versions =
        {}; // of WriteKeysProposal, as its writes
};

// Where outcomes and wake-ups go: one per I/O thread. Called from the commit thread; must only hand
// over and return. Outlives every proposal that names it.
class Mailbox {
  public:
    struct Done {
        uint64_t ticket; // as given with the proposal
        Outcome outcome;
    };

    virtual ~Mailbox() = default;
    // Once per batch, in the order of the proposals.
    virtual void deliver(std::vector<Done> done) = 0;
    // The queue that told someone to pause has room again.
    virtual void roomAgain() = 0;
    // Keys were removed or changed: look at the connections' states again.
    virtual void keysChanged() = 0;
};

struct Proposal {
    Principal principal;
    Wish wish;
    Mailbox* mailbox = nullptr;
    uint64_t ticket = 0;
    uint64_t source = 0; // the connection: what one mailbox gives with the same one keeps its order
};

} // namespace fluxion
