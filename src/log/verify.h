#pragma once

// Reads a folder's log without opening it: nothing is changed, nothing is repaired, and what does
// not hold is told instead of ending the reading. For `fluxion verify` and for a salvage.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/file.h"
#include "log/identity.h"
#include "log/segment.h"

namespace fluxion {

// One file, for people.
struct FileReport {
    std::string name;
    std::string holds; // "seqs 1 to 20, batches 7"; may be empty
    std::string fault; // empty: none
    std::string note;  // what is remarkable, but no damage; may be empty
};

struct LogHead {
    struct Segment {
        std::string name;
        uint64_t firstSeq = 0;               // by its name
        std::optional<SegmentHeader> header; // nothing: it does not hold,
        std::string fault;                   // for this reason
    };
    std::optional<Identity> identity;
    std::optional<ClosedMark> closed;
    std::string identityFault; // missing while there are segments is one
    std::string closedFault;
    std::vector<Segment> segments; // by first seq
    // The identity's; without it, that of the segment made last.
    std::optional<HistoryId> history;

    // The segment that holds this history from `seq` on, or from before; null: none.
    const Segment* find(uint64_t seq) const;
    bool isOurs(const Segment& segment) const
    {
        return segment.header && history && segment.header->history == *history;
    }
};

// Everything but the batches. Code::Io when something cannot be read at all.
Result<LogHead> readLogHead(Directory& directory);

struct LogReport {
    std::vector<FileReport> files; // identity, closed, segments
    uint64_t firstSeq = 0;         // held of this history; 0: nothing
    uint64_t lastSeq = 0;          // of the whole batches in order; the history's start seq if none
    uint64_t lastSeen = 0;         // of any batch and of the closed mark, also behind damage
};

// Hands every whole batch of this history to `visit`, in order within its segment. Its
// Code::Damaged is a fault of the segment, whose reading it ends; other errors end it all.
Result<LogReport> verifyLog(Directory& directory, const LogHead& head,
                            const std::function<Status(const BatchView&)>& visit);

// Hands out the batches of this history that hold a seq after `after`, as long as all are whole and
// none is missing. An error of `visit` ends it and is returned.
Status readWholePrefix(Directory& directory, const LogHead& head, uint64_t after,
                       const std::function<Status(const BatchView&)>& visit);

} // namespace fluxion
