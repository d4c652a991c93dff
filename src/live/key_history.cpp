#include "live/key_history.h"

#include <algorithm>
#include <chrono>

namespace fluxion {

namespace {

KeyVersion versionOf(const Change& change)
{
    return {change.op,       change.seq,         change.version,           change.timeUs,
            change.expiryUs, change.previousSeq, std::string(change.value)};
}

bool isAbout(const Change& change, const KeyName& name)
{
    return change.tenant == name.tenant && change.collection == name.collection &&
           (change.op == ChangeOp::Dropped || (change.isOfKey() && change.name == name.key));
}

} // namespace

Result<KeyVersion> readKeyVersion(LiveSource& source, const KeyName& name, uint64_t seq)
{
    const std::unique_ptr<LogCursor> log = source.readLog(seq - 1); // what it read lives in it
    auto batch = log->next(seq);
    if (!batch)
        return batch.error();
    if (batch.value()) {
        EntryCursor cursor(*batch.value());
        uint64_t at = 0;
        Entry entry;
        while (cursor.next(at, entry)) {
            if (at != seq)
                continue;
            std::vector<Change> changes;
            if (Status status = appendChanges(seq, entry, changes); !status)
                return status.error();
            for (const Change& change : changes) {
                if (isAbout(change, name))
                    return versionOf(change);
            }
        }
    }
    return {Code::Damaged, "the log's entry " + std::to_string(seq) + " says nothing of the key"};
}

Result<KeyHistory> readKeyHistory(LiveSource& source, const KeyName& name, uint64_t seq,
                                  uint64_t version, const HistoryRange& range)
{
    KeyHistory history;
    size_t bytes = 0;
    const auto until = std::chrono::steady_clock::now() + kMaxHistoryTime;
    while (seq != 0) {
        const bool late = std::chrono::steady_clock::now() > until;
        if (late && history.versions.empty())
            return {Code::Timeout, "too many versions lie between; ask for those nearer to the "
                                   "newest"};
        auto found = readKeyVersion(source, name, seq);
        if (!found && found.error().code == Code::Compacted)
            break;
        if (!found)
            return found.error();
        KeyVersion& v = found.value();
        v.version = version--; // each change raised it by one
        seq = v.previousSeq;
        if (range.before != 0 && v.version >= range.before)
            continue;
        bytes += v.value.size();
        if (history.versions.size() == range.limit ||
            ((late || bytes > kMaxHistoryBytes) && !history.versions.empty())) {
            history.more = true;
            break;
        }
        history.versions.push_back(std::move(v));
    }
    return history;
}

} // namespace fluxion
