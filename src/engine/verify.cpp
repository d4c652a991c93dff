#include "engine/verify.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "engine/checkpoint.h"
#include "engine/installation.h"
#include "engine/salvage.h"
#include "engine/start_views.h"
#include "io/directory_lock.h"
#include "log/verify.h"

namespace fluxion {

namespace {

class Verification {
  public:
    explicit Verification(Directory& directory) : m_directory(directory) {}

    Status run();
    // Of every file but the lock, and of what is missing, in the order of names.
    const std::map<std::string, FileReport>& files() const { return m_files; }

  private:
    Status readCheckpoints(const LogHead& head);
    Status readLog(const LogHead& head);
    Status check(const BatchView& batch);
    Status readInstallation();
    Status nameOthers();
    void add(FileReport file);

    Directory& m_directory;
    std::map<std::string, FileReport> m_files;
    const LogSink m_silence = nullSink();
    StartViews m_views; // what a start would come to
    std::optional<StartReplay> m_replay;
    bool m_hasCheckpoint = false; // of this history, one that holds
    uint64_t m_checkpointSeq = 0;
    int64_t m_lastTimeUs = INT64_MIN;
};

void Verification::add(FileReport file)
{
    m_files[file.name] = std::move(file);
}

Status Verification::run()
{
    const auto head = readLogHead(m_directory);
    if (!head)
        return head.status();
    if (Status status = readCheckpoints(head.value()); !status)
        return status;
    if (m_files.empty() && head.value().segments.empty() && !head.value().identity &&
        head.value().identityFault.empty())
        return {Code::Usage, m_directory.path() + " holds no data of Fluxion"};
    if (Status status = readLog(head.value()); !status)
        return status;
    if (Status status = readInstallation(); !status)
        return status;
    return nameOthers();
}

Status Verification::readCheckpoints(const LogHead& head)
{
    const auto names = listCheckpoints(m_directory);
    if (!names)
        return names.status();
    for (const std::string& name : names.value()) {
        FileReport file{name, {}, {}, {}};
        Store store;
        const auto info = loadCheckpoint(m_directory, name, store);
        if (!info && info.error().code != Code::Damaged)
            return info.status();
        if (!info) {
            const size_t at = info.error().text.find(name + ": ");
            file.fault = at == std::string::npos ? info.error().text
                                                 : info.error().text.substr(at + name.size() + 2);
        } else {
            file.holds = "seq " + std::to_string(info.value().seq);
            if (!info.value().foreign.empty())
                file.note = info.value().foreign + ", which a start rebuilds from the log";
            if (info.value().history != head.history)
                file.note = "of another history, unused";
            else if (!m_hasCheckpoint) {
                m_hasCheckpoint = true;
                m_checkpointSeq = info.value().seq;
            }
        }
        add(std::move(file));
    }
    // Once more, so that there are never two in memory.
    auto views = loadStartViews(m_directory, head.history.value_or(HistoryId{}));
    if (!views)
        return views.status();
    m_views = std::move(views.value());
    m_replay.emplace(m_views, systemClock(), m_silence);
    return {};
}

Status Verification::check(const BatchView& batch)
{
    EntryCursor entries(batch);
    Entry entry;
    uint64_t seq = 0;
    while (entries.next(seq, entry)) {
        const std::string where = "seq " + std::to_string(seq) + ": ";
        if (entry.timeUs < m_lastTimeUs)
            return {Code::Damaged, where + "its time lies before that of the entry before"};
        m_lastTimeUs = entry.timeUs;
        if (const auto fact = decodeFact(entry.type, entry.payload); !fact)
            return {Code::Damaged, where + fact.error().text};
    }
    // Behind a gap nothing can be applied.
    return batch.firstSeq > m_views.store->appliedSeq() + 1 ? Status() : m_replay->apply(batch);
}

Status Verification::readLog(const LogHead& head)
{
    const auto report =
        verifyLog(m_directory, head, [this](const BatchView& batch) { return check(batch); });
    if (!report)
        return report.status();
    for (const FileReport& file : report.value().files)
        add(file);
    const uint64_t startSeq = head.identity ? head.identity->startSeq : 0;
    const uint64_t from = m_hasCheckpoint ? m_checkpointSeq : startSeq;
    if (!m_hasCheckpoint && startSeq != 0)
        add({"checkpoint",
             {},
             "missing: this history starts from one of seq " + std::to_string(startSeq),
             {}});
    else if (report.value().firstSeq > from + 1)
        add({segmentName(from + 1),
             {},
             "missing: the log begins at seq " + std::to_string(report.value().firstSeq),
             {}});
    else if (report.value().lastSeq < from)
        add({"log",
             {},
             "ends after seq " + std::to_string(report.value().lastSeq) +
                 ", before the checkpoint of seq " + std::to_string(from),
             {}});
    if (!head.identity && head.identityFault.empty() && !m_files.empty())
        add({kIdentityName, {}, "missing, though there are checkpoints", {}});
    return {};
}

Status Verification::readInstallation()
{
    const auto secret = readInstallationSecret(m_directory);
    if (!secret && secret.error().code != Code::Damaged)
        return secret.status();
    if (!secret)
        add({kInstallationName, {}, "damaged at offset 0: checksum does not match", {}});
    else if (secret.value())
        add({kInstallationName, {}, {}, {}});
    else if (m_views.store->apiKeys().count() > 0)
        add({kInstallationName, {}, "missing, though there are API keys hashed with it", {}});
    return {};
}

Status Verification::nameOthers()
{
    const auto names = m_directory.list();
    if (!names)
        return names.status();
    for (const std::string& name : names.value()) {
        if (m_files.contains(name) || name == kLockFileName)
            continue;
        FileReport file{name, {}, {}, "not read"};
        if (isSpareName(name))
            file.note = "a segment to be, unused";
        else if (name.ends_with(".tmp"))
            file.note = "left unfinished, unused";
        else if (name.starts_with(kSalvagedPrefix))
            file.note = "kept by a salvage, unused";
        else if (name == kSalvagingName) {
            file.note.clear();
            file.fault = "a salvage was interrupted; the next start finishes it";
        }
        add(std::move(file));
    }
    return {};
}

Result<uint64_t> sizeOf(Directory& directory, const std::string& name)
{
    const auto there = directory.exists(name);
    if (!there || !there.value())
        return there ? Result<uint64_t>(uint64_t{0}) : Result<uint64_t>(there.error());
    auto file = directory.open(name, OpenMode::Read);
    return file ? file.value()->size() : Result<uint64_t>(file.error());
}

} // namespace

Result<uint64_t> verifyFolder(Directory& directory,
                              const std::function<void(std::string_view)>& print)
{
    Verification verification(directory);
    if (Status status = verification.run(); !status)
        return status.error();
    uint64_t faults = 0;
    for (const auto& [name, file] : verification.files()) {
        const auto bytes = sizeOf(directory, name);
        if (!bytes)
            return bytes.error();
        std::string line = name + ": ";
        if (!file.holds.empty())
            line += file.holds + ", ";
        line += std::to_string(bytes.value()) + " bytes: ";
        line += !file.fault.empty() ? file.fault : !file.note.empty() ? file.note : "ok";
        print(line);
        faults += file.fault.empty() ? 0 : 1;
    }
    print(faults == 0   ? std::string("ok")
          : faults == 1 ? std::string("1 fault")
                        : std::to_string(faults) + " faults");
    return faults;
}

} // namespace fluxion
