#include "engine/start_views.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "engine/replay.h"
#include "log/verify.h"

namespace fluxion {

namespace {

constexpr int64_t kTellIntervalUs = 50 * kUsPerMs;
constexpr int64_t kLogIntervalUs = 1000 * kUsPerMs;

std::string_view nameOf(View view)
{
    switch (view) {
    case View::Series:
        return kSeriesView.name;
    case View::Values:
        return kValuesView.name;
    case View::ApiKeys:
        return kApiKeysView.name;
    }
    return {};
}

// Where the log of this history begins; nothing when there is none.
Result<std::optional<uint64_t>> logBegins(Directory& directory, const HistoryId& history)
{
    const auto head = readLogHead(directory);
    if (!head)
        return head.error();
    for (const LogHead::Segment& segment : head.value().segments) {
        if (segment.header && segment.header->history == history)
            return std::optional<uint64_t>(segment.firstSeq);
    }
    return std::optional<uint64_t>();
}

// One load of checkpoints, newest first.
class Loading {
  public:
    Loading(Directory& directory, const HistoryId& history)
        : m_directory(directory), m_history(history)
    {
    }

    Result<StartViews> run();

  private:
    Status meet(const std::string& name);
    Status takeNewest(const std::string& name);
    Status takeMissing(const std::string& name);
    Status passOver(const std::string& name, const Error& error);
    Status checkReach() const;

    Directory& m_directory;
    const HistoryId& m_history;
    StartViews m_views;
    ViewSet m_missing; // of the newest
};

Result<StartViews> Loading::run()
{
    m_views.folder = m_directory.path();
    const auto names = listCheckpoints(m_directory);
    if (!names)
        return names.error();
    for (const std::string& name : names.value()) {
        if (Status status = meet(name); !status)
            return status.error();
    }
    for (const View view : kAllViews) {
        if (m_missing.has(view))
            m_views.rebuilt.push_back({view, 0});
    }
    if (Status status = checkReach(); !status)
        return status.error();
    return std::move(m_views);
}

Status Loading::meet(const std::string& name)
{
    if (m_views.checkpoint.empty())
        return takeNewest(name);
    return m_missing.empty() ? Status() : takeMissing(name);
}

Status Loading::passOver(const std::string& name, const Error& error)
{
    if (error.code != Code::Damaged)
        return error;
    m_views.damaged.push_back({name, error});
    return {};
}

Status Loading::takeNewest(const std::string& name)
{
    auto store = std::make_unique<Store>();
    const auto loaded = loadCheckpoint(m_directory, name, *store);
    if (!loaded)
        return passOver(name, loaded.error());
    if (loaded.value().history != m_history)
        return {};
    m_views.store = std::move(store);
    m_views.checkpoint = name;
    m_views.seq = loaded.value().seq;
    m_views.foreign = loaded.value().foreign;
    m_missing = loaded.value().missing;
    return {};
}

// First to look, since one that fails its checks halfway would spoil the store.
Status Loading::takeMissing(const std::string& name)
{
    Store trial;
    const auto tried = loadCheckpoint(m_directory, name, trial, m_missing);
    if (!tried)
        return passOver(name, tried.error());
    if (tried.value().history != m_history || tried.value().missing == m_missing)
        return {};
    const auto taken = loadCheckpoint(m_directory, name, *m_views.store, m_missing);
    if (!taken)
        return taken.status();
    for (const View view : kAllViews) {
        if (m_missing.has(view) && !taken.value().missing.has(view))
            m_views.rebuilt.push_back({view, taken.value().seq});
    }
    m_missing = taken.value().missing;
    return {};
}

Status Loading::checkReach() const
{
    if (m_views.rebuilt.empty())
        return {};
    const auto begins = logBegins(m_directory, m_history);
    if (!begins)
        return begins.status();
    const uint64_t after = m_views.readAfter();
    if (begins.value() && *begins.value() <= after + 1)
        return {};
    std::string views;
    for (const StartViews::Rebuilt& rebuilt : m_views.rebuilt)
        views += (views.empty() ? "" : ", ") + std::string(nameOf(rebuilt.view));
    return {Code::Usage, m_directory.path() + "/" + m_views.checkpoint +
                             ": this version of the server does " + "not read " +
                             (m_views.foreign.empty() ? views : m_views.foreign) +
                             ", and cannot rebuild it, as the log " +
                             (begins.value() ? "begins at seq " + std::to_string(*begins.value())
                                             : std::string("is not there")) +
                             ", not at " + std::to_string(after + 1) +
                             ": start the version that wrote it; nothing was changed"};
}

std::string inSeconds(int64_t us)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(us) / 1e6);
    return text;
}

} // namespace

uint64_t StartViews::readAfter() const
{
    uint64_t after = seq;
    for (const Rebuilt& one : rebuilt)
        after = std::min(after, one.after);
    return after;
}

Result<StartViews> loadStartViews(Directory& directory, const HistoryId& history)
{
    return Loading(directory, history).run();
}

unsigned RebuildProgress::percent() const
{
    return static_cast<unsigned>(
        ofSeq == 0 ? 100 : static_cast<double>(seq) * 100.0 / static_cast<double>(ofSeq));
}

StartReplay::StartReplay(StartViews& views, Clock& clock, const LogSink& sink,
                         OnProgress onProgress)
    : m_views(views), m_clock(clock), m_sink(sink), m_onProgress(std::move(onProgress)),
      m_begunUs(clock.steadyUs()), m_toldUs(m_begunUs), m_loggedUs(m_begunUs)
{
    if (views.rebuilt.empty())
        return;
    for (const StartViews::Rebuilt& rebuilt : views.rebuilt)
        m_progress.views +=
            (m_progress.views.empty() ? "" : ", ") + std::string(nameOf(rebuilt.view));
    m_progress.seq = views.readAfter();
    m_progress.ofSeq = views.seq;
    m_sink(LogLevel::Warning,
           views.checkpoint + ": this version of the server does not read " +
               (views.foreign.empty() ? "its " + m_progress.views : views.foreign) +
               ": rebuilding " + m_progress.views + " from the log, seqs " +
               std::to_string(m_progress.seq + 1) + " to " + std::to_string(views.seq));
    tell(true);
}

Status StartReplay::apply(const BatchView& batch)
{
    if (batch.firstSeq <= m_views.seq && !m_views.rebuilt.empty()) {
        if (Status status = rebuild(batch); !status)
            return status;
    }
    return applyBatch(*m_views.store, batch);
}

Status StartReplay::rebuild(const BatchView& batch)
{
    EntryCursor cursor(batch);
    uint64_t seq = 0;
    Entry entry;
    while (cursor.next(seq, entry) && seq <= m_views.seq) {
        ViewSet views;
        for (const StartViews::Rebuilt& rebuilt : m_views.rebuilt) {
            if (seq > rebuilt.after)
                views.add(rebuilt.view);
        }
        m_progress.seq = std::max(m_progress.seq, seq);
        if (!views.meets(viewsOf(static_cast<FactType>(entry.type))))
            continue;
        const auto fact = factOf(seq, entry);
        if (!fact)
            return fact.status();
        if (Status status = m_views.store->rebuild(views, entry.tenant, seq, fact.value()); !status)
            return status;
        ++m_progress.entries;
    }
    tell(false);
    return {};
}

void StartReplay::tell(bool now)
{
    const int64_t nowUs = m_clock.steadyUs();
    m_progress.tookUs = nowUs - m_begunUs;
    if (nowUs - m_loggedUs >= kLogIntervalUs) {
        m_loggedUs = nowUs;
        m_sink(LogLevel::Info,
               "rebuilding " + m_progress.views + ": " + std::to_string(m_progress.percent()) +
                   " %, seq " + std::to_string(m_progress.seq) + " of " +
                   std::to_string(m_progress.ofSeq) + ", " + std::to_string(m_progress.entries) +
                   " entries, " + inSeconds(m_progress.tookUs));
    }
    if (!m_onProgress || (!now && nowUs - m_toldUs < kTellIntervalUs))
        return;
    m_toldUs = nowUs;
    m_onProgress(m_progress);
}

Status StartReplay::finish()
{
    if (m_views.rebuilt.empty())
        return {};
    if (m_progress.seq < m_views.seq)
        return {Code::Usage, m_views.folder + ": " + m_progress.views +
                                 " cannot be rebuilt: the log ends after seq " +
                                 std::to_string(m_progress.seq) + ", the checkpoint is of " +
                                 std::to_string(m_views.seq) +
                                 ": start the version of the server that wrote it"};
    tell(true);
    m_sink(LogLevel::Info, "rebuilt " + m_progress.views + ": " +
                               std::to_string(m_progress.entries) + " entries, " +
                               inSeconds(m_progress.tookUs));
    return {};
}

} // namespace fluxion
