// What the engine does before it runs: secret, newest checkpoint, the log behind it.

#include "engine/engine.h"
#include "engine/installation.h"
#include "engine/salvage.h"
#include "engine/start_views.h"

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
    if (Status salvaged = salvageFolder(*m_directory, status.error(), m_clock.wallUs(), m_sink);
        !salvaged)
        return salvaged;
    return recoverWhole();
}

Status Engine::recoverWhole()
{
    if (Status status = checkIdentity(); !status)
        return status;
    // The views first: a folder that this version cannot read must be left as it is.
    auto views = loadViews();
    if (!views)
        return views.status();
    auto log = FileLog::open(*m_directory, m_options.log, m_clock, m_sink);
    if (!log)
        return log.status();
    m_fileLog = log.value().get();
    m_log = std::move(log.value());
    m_durable = m_options.log.durability == Durability::Always;
    if (Status status = replayOnto(views.value()); !status)
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
Result<StartViews> Engine::loadViews()
{
    const auto identity = readIdentity(*m_directory);
    if (!identity)
        return identity.error();
    if (!identity.value())
        return StartViews(); // a new folder
    auto views = loadStartViews(*m_directory, identity.value()->history);
    if (!views)
        return views;
    m_passedOver.clear();
    for (const StartViews::Damaged& damaged : views.value().damaged) {
        m_sink(LogLevel::Error, "checkpoint passed over: " + damaged.error.text);
        m_passedOver.push_back(damaged.checkpoint);
    }
    // Without a checkpoint the log must hold everything from the history's start.
    const uint64_t startSeq = identity.value()->startSeq;
    if (!views.value().checkpoint.empty() || startSeq == 0)
        return views;
    if (!views.value().damaged.empty())
        return views.value().damaged.front().error;
    return {Code::Damaged, m_directory->path() + ": the checkpoint that this history starts from " +
                               "is missing (seq " + std::to_string(startSeq) + ")"};
}

Status Engine::replayOnto(StartViews& views)
{
    StartReplay replay(views, m_clock, m_sink, m_options.onRebuild);
    Status status = m_fileLog->replay(
        views.readAfter(), [&](const BatchView& batch) { return replay.apply(batch); }, views.seq);
    if (status)
        status = replay.finish();
    m_store = std::move(views.store);
    m_checkpointSeq = views.seq;
    // What was rebuilt should be so once only.
    m_checkpointWanted = !views.rebuilt.empty();
    return status;
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
