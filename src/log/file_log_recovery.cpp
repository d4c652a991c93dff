// What FileLog does before start(): finding, checking and reading what an earlier run left.

#include <algorithm>

#include "log/file_log.h"

namespace fluxion {

Result<std::unique_ptr<FileLog>> FileLog::open(Directory& directory, FileLogOptions options,
                                               Clock& clock, LogSink sink)
{
    std::unique_ptr<FileLog> log(new FileLog(directory, options, clock, std::move(sink)));
    if (Status status = log->readFolder(); !status)
        return status.error();
    return log;
}

Status FileLog::readFolder()
{
    auto names = m_directory.list();
    if (!names)
        return names.status();
    for (const std::string& name : names.value()) {
        uint64_t firstSeq = 0;
        if (parseSegmentName(name, firstSeq))
            m_unused.insert(firstSeq);
        else if (isSpareName(name)) {
            if (Status status = m_directory.remove(name); !status)
                return status;
        }
    }
    auto identity = readIdentity(m_directory);
    if (!identity)
        return identity.status();
    auto closed = readClosedMark(m_directory);
    if (!closed)
        return closed.status();
    m_closed = closed.value();
    if (identity.value()) {
        m_identity = *identity.value();
        return {};
    }
    if (!m_unused.empty())
        return {Code::Damaged,
                m_directory.path() + "/identity: missing, though there are segments"};
    m_identity.history = newHistoryId();
    m_identity.lax = m_options.durability != Durability::Always;
    return storeIdentity();
}

Status FileLog::replay(uint64_t after, const std::function<Status(const BatchView&)>& visit,
                       uint64_t checkpointSeq)
{
    checkpointSeq = std::max(after, checkpointSeq);
    m_needsNewHistory = m_identity.lax && !closedInOrder();
    m_lastSeq = m_identity.startSeq;
    if (Status status = readSegments(after, visit); !status)
        return status;
    if (closedInOrder() && m_lastSeq != m_closed->lastSeq)
        return {Code::Damaged, m_directory.path() +
                                   "/closed: damaged at offset 24: the log was closed after seq " +
                                   std::to_string(m_closed->lastSeq) + " and now ends after " +
                                   std::to_string(m_lastSeq)};
    if (m_lastSeq < checkpointSeq)
        return {Code::Damaged, m_directory.path() +
                                   ": damaged at offset 0: the log ends after seq " +
                                   std::to_string(m_lastSeq) + ", a checkpoint was made at " +
                                   std::to_string(checkpointSeq)};
    return {};
}

Status FileLog::readSegments(uint64_t after, const std::function<Status(const BatchView&)>& visit)
{
    // Segments of an earlier history are unused; release() takes them.
    std::vector<std::pair<uint64_t, SegmentHeader>> chain;
    for (const uint64_t firstSeq : m_unused) {
        auto file = m_directory.open(segmentName(firstSeq), OpenMode::Read);
        if (!file)
            return file.status();
        auto header = readSegmentHeader(*file.value());
        if (!header)
            return header.status();
        if (header.value().history != m_identity.history)
            continue;
        if (header.value().firstSeq != firstSeq)
            return {Code::Damaged, file.value()->path() +
                                       ": damaged at offset 40: the header says seq " +
                                       std::to_string(header.value().firstSeq)};
        chain.emplace_back(firstSeq, header.value());
    }
    for (const auto& [firstSeq, header] : chain) {
        m_unused.erase(firstSeq);
        m_segments.add(header);
    }
    // Whole segments up to `after` need no reading; they stay for cursors.
    size_t begin = 0;
    while (begin + 1 < chain.size() && chain[begin + 1].first <= after + 1)
        ++begin;
    if (begin < chain.size() && chain[begin].first > after + 1)
        return {Code::Damaged, m_directory.path() + "/" + segmentName(after + 1) +
                                   ": missing: the log begins at seq " +
                                   std::to_string(chain[begin].first)};
    for (size_t i = begin; i < chain.size(); ++i) {
        auto file = m_directory.open(segmentName(chain[i].first), OpenMode::Read);
        if (!file)
            return file.status();
        const bool last = i + 1 == chain.size();
        uint64_t lastBatchBytes = 0;
        auto end = readSegment(*file.value(), chain[i].second, last, [&](const BatchView& batch) {
            lastBatchBytes = batch.bytes;
            return batch.lastSeq() > after ? visit(batch) : Status();
        });
        if (!end)
            return end.status();
        m_lastSeq = end.value().nextSeq - 1;
        if (!last && end.value().nextSeq != chain[i + 1].first)
            return {Code::Damaged, file.value()->path() + ": damaged at offset " +
                                       std::to_string(end.value().offset) + ": seq " +
                                       std::to_string(end.value().nextSeq) + " is missing"};
        if (last) {
            if (Status status = checkEnd(*file.value(), end.value()); !status)
                return status;
            if (Status status =
                    settle(chain[i].first, end.value().offset - lastBatchBytes, lastBatchBytes);
                !status)
                return status;
        }
    }
    return {};
}

// The last segment may end anywhere, unless something tells that it went on.
Status FileLog::checkEnd(const File& file, const SegmentEnd& end)
{
    const std::string where = file.path() + ": damaged at offset " + std::to_string(end.offset);
    if (closedInOrder()) {
        if (m_lastSeq == m_closed->lastSeq)
            return {};
        return {Code::Damaged, where + ": the log was closed after seq " +
                                   std::to_string(m_closed->lastSeq) + ", but ends here after " +
                                   std::to_string(m_lastSeq)};
    }
    if (end.countingBatchAt != 0 && !m_identity.lax)
        return {Code::Damaged, where + ": a whole batch stands behind it, at offset " +
                                   std::to_string(end.countingBatchAt)};
    m_sink(LogLevel::Warning, "log: not closed in order: ends after seq " +
                                  std::to_string(m_lastSeq) + " in " + file.path() + " at offset " +
                                  std::to_string(end.offset) +
                                  (end.torn ? "; an unfinished batch there was cut" : ""));
    return {};
}

// The last batch may have been read from the system's cache only: its write was under way when the
// process ended, or had failed. Every one before it was on the medium when the next was begun. It
// is about to be shown and built upon, so it is written once more, byte for byte.
Status FileLog::settle(uint64_t segment, uint64_t offset, uint64_t bytes)
{
    // A history about to end goes into a checkpoint instead.
    if (bytes == 0 || closedInOrder() || m_needsNewHistory)
        return {};
    auto file = m_directory.open(segmentName(segment), OpenMode::WriteDurable);
    if (!file)
        return file.status();
    std::string batch(bytes, '\0');
    auto got = file.value()->readAt(offset, batch.data(), batch.size());
    if (!got)
        return got.status();
    batch.resize(got.value());
    return writeFully(*file.value(), offset, batch);
}

Status FileLog::switchHistory(const HistoryId& id)
{
    m_identity.history = id;
    m_identity.startSeq = m_lastSeq;
    m_identity.lax = m_options.durability != Durability::Always;
    if (Status status = storeIdentity(); !status)
        return status;
    m_needsNewHistory = false;
    for (const SegmentHeader& segment : m_segments.takeAll())
        m_unused.insert(segment.firstSeq);
    for (const uint64_t firstSeq : m_unused) {
        if (Status status = m_directory.remove(segmentName(firstSeq)); !status)
            return status;
    }
    m_unused.clear();
    return m_directory.sync();
}

} // namespace fluxion
