#pragma once

// One segment file: made as a spare, given a header and a name, filled batch by batch, read back.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/file.h"
#include "log/batch.h"
#include "log/log_format.h"

namespace fluxion {

struct SegmentHeader {
    uint64_t epoch = 0; // random; tells this life of the file from its earlier ones
    HistoryId history{};
    uint64_t firstSeq = 0;
    int64_t firstTimeUs = 0;
    uint64_t segmentBytes = 0; // of the whole file, which never changes its size
};

// kSegmentHeaderBytes long.
std::string encodeSegmentHeader(const SegmentHeader& header);

// Code::Damaged, naming file and offset, when magic, format, CRC or the file's size do not hold.
Result<SegmentHeader> readSegmentHeader(File& file);

// Where a segment's counting batches end, and what stands behind them.
struct SegmentEnd {
    uint64_t nextSeq = 0; // the seq that the next batch would have
    uint64_t offset = 0;
    bool torn = false;            // a batch of this epoch begins there but does not hold
    uint64_t countingBatchAt = 0; // offset of a batch behind the end that counts; 0: none
};

// Hands every counting batch to `visit`, in order; its error ends the reading. With `lookBehind`
// the bytes behind the end are searched for batches that count.
Result<SegmentEnd> readSegment(File& file, const SegmentHeader& header, bool lookBehind,
                               const std::function<Status(const BatchView&)>& visit);

// A zero-filled, synced file of `bytes` under `name`, which must not exist; its folder is not
// synced. On failure the file is removed again as far as that is possible.
Status createSpare(Directory& directory, const std::string& name, uint64_t bytes);

} // namespace fluxion
