// What the engine does before it runs: secret, newest checkpoint, the log behind it.

#include "engine/engine.h"
#include "engine/installation.h"
#include "engine/salvage.h"

namespace fluxion {

Status Engine::recover()
{
    if (Status status = finishSalvage(*m_directory, m_sink); !status)
        return status;
    Status status = recoverWhole();
    if (status || status.error().code != Code::Damaged || !m_options.salvage)
        return status;
    m_fileLog = nullptr;
    m_log.reset();
    m_store = std::make_unique<Store>();
    m_passedOver.clear();
    if (Status salvaged = salvageFolder(*m_directory, status.error(), m_clock.wallUs(), m_sink);
        !salvaged)
        return salvaged;
    return recoverWhole();
}

Status Engine::recoverWhole()
{
    if (Status status = checkIdentity(); !status)
        return status;
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

// Without it a folder is new; the log itself sees only segments.
Status Engine::checkIdentity()
{
    const auto there = m_directory->exists(kIdentityName);
    if (!there || there.value())
        return there.status();
    const auto names = listCheckpoints(*m_directory);
    if (!names || names.value().empty())
        return names.status();
    return {Code::Damaged, m_directory->path() + "/" + kIdentityName +
                               ": damaged at offset 0: missing, though there are checkpoints"};
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
    if (!m_directory) {
        m_installationSecret = newInstallationSecret();
        return {};
    }
    auto secret = readInstallationSecret(*m_directory);
    if (!secret)
        return secret.status();
    if (secret.value()) {
        m_installationSecret = *secret.value();
        return {};
    }
    if (m_store->apiKeys().count() > 0)
        return {Code::Damaged, m_directory->path() + "/" + kInstallationName +
                                   ": missing, though there are API keys hashed with it"};
    m_installationSecret = newInstallationSecret();
    return writeInstallationSecret(*m_directory, m_installationSecret);
}

} // namespace fluxion
