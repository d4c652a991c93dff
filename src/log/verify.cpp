#include "log/verify.h"

#include <algorithm>

namespace fluxion {

namespace {

constexpr uint64_t kMaxSegmentBytes = uint64_t{1} << 32;

// The text of an error less the file's name, which stands in front of it.
std::string withoutPath(const std::string& text, const std::string& name)
{
    const size_t at = text.find(name + ": ");
    return at == std::string::npos ? text : text.substr(at + name.size() + 2);
}

// The last seq of any batch of this epoch, wherever it stands.
Result<uint64_t> lastSeqAnywhere(File& file, uint64_t epoch)
{
    auto content = readWhole(file, kMaxSegmentBytes);
    if (!content)
        return content.error();
    const std::string_view bytes = content.value();
    uint64_t last = 0;
    for (uint64_t at = kSegmentHeaderBytes; at + kBatchHeaderBytes <= bytes.size();) {
        const std::string_view rest = bytes.substr(at);
        const bool claimed = claimedBatchBytes(rest.substr(0, kBatchHeaderBytes), epoch) != 0;
        const auto batch = claimed ? readBatch(rest, epoch) : std::nullopt;
        last = batch ? std::max(last, batch->lastSeq()) : last;
        at += batch ? batch->bytes : kBatchAlignment;
    }
    return last;
}

Result<LogHead::Segment> readHead(Directory& directory, const std::string& name, uint64_t firstSeq)
{
    LogHead::Segment segment{name, firstSeq, {}, {}};
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    auto header = readSegmentHeader(*file.value());
    if (!header && header.error().code != Code::Damaged)
        return header.error();
    if (!header)
        segment.fault = withoutPath(header.error().text, name);
    else if (header.value().firstSeq != firstSeq)
        segment.fault =
            "damaged at offset 40: the header says seq " + std::to_string(header.value().firstSeq);
    else
        segment.header = header.value();
    return segment;
}

// One walk over the segments, for verifyLog().
class Walk {
  public:
    Walk(Directory& directory, const LogHead& head,
         const std::function<Status(const BatchView&)>& visit)
        : m_directory(directory), m_head(head), m_visit(visit)
    {
        for (const LogHead::Segment& segment : head.segments) {
            if (head.isOurs(segment))
                m_ours.push_back(&segment);
        }
    }

    Status run(LogReport& report);

  private:
    Status readOne(size_t index, LogReport& report, FileReport& file);
    void judgeEnd(size_t index, const SegmentEnd& end, FileReport& file) const;
    bool closedInOrder() const
    {
        return m_head.closed && m_head.history && m_head.closed->history == *m_head.history;
    }

    Directory& m_directory;
    const LogHead& m_head;
    const std::function<Status(const BatchView&)>& m_visit;
    std::vector<const LogHead::Segment*> m_ours;
};

Status Walk::run(LogReport& report)
{
    report.lastSeq = m_head.identity ? m_head.identity->startSeq : 0;
    if (!m_ours.empty())
        report.firstSeq = m_ours.front()->firstSeq;
    size_t index = 0;
    for (const LogHead::Segment& segment : m_head.segments) {
        FileReport file{segment.name, {}, segment.fault, {}};
        if (m_head.isOurs(segment)) {
            if (Status status = readOne(index++, report, file); !status)
                return status;
        } else if (segment.header) {
            file.note = "of another history, unused";
        }
        report.files.push_back(file);
    }
    return {};
}

Status Walk::readOne(size_t index, LogReport& report, FileReport& file)
{
    const SegmentHeader& header = *m_ours[index]->header;
    auto opened = m_directory.open(file.name, OpenMode::Read);
    if (!opened)
        return opened.status();
    uint64_t batches = 0;
    uint64_t nextSeq = header.firstSeq;
    auto end =
        readSegment(*opened.value(), header, index + 1 == m_ours.size(), [&](const auto& batch) {
            Status status = m_visit(batch);
            if (status) {
                ++batches;
                nextSeq = batch.lastSeq() + 1;
            }
            return status;
        });
    if (!end && end.error().code != Code::Damaged)
        return end.status();
    if (end)
        judgeEnd(index, end.value(), file);
    else
        file.fault = withoutPath(end.error().text, file.name);
    file.holds = batches == 0
                     ? "no batch"
                     : "seqs " + std::to_string(header.firstSeq) + " to " +
                           std::to_string(nextSeq - 1) + ", batches " + std::to_string(batches);
    report.lastSeq = nextSeq - 1;
    report.lastSeen = std::max(report.lastSeen, nextSeq - 1);
    if (!file.fault.empty()) {
        const auto last = lastSeqAnywhere(*opened.value(), header.epoch);
        if (!last)
            return last.status();
        report.lastSeen = std::max(report.lastSeen, last.value());
    }
    return {};
}

void Walk::judgeEnd(size_t index, const SegmentEnd& end, FileReport& file) const
{
    const std::string where = "damaged at offset " + std::to_string(end.offset) + ": ";
    if (index + 1 < m_ours.size()) {
        const uint64_t next = m_ours[index + 1]->firstSeq;
        if (end.nextSeq == next)
            return;
        // One whose header does not hold says so itself.
        const auto unreadable = [&](const LogHead::Segment& segment) {
            return !segment.header && segment.firstSeq == end.nextSeq;
        };
        if (!end.torn && std::any_of(m_head.segments.begin(), m_head.segments.end(), unreadable))
            return;
        file.fault = where + "seqs " + std::to_string(end.nextSeq) + " to " +
                     std::to_string(next - 1) + " are missing";
        return;
    }
    if (closedInOrder()) {
        if (end.nextSeq - 1 != m_head.closed->lastSeq)
            file.fault = where + "the log was closed after seq " +
                         std::to_string(m_head.closed->lastSeq) + ", but ends here after " +
                         std::to_string(end.nextSeq - 1);
        return;
    }
    if (end.countingBatchAt != 0 && !(m_head.identity && m_head.identity->lax))
        file.fault = where + "a whole batch stands behind it, at offset " +
                     std::to_string(end.countingBatchAt);
    else if (end.torn)
        file.note = "ends with an unfinished batch at offset " + std::to_string(end.offset) +
                    ", which the next start cuts";
}

} // namespace

const LogHead::Segment* LogHead::find(uint64_t seq) const
{
    const Segment* found = nullptr;
    for (const Segment& segment : segments) {
        if (isOurs(segment) && segment.firstSeq <= seq)
            found = &segment;
    }
    return found;
}

Result<LogHead> readLogHead(Directory& directory)
{
    LogHead head;
    auto names = directory.list();
    if (!names)
        return names.error();
    for (const std::string& name : names.value()) {
        uint64_t firstSeq = 0;
        if (!parseSegmentName(name, firstSeq))
            continue;
        auto segment = readHead(directory, name, firstSeq);
        if (!segment)
            return segment.error();
        head.segments.push_back(std::move(segment.value()));
    }
    auto identity = readIdentity(directory);
    if (!identity && identity.error().code != Code::Damaged)
        return identity.error();
    if (!identity)
        head.identityFault = withoutPath(identity.error().text, kIdentityName);
    else if (identity.value())
        head.identity = *identity.value();
    else if (!head.segments.empty())
        head.identityFault = "missing, though there are segments";
    auto closed = readClosedMark(directory);
    if (!closed && closed.error().code != Code::Damaged)
        return closed.error();
    if (!closed)
        head.closedFault = withoutPath(closed.error().text, kClosedName);
    else
        head.closed = closed.value();

    int64_t madeAtUs = INT64_MIN;
    for (const LogHead::Segment& segment : head.segments) {
        if (!head.identity && segment.header && segment.header->firstTimeUs >= madeAtUs) {
            madeAtUs = segment.header->firstTimeUs;
            head.history = segment.header->history;
        }
    }
    if (head.identity)
        head.history = head.identity->history;
    return head;
}

Result<LogReport> verifyLog(Directory& directory, const LogHead& head,
                            const std::function<Status(const BatchView&)>& visit)
{
    LogReport report;
    if (head.identity || !head.identityFault.empty()) {
        std::string holds;
        if (head.identity)
            holds = "history " + toText(head.identity->history) + " after seq " +
                    std::to_string(head.identity->startSeq);
        report.files.push_back({kIdentityName, holds, head.identityFault, {}});
    }
    if (Status status = Walk(directory, head, visit).run(report); !status)
        return status.error();
    if (head.closed || !head.closedFault.empty()) {
        FileReport file{kClosedName, {}, head.closedFault, {}};
        if (head.closed)
            file.holds = "last seq " + std::to_string(head.closed->lastSeq);
        if (head.closed && head.history && head.closed->history != *head.history)
            file.note = "of another history, unused";
        else if (head.closed) {
            report.lastSeen = std::max(report.lastSeen, head.closed->lastSeq);
            // Otherwise the segment that ends elsewhere says so.
            if (report.firstSeq == 0 && head.closed->lastSeq != report.lastSeq)
                file.fault = "damaged at offset 24: the log was closed after seq " +
                             std::to_string(head.closed->lastSeq) + ", but there is none";
        }
        report.files.push_back(file);
    }
    return report;
}

Status readWholePrefix(Directory& directory, const LogHead& head, uint64_t after,
                       const std::function<Status(const BatchView&)>& visit)
{
    uint64_t wanted = after + 1;
    const LogHead::Segment* before = nullptr;
    while (true) {
        const LogHead::Segment* const segment = head.find(wanted);
        // Another one must begin exactly where the one before ended.
        if (!segment || segment == before || (before && segment->firstSeq != wanted))
            return {};
        before = segment;
        auto file = directory.open(segment->name, OpenMode::Read);
        if (!file)
            return file.status();
        auto end = readSegment(*file.value(), *segment->header, false, [&](const auto& batch) {
            return batch.lastSeq() > after ? visit(batch) : Status();
        });
        if (!end)
            return end.status();
        if (end.value().nextSeq < wanted)
            return {};
        wanted = end.value().nextSeq;
    }
}

} // namespace fluxion
