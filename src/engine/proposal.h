#pragma once

// What clients ask to be changed, before anything is decided. Owned strings: a proposal crosses
// from an I/O thread to the commit thread.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "store/facts.h"

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
};

struct RemoveKeyProposal {
    std::string collection;
    std::string key;
};

struct SetApiKeyProposal {
    KeyHash hash{};
    Scope scope = Scope::ReadOnly;
    std::string hint;
};

struct RemoveApiKeyProposal {
    KeyHash hash{};
};

using Wish = std::variant<InsertProposal, DeleteRecordsProposal, DeleteRangeProposal,
                          DeleteDocumentProposal, DropCollectionProposal, SetKeyProposal,
                          RemoveKeyProposal, SetApiKeyProposal, RemoveApiKeyProposal>;

// Bytes that a wish holds, for the queue's bound.
uint64_t sizeOf(const Wish& wish);

// What became of it. Ok: durable (as the log's setting says) and visible.
struct Outcome {
    Status status;
    uint64_t seq = 0;     // at which it holds; of a delete of nothing, the last one before it
    uint64_t version = 0; // of the key, for SetKeyProposal
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
};

} // namespace fluxion
