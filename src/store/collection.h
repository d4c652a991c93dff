#pragma once

// One collection: its documents and its keys, under one lock that prefers the writer.
//
// Threads: const functions from any. The others belong to the commit thread, but mergeDocument() to
// the maintenance thread; they take the lock inside, and hold it only while they change something.
// Pins are taken in O(1) under the shared lock, then read without any, and never change.

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rwlock.h"
#include "store/document_page.h"
#include "store/facts.h"
#include "store/paged_table.h"
#include "store/shared_value.h"
#include "store/values.h"
#include "store/views.h"

namespace fluxion {

class Collection {
  public:
    using Documents = PagedTable<DocumentPage>;

    // All documents at one moment. Each has at least one record.
    struct SeriesPin {
        Documents::Pin pages;
        size_t documentCount = 0;
    };

    struct DocumentPlan {
        uint32_t id = 0; // of the document, as in DocumentPage
        MergePlan plan;
    };
    struct Mergeable {
        std::string document;
        bool idle = false;
    };

    Collection(uint32_t tenant, std::string_view name) : m_tenant(tenant), m_name(name) {}

    uint32_t tenant() const { return m_tenant; }
    const std::string& name() const { return m_name; }

    // Reading.
    KeyState get(std::string_view key) const;
    void get(std::span<KeyRead> reads) const; // all at one moment
    KeyHead head(std::string_view key) const;
    // The value of a live key, nothing of another; `found` says which.
    SharedValue share(std::string_view key, bool& found) const;
    // The version as it is now, never changing; null if there is none.
    Ref<Document> findDocument(std::string_view name) const;
    Values::Pin pinValues() const;
    SeriesPin pinSeries() const;
    // Both at one moment.
    void pin(SeriesPin& series, Values::Pin& values) const;
    size_t valuesMemoryBytes() const;
    // It has a record or a live key, and so is listed. O(1).
    bool listed() const { return m_listed.load(std::memory_order_acquire); }
    // Nothing is left to remember: no record, no key, no tombstone, no version floor.
    bool bare() const { return m_bare.load(std::memory_order_acquire); }

    // Commit thread: what the facts say. Deleting what is not there does nothing.

    // One request's records, at once for readers. Appends to `due` the documents that may have
    // something to merge; views of the facts.
    void insert(const std::vector<RecordFact>& records, uint64_t seq,
                std::vector<std::string_view>& due);
    void eraseRange(std::string_view document, int64_t from, int64_t to);
    void eraseDocument(std::string_view document);
    // A value larger than kInlineItemBytes is copied outside the lock. Returns the expiry that the
    // key had before; 0: none.
    int64_t put(const ValueItem& item);
    // Several at once for readers; the expiries from before in the same order.
    std::vector<int64_t> put(const std::vector<ValueItem>& items);
    // Drops the tombstones of these keys, and raises the floor from which new versions count.
    void forget(const std::vector<std::string_view>& keys, uint64_t versionFloor);
    // A hint: these are looked up or changed soon.
    void prefetch(std::span<const std::string_view> keys) const { m_values.prefetch(keys); }
    // Removes all records and keys, of the views named. Returns what is left of the documents,
    // whose release takes time.
    SeriesPin drop(uint64_t seq, ViewSet views = ViewSet::all());

    // At start, from a checkpoint. Code::Damaged if this was loaded before, or fails its checks.
    Status loadDocument(std::string_view document, bool continued, ByteReader& in);
    Status loadValue(const ValueItem& item);
    void loadVersionFloor(uint64_t version);

    // Maintenance thread.

    // Merges one document once. The lock is taken twice, shortly: to see what there is, and to swap
    // the result in unless the document changed. True if it is worth to come again.
    bool mergeDocument(std::string_view document, bool idle);
    // Its steps around Document::runMerge(). The plan must outlive the swap: the last references to
    // what was merged are then released after the lock.
    std::optional<DocumentPlan> planMerge(std::string_view document, bool idle) const;
    bool swapIn(std::string_view document, uint32_t id, MergeResult&& result);
    // Appends the documents of one page that have something to merge; those without an insert
    // since `idleSeq` count as idle. False if there is no such page.
    bool findMergeable(size_t pageIndex, uint64_t idleSeq, std::vector<Mergeable>& found) const;

  private:
    KeyState look(std::string_view key, Ref<const ValueBlob>& blob) const; // as Values::get()
    Ref<Document> findDocument(std::string_view name, uint32_t& id) const;
    void insertRecord(const RecordFact& record, uint64_t seq, std::vector<std::string_view>& due);
    Ref<Document> eraseLocked(uint64_t hash, size_t index);
    void updateFlags();

    const uint32_t m_tenant;
    const std::string m_name;
    mutable RwLock m_lock; // guards all below but the flags
    Documents m_documents;
    Values m_values;
    size_t m_documentCount = 0;
    uint32_t m_nextDocumentId = 0;
    std::atomic<bool> m_listed{false};
    std::atomic<bool> m_bare{true};
};

} // namespace fluxion
