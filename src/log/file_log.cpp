#include "log/file_log.h"

#include <algorithm>

#include "base/random.h"
#include "log/file_log_cursor.h"

namespace fluxion {

namespace {

constexpr size_t kMaxSpares = 2;

// The next segment is made ready before this much of the current one is full.
bool spareIsDue(uint64_t offset, uint64_t segmentBytes)
{
    return offset > segmentBytes / 2;
}

Status noRoom(const Status& why)
{
    return {Code::StorageFull, "no room for the next segment: " + why.error().text};
}

} // namespace

FileLog::FileLog(Directory& directory, FileLogOptions options, Clock& clock, LogSink sink)
    : m_directory(directory), m_options(options), m_clock(clock), m_sink(std::move(sink))
{
}

uint64_t FileLog::maxBatchBytes() const
{
    return m_options.segmentBytes - kSegmentHeaderBytes;
}

uint64_t FileLog::maxPayloadBytes() const
{
    return maxBatchBytes() - kBatchHeaderBytes - kEntryHeaderBytes - kBatchAlignment;
}

Status FileLog::start()
{
    const bool wasClosed = closedInOrder();
    const uint64_t segmentBytes = std::min(m_options.firstSegmentBytes, m_options.segmentBytes);
    // Room first: a start that fails for want of it must leave the folder as it found it.
    if (Status status = reserve(segmentBytes); !status)
        return status;
    if (Status status = removeClosedMark(m_directory); !status) {
        // It may come back after a power cut, when the log has gone on. Nothing has been written
        // behind it yet: the next start finds it and removes it anew.
        if (m_closed)
            (void)writeClosedMark(m_directory, *m_closed).ok();
        return status;
    }
    const bool lax = m_options.durability != Durability::Always;
    // After a stop that was not in order the identity may be one whose folder sync failed: visible,
    // but not lasting. Writing it again settles that.
    if (m_identity.lax != lax || !(wasClosed || m_identityWritten)) {
        m_identity.lax = lax;
        if (Status status = storeIdentity(); !status)
            return status;
    }
    return rotate(segmentBytes);
}

Status FileLog::reserve(uint64_t segmentBytes)
{
    std::unique_lock lock(m_mutex);
    if (Status status = makeSpare(lock, segmentBytes); !status)
        return noRoom(status);
    return {};
}

Status FileLog::storeIdentity()
{
    Status status = writeIdentity(m_directory, m_identity);
    m_identityWritten = status.ok();
    return status;
}

Status FileLog::append(BatchBuilder& batch, uint64_t expectedLastSeq, uint64_t proposal)
{
    m_committed.reset();
    if (m_failed)
        return {Code::ReadOnly, "the log takes no writes after a failed one; restart the server"};
    if (expectedLastSeq != m_lastSeq)
        return {Code::Conflict, "others came first"};
    if (m_offset + batch.bytes() > m_fileBytes) {
        if (Status status = rotate(m_options.segmentBytes); !status)
            return status;
    }
    const std::string_view bytes = batch.finish(m_epoch, m_lastSeq + 1, m_options.origin, proposal);
    if (Status status = writeFully(*m_file, m_offset, bytes); !status)
        return failStop(status);
    m_committed = batch.view();
    m_segments.appended(m_lastSeq + 1, m_offset, bytes.size());
    m_lastSeq += batch.count();
    m_offset += bytes.size();
    m_appendedBytes += bytes.size();
    if (spareIsDue(m_offset, m_fileBytes))
        m_spareWanted = true;
    return {};
}

std::optional<BatchView> FileLog::nextCommitted()
{
    return std::exchange(m_committed, std::nullopt);
}

// Nothing may follow a failed write: what the medium holds is unknown.
Status FileLog::failStop(Status status)
{
    m_failed = true;
    m_sink(LogLevel::Error, "log: " + status.error().text + "; writes stop until a restart");
    return {Code::ReadOnly, "a write to the log failed; writes stop until a restart"};
}

Result<SegmentHeader> FileLog::writeHeader(File& file, uint64_t segmentBytes)
{
    SegmentHeader header;
    header.epoch = randomU64();
    header.history = m_identity.history;
    header.firstSeq = m_lastSeq + 1;
    header.firstTimeUs = m_clock.wallUs();
    header.segmentBytes = segmentBytes;
    Status status = writeFully(file, 0, encodeSegmentHeader(header));
    if (status && m_options.durability != Durability::Always)
        status = file.sync();
    if (!status)
        return status.error();
    return header;
}

// The header is durable before the segment gets its name, and the name before its first batch.
Status FileLog::rotate(uint64_t segmentBytes)
{
    auto spare = takeSpare(segmentBytes);
    if (!spare)
        return spare.status();
    const bool always = m_options.durability == Durability::Always;
    // Only the last segment may have an unsynced tail.
    if (m_file && !always) {
        if (Status status = syncFile(*m_file); !status)
            return status;
    }
    auto file = m_directory.open(spare.value(), always ? OpenMode::WriteDurable : OpenMode::Write);
    if (!file) {
        // Too many open files, say: nothing was written, the caller may try again.
        std::lock_guard lock(m_mutex);
        m_spares[spare.value()] = segmentBytes;
        return {Code::StorageFull, "cannot open the next segment: " + file.error().text};
    }
    const auto header = writeHeader(*file.value(), segmentBytes);
    if (!header)
        return failStop(header.status());
    const std::string name = segmentName(m_lastSeq + 1);
    if (Status status = m_directory.rename(spare.value(), name); !status)
        return failStop(status);
    if (Status status = m_directory.sync(); !status)
        return failStop(status);
    m_epoch = header.value().epoch;
    m_offset = kSegmentHeaderBytes;
    m_segments.add(header.value());
    std::lock_guard lock(m_mutex);
    m_file = std::move(file.value());
    m_fileBytes = segmentBytes;
    m_unused.erase(m_lastSeq + 1); // its name was taken
    return {};
}

Result<std::string> FileLog::takeSpare(uint64_t segmentBytes)
{
    std::unique_lock lock(m_mutex);
    m_spareDone.wait(lock, [this] { return !m_makingSpare; });
    const auto fits = [&](const auto& spare) { return spare.second == segmentBytes; };
    auto it = std::find_if(m_spares.begin(), m_spares.end(), fits);
    if (it == m_spares.end()) {
        // Nothing was written, whatever the reason: the caller may try again.
        if (Status status = makeSpare(lock, segmentBytes); !status)
            return noRoom(status).error();
        it = std::find_if(m_spares.begin(), m_spares.end(), fits);
    }
    std::string name = it->first;
    m_spares.erase(it);
    return name;
}

Status FileLog::prepare()
{
    if (!m_spareWanted.exchange(false))
        return {};
    std::unique_lock lock(m_mutex);
    const auto fits = [this](const auto& spare) { return spare.second == m_options.segmentBytes; };
    if (m_makingSpare || std::any_of(m_spares.begin(), m_spares.end(), fits))
        return {};
    return makeSpare(lock, m_options.segmentBytes);
}

// Unlocks while it writes; m_makingSpare keeps a second one out.
Status FileLog::makeSpare(std::unique_lock<std::mutex>& lock, uint64_t segmentBytes)
{
    m_makingSpare = true;
    const std::string name = "spare-" + std::to_string(m_nextSpare++);
    lock.unlock();
    Status status = createSpare(m_directory, name, segmentBytes);
    lock.lock();
    m_makingSpare = false;
    if (status)
        m_spares[name] = segmentBytes;
    m_spareDone.notify_all();
    return status;
}

Status FileLog::sync()
{
    std::shared_ptr<File> file;
    {
        std::lock_guard lock(m_mutex);
        file = m_file;
    }
    // Durable writes need none; a rotation syncs what it leaves.
    if (!file || m_options.durability == Durability::Always)
        return {};
    return syncFile(*file);
}

// After a failed sync a second one succeeds though the bytes are gone: nobody may ask for one.
Status FileLog::syncFile(File& file)
{
    std::lock_guard lock(m_syncMutex);
    if (m_failed)
        return {Code::ReadOnly, "the log takes no writes after a failed one; restart the server"};
    Status status = file.sync();
    return status ? status : failStop(status);
}

Status FileLog::release(uint64_t seq)
{
    if (Status status = releaseUnused(seq); !status)
        return status;
    const SegmentList::Retention retention{
        m_options.retainBytes,
        m_options.retainUs == 0 ? INT64_MIN : m_clock.wallUs() - m_options.retainUs};
    while (const auto oldest = m_segments.takeOldest(seq, retention)) {
        const std::string name = segmentName(oldest->firstSeq);
        Status status = recycle(name);
        if (!status) {
            // The history must not get a gap: it is tried again with the next release.
            const auto there = m_directory.exists(name);
            if (there && there.value())
                m_segments.putBack(*oldest);
            return status;
        }
    }
    return {};
}

// Those whose names a rotation cannot take any more.
Status FileLog::releaseUnused(uint64_t seq)
{
    while (true) {
        uint64_t firstSeq = 0;
        {
            std::lock_guard lock(m_mutex);
            if (m_unused.empty() || *m_unused.begin() > seq)
                return {};
            firstSeq = *m_unused.begin();
            m_unused.erase(firstSeq);
        }
        if (Status status = recycle(segmentName(firstSeq)); !status)
            return status;
    }
}

std::unique_ptr<LogCursor> FileLog::read(uint64_t after)
{
    return std::make_unique<FileLogCursor>(m_directory, m_segments, after);
}

uint64_t FileLog::oldestSeq() const
{
    return m_segments.oldestSeq().value_or(m_identity.startSeq + 1);
}

// A segment's name is gone for good before its bytes may change.
Status FileLog::recycle(const std::string& name)
{
    uint64_t bytes = 0;
    {
        auto file = m_directory.open(name, OpenMode::Read);
        if (!file)
            return file.status();
        auto size = file.value()->size();
        if (!size)
            return size.status();
        bytes = size.value();
    }
    std::string spare;
    {
        std::lock_guard lock(m_mutex);
        if (bytes == m_options.segmentBytes && m_spares.size() < kMaxSpares)
            spare = "spare-" + std::to_string(m_nextSpare++);
    }
    Status status = spare.empty() ? m_directory.remove(name) : m_directory.rename(name, spare);
    if (status)
        status = m_directory.sync();
    if (!status || spare.empty())
        return status;
    std::lock_guard lock(m_mutex);
    m_spares[spare] = bytes;
    return {};
}

Status FileLog::close()
{
    if (m_failed)
        return {Code::ReadOnly, "the log failed; its end stays unmarked"};
    if (Status status = sync(); !status)
        return status;
    if (Status status = writeClosedMark(m_directory, {m_identity.history, m_lastSeq}); !status)
        return failStop(status);
    m_failed = true; // nothing may be appended behind the mark
    return {};
}

} // namespace fluxion
