#include "engine/checkpoint_frames.h"

#include <utility>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/thread_name.h"

namespace fluxion {

namespace {

constexpr uint32_t kFrameHeaderBytes = 12;
constexpr uint32_t kMaxFrameBytes = uint32_t{1} << 30;

// Goes to the disk as one: what a write to the log may have to wait for.
constexpr uint64_t kSliceBytes = 1024 * 1024;
// So much may be on its way to the disk, when nothing waits for it.
constexpr uint64_t kAheadBytes = 16 * kSliceBytes;
// A larger file has a thread that reads or writes it.
constexpr uint64_t kSmallFileBytes = 1024 * 1024;

uint32_t frameCrc(uint64_t number, CheckpointFrameKind kind, std::string_view payload)
{
    std::string head;
    ByteWriter out(head);
    out.u64(number);
    out.u32(static_cast<uint32_t>(kind));
    out.u32(static_cast<uint32_t>(payload.size()));
    return crc32c(payload, crc32c(head));
}

} // namespace

CheckpointWriter::~CheckpointWriter()
{
    (void)finish().ok(); // who did not finish has a failure to tell already
}

Status CheckpointWriter::write(CheckpointFrameKind kind, std::string_view payload)
{
    if (payload.size() > kMaxFrameBytes)
        return {Code::Internal, "a checkpoint block is too large"};
    if (!m_thread.joinable() && !m_pace.rest && m_bytes > kSmallFileBytes)
        m_thread = std::thread([this] { run(); });
    const bool isThreaded = m_thread.joinable();
    std::string* frame = &m_frames[0];
    if (isThreaded) {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_made - m_written < kFrames || !m_status; });
        if (!m_status)
            return m_status;
        frame = &m_frames[m_made % kFrames];
    }
    frame->clear();
    ByteWriter out(*frame);
    out.u32(static_cast<uint32_t>(kind));
    out.u32(static_cast<uint32_t>(payload.size()));
    out.u32(frameCrc(m_number++, kind, payload));
    out.raw(payload);
    m_bytes += frame->size();
    if (!isThreaded)
        return put(*frame);
    {
        std::lock_guard lock(m_mutex);
        ++m_made;
    }
    m_changed.notify_all();
    return {};
}

Status CheckpointWriter::finish()
{
    if (!m_thread.joinable())
        return {};
    {
        std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_changed.notify_all();
    m_thread.join();
    return m_status;
}

void CheckpointWriter::run()
{
    nameThread("checkpoint");
    std::unique_lock lock(m_mutex);
    while (m_status) {
        m_changed.wait(lock, [this] { return m_stop || m_written < m_made; });
        if (m_written == m_made)
            return;
        const std::string& frame = m_frames[m_written % kFrames];
        lock.unlock();
        Status status = put(frame);
        lock.lock();
        ++m_written;
        m_status = std::move(status);
        m_changed.notify_all();
    }
}

Status CheckpointWriter::put(std::string_view frame)
{
    Status status = writeFully(m_file, m_offset, frame);
    m_offset += frame.size();
    if (status && m_offset - m_begun >= kSliceBytes)
        writeBack();
    return status;
}

// While the next slices are made the disk writes this one; or, beside writes, it has written it and
// rests.
void CheckpointWriter::writeBack()
{
    m_file.startWriteBack(m_begun, m_offset - m_begun);
    if (m_pace.rest) {
        m_file.awaitWriteBack(m_begun, m_offset - m_begun);
        m_pace.rest();
    } else if (m_begun > m_awaited + kAheadBytes) {
        const uint64_t end = m_begun - kAheadBytes;
        m_file.awaitWriteBack(m_awaited, end - m_awaited);
        m_awaited = end;
    }
    m_begun = m_offset;
}

Error CheckpointReader::damaged(const std::string& what) const
{
    return {Code::Damaged,
            m_file.path() + ": damaged at offset " + std::to_string(m_offset) + ": " + what};
}

Status CheckpointReader::next(CheckpointFrame& frame, Blocks blocks)
{
    char head[kFrameHeaderBytes];
    auto got = m_file.readAt(m_offset, head, sizeof head);
    if (!got)
        return got.status();
    if (got.value() < sizeof head)
        return damaged("cut short");
    ByteReader in(std::string_view(head, sizeof head));
    frame.kind = static_cast<CheckpointFrameKind>(in.u32());
    const uint32_t length = in.u32();
    const uint32_t crc = in.u32();
    const auto size = m_file.size();
    if (!size)
        return size.status();
    if (length > kMaxFrameBytes || length > size.value() - m_offset - kFrameHeaderBytes)
        return damaged("cut short");
    frame.number = m_number;
    frame.offset = m_offset;
    frame.end = m_offset + kFrameHeaderBytes + length;
    const bool isSkipped = frame.kind == CheckpointFrameKind::Block && blocks == Blocks::Skip;
    frame.bytes.resize(isSkipped ? 0 : length);
    if (!isSkipped) {
        got = m_file.readAt(m_offset + kFrameHeaderBytes, frame.bytes.data(), length);
        if (!got)
            return got.status();
        if (got.value() < length)
            return damaged("cut short");
        if (frameCrc(m_number, frame.kind, frame.payload()) != crc)
            return damaged("checksum does not match");
    }
    ++m_number;
    m_offset = frame.end;
    return {};
}

CheckpointReadAhead::CheckpointReadAhead(CheckpointReader& reader, uint64_t fileBytes)
    : m_reader(reader)
{
    if (fileBytes > kSmallFileBytes)
        m_thread = std::thread([this] { run(); });
}

CheckpointReadAhead::~CheckpointReadAhead()
{
    if (!m_thread.joinable())
        return;
    {
        std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_changed.notify_all();
    m_thread.join();
}

void CheckpointReadAhead::run()
{
    nameThread("load");
    for (bool more = true; more;) {
        CheckpointFrame* frame = nullptr;
        {
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [this] { return m_stop || m_read - m_given < kFrames; });
            if (m_stop)
                return;
            frame = &m_frames[m_read % kFrames];
        }
        const Status status = m_reader.next(*frame);
        more = status && frame->kind != CheckpointFrameKind::End;
        {
            std::lock_guard lock(m_mutex);
            if (status)
                ++m_read;
            else
                m_fault = status.error();
        }
        m_changed.notify_all();
    }
}

Result<const CheckpointFrame*> CheckpointReadAhead::next()
{
    if (!m_thread.joinable()) {
        const Status status = m_reader.next(m_frames[0]);
        return status ? Result<const CheckpointFrame*>(&m_frames[0]) : status.error();
    }
    std::unique_lock lock(m_mutex);
    if (m_given != m_taken) {
        m_given = m_taken;
        m_changed.notify_all();
    }
    m_changed.wait(lock, [this] { return m_taken < m_read || m_fault; });
    if (m_taken == m_read)
        return *m_fault;
    return &m_frames[m_taken++ % kFrames];
}

} // namespace fluxion
