#pragma once

// Turns wishes into facts. Looks at the views and at what this batch has decided before; never
// changes a view. Commit thread only.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/json.h"
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
        First,   // this entry first (a key has expired), then decide the same again
        Nothing, // it is so already: no entry
        Refused, // `status` says why
        Split    // depends on what this batch changes: commit the batch, then decide again
    };
    Verdict verdict = Verdict::Nothing;
    FactType type{};
    std::string_view payload{}; // lives until the next decide() or the proposal's end
    Status status{};
    uint64_t version = 0;
    std::shared_ptr<const KeyConflict> conflict = {};
    std::shared_ptr<const std::vector<uint64_t>> versions = {};

    static Decision refuse(Code code, std::string text);
    static Decision split();
};

class Decider {
  public:
    Decider(const Store& store, DecisionLimits limits) : m_store(store), m_limits(limits) {}

    // `seq` is the one the fact would get.
    Decision decide(const Proposal& proposal, uint64_t seq);
    // What deciding it would parse and merge, in bytes of stored values and patches; 0 of a
    // proposal without a patch. As the views are now, whatever this batch has decided.
    uint64_t mergeBytes(const Proposal& proposal);
    // A key whose time is over: Entry, or Nothing if it has changed, or Split.
    Decision expire(const Expiries::Key& key, uint64_t seq);

    // Gives back what large merges have left. Between two batches.
    void trim();
    // The batch before was applied, or came to nothing: only the views count again. The new one is
    // of the time `nowUs`.
    void beginBatch(int64_t nowUs);

  private:
    // A key as this batch leaves it.
    struct PendingKey {
        uint64_t version = 0;
        uint64_t seq = 0;
        bool live = false;
        int64_t expiryUs = 0;
        std::optional<SharedValue> value = {}; // only of a key that was patched
    };
    struct KeyNow {
        PendingKey state;
        std::string id; // in m_keys
        bool pending = false;
    };
    // One write of a key, whatever proposal it came in; views of that.
    struct KeyWish {
        WriteKeysProposal::Op op;
        const std::string& key;
        std::string_view value;
        std::optional<uint64_t> ifVersion;
        std::optional<int64_t> ttlUs;
        NullMerge nulls = NullMerge::Store;
    };
    // What one write of a key comes to. With Entry the fact's part is in `write`, whose views live
    // until the next decide().
    struct KeyOutcome {
        KeyNow now;
        KeysWrittenFact::Write write;
    };

    Decision on(const InsertProposal& wish);
    Decision on(const DeleteRecordsProposal& wish);
    Decision on(const DeleteRangeProposal& wish);
    Decision on(const DeleteDocumentProposal& wish);
    Decision on(const DropCollectionProposal& wish);
    Decision on(const SetKeyProposal& wish);
    Decision on(const RemoveKeyProposal& wish);
    Decision on(const PatchKeyProposal& wish);
    Decision on(const WriteKeysProposal& wish);
    Decision on(const ForgetKeysProposal& wish);
    Decision on(const SetApiKeyProposal& wish);
    Decision on(const RemoveApiKeyProposal& wish);

    Decision tell(const Fact& fact);
    uint64_t mergeBytes(const std::string& collection, const KeyWish& write);
    const Collection* find(const std::string& collection);
    bool isNew(const std::string& collection);
    bool hasRoomFor(size_t newCollections) const;
    Decision noRoom() const;
    Ref<Document> findDocument(const std::string& collection, const std::string& doc);
    static KeyWish wishOf(const WriteKeysProposal::Write& write);
    static KeyWish wishOf(const PatchKeyProposal& wish);
    KeyNow keyNow(const std::string& collection, const std::string& key);
    Decision writeKey(const std::string& collection, const KeyWish& write);
    Decision resolve(const std::string& collection, const KeyWish& write, KeyOutcome& outcome);
    Decision resolvePatch(const std::string& collection, const KeyWish& write, KeyOutcome& outcome);
    Decision conflict(const std::string& collection, const KeyWish& write, const KeyNow& now);
    Decision expireKey(const std::string& collection, const std::string& key, KeyNow now);
    std::optional<SharedValue> valueOf(const std::string& collection, const std::string& key,
                                       const KeyNow& now);
    void remember(const std::string& collection, const KeyWish& write, KeyOutcome& outcome);

    bool expireOneOf(const WriteKeysProposal& wish, Decision& decision);

    const Store& m_store;
    const DecisionLimits m_limits;
    uint32_t m_tenant = 0; // of the proposal at hand
    uint64_t m_seq = 0;
    int64_t m_nowUs = 0;
    std::string m_payload;
    std::deque<std::string> m_merged; // of the proposal at hand
    // Of a proposal that is decided again and again until none of its keys is over.
    const WriteKeysProposal* m_lookedThrough = nullptr;
    size_t m_lookedUpTo = 0;
    JsonReader m_storedReader;
    JsonReader m_patchReader;
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
