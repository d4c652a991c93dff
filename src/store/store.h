#pragma once

// The views that the log's facts fold into: series and keys of every (tenant, collection), and API
// keys. Deterministic: no I/O, no clock, no limits, no decision.
//
// Threads: apply() and openCut() belong to the commit thread (recovery uses them, and load*(), as
// the only thread); maintain() and startSweep() to the maintenance thread; the rest is for any.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/rwlock.h"
#include "store/api_keys.h"
#include "store/block_sink.h"
#include "store/collection.h"
#include "store/cut.h"
#include "store/expiries.h"
#include "store/facts.h"
#include "store/merge_queue.h"
#include "store/views.h"

namespace fluxion {

// Approximate heap use.
struct StoreMemory {
    size_t seriesBytes = 0;
    size_t valuesBytes = 0;
};

class Store {
  public:
    Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // Reading.

    // The log's last entry in the views, and its time.
    uint64_t appliedSeq() const { return m_appliedSeq.load(std::memory_order_acquire); }
    int64_t appliedTimeUs() const { return m_appliedTimeUs.load(std::memory_order_acquire); }
    // Null if there is none. To be asked for anew with each request: a collection that was emptied
    // and came again is another object.
    std::shared_ptr<const Collection> find(uint32_t tenant, std::string_view collection) const;
    // Names of those with a record or a live key, sorted.
    std::vector<std::string> collections(uint32_t tenant) const;
    size_t collectionCount(uint32_t tenant) const; // of the same; O(log tenants)
    const ApiKeys& apiKeys() const { return m_apiKeys; }
    // Looks at every document: for the maintenance thread's statistics, not for an I/O thread.
    StoreMemory memory() const;

    // Commit thread.

    // Folds one entry in. Code::Damaged if it cannot follow those before; the views are then
    // to be trusted no more.
    Status apply(uint32_t tenant, uint64_t seq, int64_t timeUs, const Fact& fact);
    // The same into these views alone, of an entry that the others have: seq and time stay. At
    // start, as the only thread.
    Status rebuild(ViewSet views, uint32_t tenant, uint64_t seq, const Fact& fact);
    // For entries that change no view here: only seq and time go on.
    Status skip(uint64_t seq, int64_t timeUs);
    // O(collections + API keys).
    Cut openCut() const;
    // The live keys that expire.
    const Expiries& expiries() const { return m_expiries; }

    // Checkpoints: any thread writes one from a cut; loading is for a new store, before threads.
    // A failed load (Code::Damaged) leaves a store that is to be thrown away.
    static Status saveSeries(const Cut& cut, const BlockSink& sink);
    static Status saveValues(const Cut& cut, const BlockSink& sink);
    static Status saveApiKeys(const Cut& cut, const BlockSink& sink);
    Status loadSeriesBlock(std::string_view block); // in the order written
    Status loadValuesBlock(std::string_view block);
    Status loadApiKeysBlock(std::string_view block);
    // After the blocks: where the checkpoint stood. Of several, of which each gave some views, the
    // newest counts.
    void loaded(uint64_t seq, int64_t timeUs);

    // Maintenance thread.

    // Does up to `budget` pieces of work, each the merge of one document (milliseconds) or a look
    // at one page of documents. True if there is more.
    bool maintain(size_t budget);
    // Has maintain() go over all documents once, and merge also what is small in those without an
    // insert since the call before. Nothing if a sweep is under way.
    void startSweep();

  private:
    using CollectionKey = std::pair<uint32_t, std::string>;
    using CollectionView = std::pair<uint32_t, std::string_view>;
    struct ByName {
        using is_transparent = void;
        bool operator()(const CollectionView& a, const CollectionView& b) const { return a < b; }
    };
    using Map = std::map<CollectionKey, std::shared_ptr<Collection>, ByName>;

    // Maintenance thread.
    struct Sweep {
        bool running = false;
        CollectionKey at;         // the collection to look at, or the first after it
        size_t pageIndex = 0;     // in it
        uint64_t startedSeq = 0;  // appliedSeq() when this sweep began
        uint64_t previousSeq = 0; // and the one before: older documents are idle
    };

    struct Applier;

    std::shared_ptr<Collection> findShared(uint32_t tenant, std::string_view collection) const;
    std::shared_ptr<Collection> findOrCreate(uint32_t tenant, std::string_view collection);
    // After a change: counts it in or out of the listed, forgets it when bare.
    void changed(const std::shared_ptr<Collection>& collection, bool wasListed);
    Status loadSeriesSection(uint32_t tenant, std::string_view name, ByteReader& in);
    Status loadValuesSection(uint32_t tenant, std::string_view name, ByteReader& in);
    void mergeNext();
    void sweepNext();

    mutable RwLock m_lock; // guards the two maps; never held while taking a collection's lock
    Map m_collections;
    std::map<uint32_t, size_t> m_listedCounts; // by tenant
    ApiKeys m_apiKeys;
    Expiries m_expiries;
    std::atomic<uint64_t> m_appliedSeq{0};
    std::atomic<int64_t> m_appliedTimeUs{0};
    MergeQueue m_merges;
    Sweep m_sweep;
};

} // namespace fluxion
