#include "log/file_log_cursor.h"

#include <algorithm>

#include "base/release.h"

namespace fluxion {

namespace {

constexpr uint64_t kFirstPieceBytes = kIndexStepBytes; // a lookup wants no more
constexpr uint64_t kPieceBytes = 256 * 1024;

} // namespace

FileLogCursor::FileLogCursor(Directory& directory, SegmentList& segments, uint64_t after)
    : m_directory(directory), m_segments(segments), m_wanted(after + 1), m_seq(after + 1)
{
}

Result<std::optional<BatchView>> FileLogCursor::next(uint64_t through)
{
    while (m_wanted <= through) {
        if (!m_entered) {
            if (Status status = enter(); !status)
                return status.error();
        }
        const auto batch = batchHere();
        if (!batch)
            return batch.error();
        if (!batch.value()) {
            if (Status status = leave(); !status)
                return status.error();
            continue;
        }
        pass(*batch.value());
        if (batch.value()->lastSeq() < m_wanted)
            continue;
        m_wanted = batch.value()->lastSeq() + 1;
        return batch;
    }
    release(m_buffer); // a cursor at the end may rest for long
    m_bufferAt = m_offset;
    return std::optional<BatchView>();
}

// Opens the segment that holds m_seq, before or at its batch.
Status FileLogCursor::enter()
{
    const auto place = m_segments.find(m_seq);
    if (!place)
        return {Code::Compacted, "the log no longer holds seq " + std::to_string(m_seq)};
    m_segment = place->segment;
    if (Status status = open(); !status)
        return status;
    m_entered = true;
    m_seq = place->seq;
    m_offset = m_remembered = place->offset;
    m_piece = place->bytes != 0 ? std::min(place->bytes, kPieceBytes) : kFirstPieceBytes;
    m_buffer.clear();
    m_bufferAt = m_offset;
    return {};
}

Status FileLogCursor::open()
{
    auto file = m_directory.open(segmentName(m_segment.firstSeq), OpenMode::Read);
    if (!file) {
        // Recycled in between: then its name is gone, and so are all seqs up to its end.
        if (!m_segments.endOf(m_segment))
            return {Code::Compacted, "the log no longer holds seq " + std::to_string(m_seq)};
        return file.status();
    }
    m_file = std::move(file.value());
    return {};
}

// No batch counts here: the segment ends, and another one goes on.
Status FileLogCursor::leave()
{
    const auto place = m_segments.find(m_seq);
    if (!place)
        return {Code::Compacted, "the log no longer holds seq " + std::to_string(m_seq)};
    // Its bytes cannot have changed before it left the list.
    if (place->segment.firstSeq == m_segment.firstSeq && place->segment.epoch == m_segment.epoch)
        return {Code::Damaged, m_file->path() + ": damaged at offset " + std::to_string(m_offset) +
                                   ": seq " + std::to_string(m_seq) + " is missing"};
    m_file.reset();
    m_entered = false;
    return {};
}

Result<std::optional<BatchView>> FileLogCursor::batchHere()
{
    if (const auto batch = batchInBuffer())
        return batch;
    if (Status status = fill(m_piece); !status)
        return status.error();
    m_piece = kPieceBytes;
    if (const auto batch = batchInBuffer())
        return batch;
    const uint64_t claimed = claimedBatchBytes(m_buffer, m_segment.epoch);
    if (claimed <= m_buffer.size())
        return std::optional<BatchView>();
    if (Status status = fill(claimed); !status)
        return status.error();
    return batchInBuffer();
}

std::optional<BatchView> FileLogCursor::batchInBuffer() const
{
    const auto batch =
        readBatch(std::string_view(m_buffer).substr(m_offset - m_bufferAt), m_segment.epoch);
    return batch && batch->firstSeq == m_seq ? batch : std::nullopt;
}

// Reads anew from m_offset on: what stood behind the end may have been written since.
Status FileLogCursor::fill(uint64_t bytes)
{
    if (!m_file) {
        if (Status status = open(); !status)
            return status;
    }
    const uint64_t end = m_segments.endOf(m_segment).value_or(m_segment.segmentBytes);
    if (m_buffer.capacity() > kPieceBytes && bytes <= kPieceBytes)
        release(m_buffer);
    m_buffer.resize(end > m_offset ? std::min(bytes, end - m_offset) : 0);
    m_bufferAt = m_offset;
    auto got = m_file->readAt(m_offset, m_buffer.data(), m_buffer.size());
    m_buffer.resize(got ? got.value() : 0);
    return got.status();
}

void FileLogCursor::pass(const BatchView& batch)
{
    if (m_offset - m_remembered >= kIndexStepBytes) {
        m_remembered = m_offset;
        m_segments.remember(m_segment, m_seq, m_offset);
    }
    m_seq = batch.lastSeq() + 1;
    m_offset += batch.bytes;
}

} // namespace fluxion
