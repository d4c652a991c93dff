#pragma once

// Batches of entries as bytes: built by the writer, checked and walked by readers.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "log/log_format.h"

namespace fluxion {

// One entry of the log. The payload is opaque here; it lives as long as the batch's bytes.
struct Entry {
    uint16_t type = 0;
    uint16_t flags = 0;
    uint32_t tenant = 0;
    uint32_t actor = 0; // id of the API key that asked; 0: the server or the master key
    int64_t timeUs = 0; // UTC; never less than the entry's before
    std::string_view payload;
};

// A batch that passed its checks. Views into the reader's bytes.
struct BatchView {
    uint64_t epoch = 0;
    uint64_t firstSeq = 0;
    uint32_t count = 0;
    uint32_t origin = 0;
    uint64_t proposal = 0;
    std::string_view entries;
    uint64_t bytes = 0; // with header and padding

    uint64_t lastSeq() const { return firstSeq + count - 1; }
};

// Entries on their way into the log. One proposal number per batch.
class BatchBuilder {
  public:
    BatchBuilder() { clear(); }

    void add(const Entry& entry);
    // Header, entries and padding; once, after the last add(). The view lives until clear().
    std::string_view finish(uint64_t epoch, uint64_t firstSeq, uint32_t origin, uint64_t proposal);
    // As finish(), for a log that keeps no bytes: without header and checksum.
    void seal(uint64_t firstSeq, uint32_t origin, uint64_t proposal);
    // The batch that finish() or seal() made, as a reader would see it.
    BatchView view() const;
    void clear();

    uint32_t count() const { return m_count; }
    bool empty() const { return m_count == 0; }
    // What finish() yields, in bytes; with one more entry of this payload size.
    uint64_t bytes() const;
    uint64_t bytesWith(uint64_t payloadBytes) const;

  private:
    std::string m_bytes; // header's room, then entries
    uint32_t m_count = 0;
    uint64_t m_entryBytes = 0; // set with m_view
    BatchView m_view;          // without its views
};

// The batch that starts at bytes[0], if all of it is there and its magic, epoch and CRC hold and
// its entries fill it exactly.
std::optional<BatchView> readBatch(std::string_view bytes, uint64_t epoch);

// What the batch whose header starts at bytes[0] would have, in bytes, by its unchecked word; 0: no
// header of this epoch stands there.
uint64_t claimedBatchBytes(std::string_view bytes, uint64_t epoch);

// Walks the entries of a batch that readBatch() accepted.
class EntryCursor {
  public:
    explicit EntryCursor(const BatchView& batch) : m_rest(batch.entries), m_seq(batch.firstSeq) {}
    // False at the end.
    bool next(uint64_t& seq, Entry& entry);

  private:
    std::string_view m_rest;
    uint64_t m_seq;
};

} // namespace fluxion
