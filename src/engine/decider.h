#pragma once

// Turns wishes into facts. Looks at the views and at what this batch has decided before; never
// changes a view. Commit thread only.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "engine/proposal.h"
#include "store/store.h"

namespace fluxion {

// Enforced when deciding, never when applying: a replay under other settings must not differ.
struct DecisionLimits {
    uint64_t maxCollections = 10000; // per tenant
    uint64_t maxApiKeys = 100000;
    uint64_t maxPayloadBytes = 0; // of one entry: the log's
};

struct Decision {
    enum class Verdict {
        Entry,   // `type` and `payload` go into the batch
        Nothing, // it is so already: no entry
        Refused, // `status` says why
        Split    // depends on what this batch changes: commit the batch, then decide again
    };
    Verdict verdict = Verdict::Nothing;
    FactType type{};
    std::string_view payload{}; // lives until the next decide() or the proposal's end
    Status status{};
    uint64_t version = 0;
};

class Decider {
  public:
    Decider(const Store& store, DecisionLimits limits) : m_store(store), m_limits(limits) {}

    // `seq` is the one the fact would get.
    Decision decide(const Proposal& proposal, uint64_t seq);

    // The batch was applied, or came to nothing: only the views count again.
    void beginBatch();

  private:
    // A key as this batch leaves it.
    struct PendingKey {
        uint64_t version = 0;
        uint64_t seq = 0;
        bool live = false;
    };
    struct KeyNow {
        PendingKey state;
        std::string id; // in m_keys
    };

    Decision on(const InsertProposal& wish);
    Decision on(const DeleteRecordsProposal& wish);
    Decision on(const DeleteRangeProposal& wish);
    Decision on(const DeleteDocumentProposal& wish);
    Decision on(const DropCollectionProposal& wish);
    Decision on(const SetKeyProposal& wish);
    Decision on(const RemoveKeyProposal& wish);
    Decision on(const SetApiKeyProposal& wish);
    Decision on(const RemoveApiKeyProposal& wish);

    Decision tell(const Fact& fact);
    const Collection* find(const std::string& collection);
    bool isNew(const std::string& collection);
    bool hasRoomFor(size_t newCollections) const;
    Decision noRoom() const;
    Ref<Document> findDocument(const std::string& collection, const std::string& doc);
    KeyNow keyNow(const std::string& collection, const std::string& key);

    const Store& m_store;
    const DecisionLimits m_limits;
    uint32_t m_tenant = 0; // of the proposal at hand
    uint64_t m_seq = 0;
    std::string m_payload;
    std::shared_ptr<const Collection> m_last; // found last; within a batch the views stand still

    // What this batch has decided; a proposal that was refused leaves no trace here.
    std::optional<uint32_t> m_batchTenant; // of its entries
    std::unordered_map<std::string, PendingKey> m_keys;
    std::unordered_set<std::string> m_records; // collections whose records change
    std::unordered_set<std::string> m_values;  // collections whose keys change
    std::unordered_set<std::string> m_dropped;
    std::unordered_set<std::string> m_created; // collections that were not there
    bool m_freed = false; // something was taken away, with which a collection may have gone
    bool m_apiKeys = false;
};

} // namespace fluxion
