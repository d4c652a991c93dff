#pragma once

// Reads the segments of a FileLog while it appends, and while it recycles the oldest ones: a batch
// is taken for one only by its checksum, its segment's epoch and its seq.

#include <memory>
#include <string>

#include "io/file.h"
#include "log/log_cursor.h"
#include "log/segment_list.h"

namespace fluxion {

class FileLogCursor final : public LogCursor {
  public:
    // Both outlive the cursor.
    FileLogCursor(Directory& directory, SegmentList& segments, uint64_t after);

    Result<std::optional<BatchView>> next(uint64_t through) override;
    void rest() override { m_file.reset(); }

  private:
    Status enter();
    Status open();
    Status leave();
    Result<std::optional<BatchView>> batchHere();
    std::optional<BatchView> batchInBuffer() const;
    Status fill(uint64_t bytes);
    void pass(const BatchView& batch);

    Directory& m_directory;
    SegmentList& m_segments;
    uint64_t m_wanted; // the first seq not handed out yet
    bool m_entered = false;
    SegmentHeader m_segment;      // being read, if it has entered one
    std::unique_ptr<File> m_file; // the same; null once it has rested
    uint64_t m_seq = 0;           // of the batch
    uint64_t m_offset = 0;        // at this place in the file
    uint64_t m_piece = 0;         // to read at once, in bytes
    uint64_t m_remembered = 0;    // the offset that the list was told of last
    std::string m_buffer;         // what stands in the file
    uint64_t m_bufferAt = 0;      // at this offset
};

} // namespace fluxion
