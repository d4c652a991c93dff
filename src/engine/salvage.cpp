#include "engine/salvage.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "base/bytes.h"
#include "engine/checkpoint.h"
#include "engine/installation.h"
#include "engine/start_views.h"
#include "log/sealed_file.h"
#include "log/verify.h"

namespace fluxion {

namespace {

constexpr uint64_t kMagic = 0x56415358554c46ull; // "FLUXSAV"

// What `salvaging` says.
struct SalvageMark {
    HistoryId old{};
    HistoryId history{}; // the new one, which begins after `seq`
    uint64_t seq = 0;
    bool newSecret = false; // the installation's is lost
    std::string prefix;     // of the names of what is kept
};

// What a salvage found whole.
struct Whole {
    HistoryId history{};
    std::unique_ptr<Store> store;
    uint64_t checkpointSeq = 0;
    uint64_t lastSeen = 0; // of anything that the folder tells of
};

Result<std::optional<SalvageMark>> readMark(Directory& directory)
{
    auto bytes = readSealedFile(directory, kSalvagingName);
    if (!bytes)
        return bytes.error();
    if (!bytes.value())
        return std::optional<SalvageMark>();
    ByteReader in(*bytes.value());
    SalvageMark mark;
    const uint64_t magic = in.u64();
    for (HistoryId* id : {&mark.old, &mark.history}) {
        const std::string_view raw = in.raw(id->size());
        std::copy(raw.begin(), raw.end(), id->begin());
    }
    mark.seq = in.u64();
    mark.newSecret = in.u8() != 0;
    mark.prefix = in.text();
    if (!in.ok() || !in.atEnd() || magic != kMagic)
        return {Code::Damaged,
                directory.path() + "/" + kSalvagingName + ": damaged at offset 0: unknown layout"};
    return std::optional<SalvageMark>(std::move(mark));
}

Status writeMark(Directory& directory, const SalvageMark& mark)
{
    std::string bytes;
    ByteWriter out(bytes);
    out.u64(kMagic);
    out.raw(mark.old.data(), mark.old.size());
    out.raw(mark.history.data(), mark.history.size());
    out.u64(mark.seq);
    out.u8(mark.newSecret ? 1 : 0);
    out.text(mark.prefix);
    return writeSealedFile(directory, kSalvagingName, std::move(bytes));
}

Error nothingLeft(Directory& directory, const std::string& why)
{
    return {Code::Damaged, directory.path() + ": nothing whole is left to go on with: " + why +
                               "; nothing was changed"};
}

// The history of the newest checkpoint that holds.
Result<std::optional<HistoryId>> historyOfCheckpoints(Directory& directory)
{
    const auto names = listCheckpoints(directory);
    if (!names)
        return names.error();
    for (const std::string& name : names.value()) {
        Store store;
        const auto info = loadCheckpoint(directory, name, store);
        if (info)
            return std::optional<HistoryId>(info.value().history);
        if (info.error().code != Code::Damaged)
            return info.error();
    }
    return std::optional<HistoryId>();
}

// Applies the log up to the first batch that does not hold, or says what cannot be: then again, up
// to the one before, as the store is of no use.
Status applyPrefix(Directory& directory, const LogHead& head, const LogSink& sink, Whole& whole)
{
    uint64_t limit = UINT64_MAX; // seqs from here on are out
    while (true) {
        auto views = loadStartViews(directory, whole.history);
        if (!views)
            return views.status();
        StartReplay replay(views.value(), systemClock(), sink);
        uint64_t refused = 0;
        Status status = readWholePrefix(directory, head, views.value().readAfter(),
                                        [&](const BatchView& batch) -> Status {
                                            if (batch.firstSeq >= limit)
                                                return {};
                                            Status applied = replay.apply(batch);
                                            refused = applied ? refused : batch.firstSeq;
                                            return applied;
                                        });
        whole.store = std::move(views.value().store);
        whole.checkpointSeq = views.value().seq;
        if (status)
            status = replay.finish();
        if (status || refused == 0)
            return status;
        limit = refused;
    }
}

Result<uint64_t> lastSeenSeq(Directory& directory, const LogHead& head)
{
    const auto report = verifyLog(directory, head, [](const BatchView&) { return Status(); });
    if (!report)
        return report.error();
    uint64_t last = report.value().lastSeen;
    const auto names = listCheckpoints(directory);
    if (!names)
        return names.error();
    for (const std::string& name : names.value()) {
        const size_t digits = name.find_first_of("0123456789");
        if (digits != std::string::npos)
            last = std::max<uint64_t>(last, std::strtoull(name.c_str() + digits, nullptr, 10));
    }
    return last;
}

Result<Whole> findWhole(Directory& directory, const LogSink& sink)
{
    auto head = readLogHead(directory);
    if (!head)
        return head.error();
    if (!head.value().history) {
        const auto history = historyOfCheckpoints(directory);
        if (!history)
            return history.error();
        head.value().history = history.value();
    }
    if (!head.value().history)
        return nothingLeft(directory, "neither identity nor a segment nor a checkpoint holds");
    Whole whole;
    whole.history = *head.value().history;
    if (Status status = applyPrefix(directory, head.value(), sink, whole); !status)
        return status.error();
    if (whole.store->appliedSeq() == 0)
        return nothingLeft(directory, "no checkpoint holds, and the log from seq 1 on does not");
    const auto last = lastSeenSeq(directory, head.value());
    if (!last)
        return last.error();
    whole.lastSeen = last.value();
    return whole;
}

// "salvaged-20261121T204500Z-", or with a number behind the time where that is taken.
Result<std::string> newPrefix(Directory& directory, int64_t wallUs)
{
    const std::time_t seconds = wallUs / 1'000'000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char time[32];
    (void)std::strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &utc);
    const auto names = directory.list();
    if (!names)
        return names.error();
    for (int number = 1;; ++number) {
        std::string prefix = kSalvagedPrefix + time + "-";
        if (number > 1)
            prefix += std::to_string(number) + "-";
        const auto taken = [&](const std::string& name) { return name.starts_with(prefix); };
        if (std::none_of(names.value().begin(), names.value().end(), taken))
            return prefix;
    }
}

// Whether a file is the old history's, or fails its checks.
bool isLeftBehind(const std::string& name, const SalvageMark& mark)
{
    uint64_t firstSeq = 0;
    if (parseSegmentName(name, firstSeq) || name == kIdentityName || name == kClosedName)
        return true;
    if (isCheckpointName(name))
        return name != checkpointName({mark.history, mark.seq, 0});
    return mark.newSecret && name == kInstallationName;
}

Status moveAside(Directory& directory, const SalvageMark& mark, const LogSink& sink)
{
    const auto names = directory.list();
    if (!names)
        return names.status();
    for (const std::string& name : names.value()) {
        if (!isLeftBehind(name, mark))
            continue;
        const std::string kept = mark.prefix + name;
        const auto there = directory.exists(kept);
        if (!there)
            return there.status();
        if (there.value())
            continue; // the one of before a crash; this one was made since
        if (Status status = directory.rename(name, kept); !status)
            return status;
        sink(LogLevel::Warning, "salvage: " + name + " is kept as " + kept);
    }
    return directory.sync();
}

Status carryOut(Directory& directory, const SalvageMark& mark, const LogSink& sink)
{
    if (Status status = moveAside(directory, mark, sink); !status)
        return status;
    if (mark.newSecret) {
        const auto there = directory.exists(kInstallationName);
        if (!there)
            return there.status();
        // Nobody has used one made before a crash.
        if (Status status = there.value()
                                ? Status()
                                : writeInstallationSecret(directory, newInstallationSecret());
            !status)
            return status;
    }
    if (Status status = writeIdentity(directory, {mark.history, mark.seq, false}); !status)
        return status;
    return removeLastingly(directory, kSalvagingName);
}

void tellWhatIsLost(const Whole& whole, const LogSink& sink)
{
    const uint64_t seq = whole.store->appliedSeq();
    std::string line = "salvage: goes on after seq " + std::to_string(seq) +
                       " (checkpoint of seq " + std::to_string(whole.checkpointSeq) +
                       ", then the log); ";
    if (whole.lastSeen > seq)
        line += "lost: seqs " + std::to_string(seq + 1) + " to " + std::to_string(whole.lastSeen) +
                ", as far as can be told";
    else
        line += "no seq is known to be lost";
    sink(LogLevel::Warning, line);
}

} // namespace

Status salvageFolder(Directory& directory, const Error& damage, int64_t wallUs, const LogSink& sink)
{
    sink(LogLevel::Error, "salvage: " + damage.text);
    auto whole = findWhole(directory, sink);
    if (!whole)
        return whole.status();
    Store& store = *whole.value().store;
    SalvageMark mark;
    mark.old = whole.value().history;
    mark.history = newHistoryId();
    mark.seq = store.appliedSeq();
    const auto secret = readInstallationSecret(directory);
    if (!secret && secret.error().code != Code::Damaged)
        return secret.status();
    mark.newSecret = !secret || (!secret.value() && store.apiKeys().count() > 0);
    auto prefix = newPrefix(directory, wallUs);
    if (!prefix)
        return prefix.status();
    mark.prefix = prefix.value();
    tellWhatIsLost(whole.value(), sink);
    if (auto written = writeCheckpoint(directory, {mark.history, mark.seq, store.appliedTimeUs()},
                                       store.openCut());
        !written)
        return written.status();
    if (Status status = writeMark(directory, mark); !status)
        return status;
    if (Status status = carryOut(directory, mark, sink); !status)
        return status;
    if (mark.newSecret && store.apiKeys().count() > 0)
        sink(LogLevel::Warning, "salvage: the secret of the API keys is lost: none of the " +
                                    std::to_string(store.apiKeys().count()) +
                                    " keys opens any more; remove them and add new ones");
    sink(LogLevel::Warning, "salvage: this is a new history, " + toText(mark.history));
    return {};
}

Status finishSalvage(Directory& directory, const LogSink& sink)
{
    const auto mark = readMark(directory);
    if (!mark)
        return mark.status();
    if (!mark.value())
        return {};
    const auto identity = readIdentity(directory);
    if (!identity && identity.error().code != Code::Damaged)
        return identity.status();
    // Of another history: the salvage was finished, and a power cut brought its mark back.
    if (identity && identity.value() && identity.value()->history != mark.value()->old)
        return removeLastingly(directory, kSalvagingName);
    sink(LogLevel::Warning, "salvage: going on with the one that was interrupted");
    return carryOut(directory, *mark.value(), sink);
}

} // namespace fluxion
