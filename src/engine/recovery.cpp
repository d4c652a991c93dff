// What the engine does before it runs: secret, newest checkpoint, the log behind it.

#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "engine/engine.h"

namespace fluxion {

namespace {

const std::string kInstallationName = "installation";
constexpr size_t kSecretBytes = 32;

} // namespace

Status Engine::recover()
{
    auto log = FileLog::open(*m_directory, m_options.log, m_clock, m_sink);
    if (!log)
        return log.status();
    m_fileLog = log.value().get();
    m_log = std::move(log.value());
    m_durable = m_options.log.durability == Durability::Always;
    uint64_t checkpointSeq = 0;
    if (Status status = recoverViews(checkpointSeq); !status)
        return status;
    m_checkpointSeq = checkpointSeq;
    if (Status status = m_fileLog->replay(
            checkpointSeq, [this](const BatchView& batch) { return applyBatch(batch); });
        !status)
        return status;
    if (Status status = loadInstallationSecret(); !status)
        return status;
    if (m_fileLog->needsNewHistory()) {
        if (Status status = nameNewHistory(); !status)
            return status;
    }
    return m_fileLog->start();
}

// A checkpoint that fails its checks falls back to the one before, with a line; the log reaches
// back to that one.
Status Engine::recoverViews(uint64_t& checkpointSeq)
{
    auto names = listCheckpoints(*m_directory);
    if (!names)
        return names.status();
    std::optional<Error> firstDamage;
    for (const std::string& name : names.value()) {
        auto info = loadCheckpoint(*m_directory, name, *m_store);
        if (info && info.value().history == m_log->history()) {
            checkpointSeq = info.value().seq;
            return {};
        }
        m_store = std::make_unique<Store>();
        if (info)
            continue; // of another history
        if (info.error().code != Code::Damaged)
            return info.status();
        m_sink(LogLevel::Error, "checkpoint passed over: " + info.error().text);
        m_passedOver.push_back(name);
        if (!firstDamage)
            firstDamage = info.error();
    }
    // Without a checkpoint the log must hold everything from the history's start.
    if (m_fileLog->startSeq() == 0)
        return {};
    if (firstDamage)
        return *firstDamage;
    return {Code::Damaged, m_directory->path() + ": the checkpoint that this history starts from " +
                               "is missing (seq " + std::to_string(m_fileLog->startSeq()) + ")"};
}

// Clients may have seen what is gone: no position of before may be resumed from.
Status Engine::nameNewHistory()
{
    const HistoryId id = newHistoryId();
    m_sink(LogLevel::Warning, "the last server did not sync every write and was not stopped in "
                              "order: this is a new history from seq " +
                                  std::to_string(appliedSeq() + 1));
    const CheckpointInfo info{id, appliedSeq(), m_store->appliedTimeUs()};
    if (auto written = writeCheckpoint(*m_directory, info, openCut()); !written)
        return written.status();
    m_checkpointSeq = info.seq;
    return m_fileLog->switchHistory(id);
}

Status Engine::loadInstallationSecret()
{
    m_installationSecret.resize(kSecretBytes);
    if (!m_directory) {
        randomBytes(m_installationSecret.data(), kSecretBytes);
        return {};
    }
    auto there = m_directory->exists(kInstallationName);
    if (!there)
        return there.status();
    if (!there.value()) {
        if (m_store->apiKeys().count() > 0)
            return {Code::Damaged, m_directory->path() + "/" + kInstallationName +
                                       ": missing, though there are API keys hashed with it"};
        randomBytes(m_installationSecret.data(), kSecretBytes);
        std::string bytes = m_installationSecret;
        ByteWriter(bytes).u32(crc32c(m_installationSecret));
        Status status = replaceFile(*m_directory, kInstallationName, bytes);
        // One that may not last must not be found and used by the next start.
        auto made = m_directory->exists(kInstallationName);
        if (!status && made && made.value())
            (void)m_directory->remove(kInstallationName).ok();
        return status;
    }
    auto file = m_directory->open(kInstallationName, OpenMode::Read);
    if (!file)
        return file.status();
    auto bytes = readWhole(*file.value(), 4096);
    if (!bytes)
        return bytes.status();
    ByteReader in(bytes.value());
    const std::string_view secret = in.raw(kSecretBytes);
    const uint32_t crc = in.u32();
    if (!in.ok() || !in.atEnd() || crc32c(secret) != crc)
        return {Code::Damaged,
                file.value()->path() + ": damaged at offset 0: checksum does not match"};
    m_installationSecret = secret;
    return {};
}

} // namespace fluxion
