#pragma once

// What a subscription gets before it can follow the news, or when it has fallen behind them:
// history from the log, or the state of a cut. Made piece by piece on the thread that may read
// files.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "live/cut_share.h"
#include "live/event_queue.h"
#include "live/filter.h"
#include "live/held_cuts.h"
#include "live/live_source.h"
#include "store/range_cursor.h"

namespace fluxion {

struct BackfillPiece {
    Status status; // not ok: there is no more; Code::Compacted: the log does not hold what is next
    std::vector<QueuedEvent> events;
    // Of a log: all up to here was looked at; an event of the seq after it is one of several, and
    // more of them follow. Of a cut: its seq.
    uint64_t through = 0;
    bool later = false; // nothing was read: too much waits already
    bool atEnd = false; // of a log: nothing came behind when it was read. Of a cut: it is all
    bool last = false;  // it was asked for no more than that
};

// One thread at a time.
class Backfill {
  public:
    virtual ~Backfill() = default;
    virtual BackfillPiece next() = 0;
    // Gives back the memory of what can be read again.
    virtual void rest() {}
};

// A piece ends behind the event, or the batch of the log, with which it reaches some of these.
struct PieceLimits {
    size_t eventBytes = 512 * 1024;
    size_t scanBytes = 8 * 1024 * 1024; // read from the log, or of records
    // Not of a piece: of keys' values that one backfill remembers from piece to piece.
    size_t seenBytes = 4 * 1024 * 1024;
};

// What of a state is told, and from where on.
struct SnapshotWish {
    SharedCut cut;        // null: of now
    bool history = false; // all records of each document; else the latest
    std::string start;    // the first key or document, of the filter's collection; empty: all
    std::optional<int64_t> startTs; // the first record of that document
};

// How many of the log's entries are told.
struct EntryWish {
    uint64_t lastSeq = UINT64_MAX;
    uint64_t limit = UINT64_MAX;
};

// How far one has come: every change up to `seq`, and of the seq after it those before `index`.
struct LogPlace {
    uint64_t seq = 0;
    uint32_t index = 0;

    LogPlace(uint64_t seq_, uint32_t index_ = 0) : seq(seq_), index(index_) {}
};

// What the log holds after a place, entry by entry.
class LogBackfill : public Backfill {
  public:
    ~LogBackfill() override;
    BackfillPiece next() final;
    void rest() override;

  protected:
    LogBackfill(LiveSource& source, EventBytes& bytes, LogPlace after, PieceLimits limits);

    bool isFull() const { return m_pieceBytes >= m_limits.eventBytes; }
    void add(uint64_t seq, std::string text, uint32_t index, BackfillPiece& piece);

    LiveSource& m_source;
    const PieceLimits m_limits;
    LogPlace m_after;

  private:
    // Appends what is to be told of the entry and moves m_after behind it.
    virtual Status takeEntry(uint64_t seq, const Entry& entry, BackfillPiece& piece) = 0;
    // Nothing that comes after m_after is asked for.
    virtual bool isDone() const { return false; }
    // Bytes of memory kept from piece to piece.
    virtual size_t keptBytes() const { return 0; }

    void readPiece(BackfillPiece& piece);
    void settle();
    Status takeBatch(BackfillPiece& piece);
    void count();

    EventBytes& m_bytes;
    std::unique_ptr<LogCursor> m_cursor;
    std::optional<BatchView> m_batch; // the cursor's, of which a part is left
    size_t m_countedBytes = 0;        // in m_bytes, of it and what else is kept
    size_t m_pieceBytes = 0;          // of events, of the piece at hand
};

// The changes that a filter lets pass.
class ChangeBackfill final : public LogBackfill {
  public:
    ChangeBackfill(LiveSource& source, EventBytes& bytes, std::shared_ptr<const Filter> filter,
                   LogPlace after, PieceLimits limits = {});
    void rest() override;

  private:
    struct Seen {
        uint64_t seq = 0;
        bool live = false;
        std::string value;
    };

    Status takeEntry(uint64_t seq, const Entry& entry, BackfillPiece& piece) override;
    size_t keptBytes() const override { return m_seenBytes; }
    void forgetSeen();
    void lookBefore(Change& change);
    void keep(const Change& change);

    const std::shared_ptr<const Filter> m_filter;
    // Keys as this scan has left them, so that most need no look back into the log.
    std::unordered_map<std::string, Seen> m_seen;
    size_t m_seenBytes = 0;
    std::vector<Change> m_changes; // of the entry at hand
    std::string m_previous;        // what the change at hand points into
};

// The entries themselves.
class EntryBackfill final : public LogBackfill {
  public:
    EntryBackfill(LiveSource& source, EventBytes& bytes, EntryWish wish, LogPlace after,
                  PieceLimits limits = {});

  private:
    Status takeEntry(uint64_t seq, const Entry& entry, BackfillPiece& piece) override;
    bool isDone() const override { return m_left == 0 || m_after.seq >= m_lastSeq; }

    const uint64_t m_lastSeq;
    uint64_t m_left;
};

// All that there is, at one seq, `seq` or later.
class SnapshotBackfill : public Backfill {
  public:
    // Of the wish's cut, or of one of now: at `seq` or later.
    SnapshotBackfill(LiveSource& source, CutShare& cuts, EventBytes& bytes,
                     std::shared_ptr<const Filter> filter, uint64_t seq, PieceLimits limits = {},
                     SnapshotWish wish = {});
    // Code::NotFound: there is no `start`.
    BackfillPiece next() override;

  private:
    Status open();
    Status goToStart();
    bool wants(const Cut::Part& part) const;
    bool isFull() const;
    bool takeKeys(const Cut::Part& part, BackfillPiece& piece);
    bool takeDocuments(const Cut::Part& part, BackfillPiece& piece);
    bool takeRecords(const Cut::Part& part, BackfillPiece& piece);
    void endPage(size_t items);
    void add(const Change& change, BackfillPiece& piece);
    void addRecord(const Cut::Part& part, std::string_view document, const RecordView& record,
                   BackfillPiece& piece);

    LiveSource& m_source;
    CutShare& m_cuts;
    EventBytes& m_bytes;
    const std::shared_ptr<const Filter> m_filter;
    const uint64_t m_seq;
    const PieceLimits m_limits;
    SnapshotWish m_wish;
    SharedCut m_cut; // once it was opened, and until all was told
    bool m_opened = false;
    size_t m_part = 0;
    size_t m_page = 0;
    size_t m_item = 0;                    // of the page
    std::optional<RangeCursor> m_records; // of the document at hand, with `history`
    size_t m_eventBytes = 0;              // of the piece at hand
    size_t m_scanBytes = 0;               // the same
};

} // namespace fluxion
