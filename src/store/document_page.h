#pragma once

// One page of a collection's documents: name -> version of the document, with what the writer and
// the maintenance thread keep about each.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "store/document.h"

namespace fluxion {

class DocumentPage {
  public:
    static constexpr size_t kNone = SIZE_MAX;

    // The hash by which documents are placed.
    static uint64_t hashOf(std::string_view name);

    size_t size() const { return m_items.size(); }
    // The place of the document, or kNone. `hash` is hashOf(name), here and below.
    size_t find(uint64_t hash, std::string_view name) const;
    std::string_view name(size_t index) const;
    // In a pinned page a version that never changes.
    const Ref<Document>& document(size_t index) const { return m_items[index].document; }
    // Of the last insert; 0 if there was none since the start.
    uint64_t lastSeq(size_t index) const { return m_items[index].lastSeq; }
    // Tells a document from one of the same name before it.
    uint32_t id(size_t index) const { return m_items[index].id; }

    void insert(uint64_t hash, std::string_view name, uint32_t id);
    Document& writable(size_t index) { return m_items[index].document.writable(); }
    // Inserts a record. True each time that some 64 records, or as much data as fills a chunk, have
    // come: the document may have something to merge.
    bool insertRecord(size_t index, int64_t ts, std::string_view data, uint64_t seq);
    Ref<Document> erase(size_t index);

    DocumentPage splitOff(unsigned bit);
    // Heap bytes of the page itself, without the documents.
    size_t memoryBytes() const;

  private:
    struct Item {
        Ref<Document> document;
        uint64_t lastSeq = 0;
        uint32_t id = 0;
        uint32_t nameEnd = 0; // in m_names; each begins where the one before ends
    };

    size_t nameBegin(size_t index) const { return index == 0 ? 0 : m_items[index - 1].nameEnd; }
    void append(uint8_t tag, uint8_t pending, std::string_view name, const Item& item);

    std::vector<uint8_t> m_tags;    // low byte of the hash: the directory uses the high bits
    std::vector<uint8_t> m_pending; // weight of the inserts since insertRecord() was last true
    std::vector<Item> m_items;
    std::string m_names;
};

} // namespace fluxion
