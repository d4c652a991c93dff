#include "server/server.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <QCoreApplication>

#include "io/directory_lock.h"
#include "io/posix.h"
#include "live/read_thread.h"
#include "net/listener.h"
#include "server/signals.h"
#include "server/tls.h"
#include "server/version.h"

namespace fluxion {

namespace {

constexpr int64_t kUsPerHour = 3600 * 1000 * kUsPerMs;
constexpr uint64_t kSpareDescriptors = 64; // for files and the like

EngineOptions engineOptions(const Settings& s)
{
    EngineOptions o;
    o.salvage = s.salvage;
    o.log.segmentBytes = static_cast<uint64_t>(s.segmentBytes);
    o.log.durability = s.durability;
    o.log.retainBytes = static_cast<uint64_t>(s.logRetainBytes);
    o.log.retainUs = s.logRetainHours * kUsPerHour;
    o.limits.maxCollections = static_cast<uint64_t>(s.maxCollections);
    o.limits.maxApiKeys = static_cast<uint64_t>(s.maxKeys);
    o.pauseQueueBytes = static_cast<uint64_t>(s.maxQueueBytes);
    o.maxQueueBytes = static_cast<uint64_t>(s.maxQueueHardBytes);
    o.checkpointIntervalUs = s.checkpointIntervalMs * kUsPerMs;
    o.checkpointLogBytes = static_cast<uint64_t>(s.checkpointBytes);
    o.syncIntervalUs = s.durabilityIntervalMs * kUsPerMs;
    return o;
}

LiveLimits liveLimits(const Settings& s)
{
    LiveLimits l;
    l.maxQueueEvents = static_cast<size_t>(s.maxQueueEvents);
    l.maxQueueBytes = static_cast<size_t>(s.maxQueueEventBytes);
    l.maxTotalBytes = static_cast<uint64_t>(s.maxEventMemoryBytes) / 2; // twice: see there
    l.slowUs = s.slowSubscriberTimeoutMs * kUsPerMs;
    l.maxCatchUps = static_cast<size_t>(s.maxCatchUps);
    l.catchUpStallUs = s.catchUpStallTimeoutMs * kUsPerMs;
    l.heldCuts = {static_cast<size_t>(s.maxCuts), s.cutIdleTimeoutMs * kUsPerMs};
    l.bookmarkIntervalUs = s.bookmarkIntervalMs * kUsPerMs;
    return l;
}

ServiceLimits serviceLimits(const Settings& s)
{
    ServiceLimits l;
    l.request.maxNameBytes = static_cast<size_t>(s.maxNameBytes);
    l.request.pattern.maxBytes = static_cast<size_t>(s.maxPatternBytes);
    l.request.pattern.maxSteps = static_cast<size_t>(s.maxPatternSteps);
    l.request.pattern.maxMemoryBytes = static_cast<size_t>(s.patternMemoryBytes);
    l.minSeqTimeoutUs = s.minSeqTimeoutMs * kUsPerMs;
    l.maxInFlight = static_cast<size_t>(s.maxInFlight);
    l.maxSubscriptions = static_cast<size_t>(s.maxSubscriptions);
    return l;
}

std::vector<std::string> splitAtCommas(std::string_view list)
{
    std::vector<std::string> items;
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        std::string_view item = list.substr(0, comma);
        list.remove_prefix(std::min(comma + 1, list.size()));
        while (!item.empty() && item.front() == ' ')
            item.remove_prefix(1);
        while (!item.empty() && item.back() == ' ')
            item.remove_suffix(1);
        if (!item.empty())
            items.emplace_back(item);
    }
    return items;
}

// Each connection is a descriptor: as many as the system gives.
int usableConnections(int64_t wanted, const LogSink& sink)
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return static_cast<int>(wanted);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); // its effect is read back
    getrlimit(RLIMIT_NOFILE, &limit);
    const auto room = static_cast<int64_t>(
        limit.rlim_cur > kSpareDescriptors ? limit.rlim_cur - kSpareDescriptors : 1);
    if (limit.rlim_cur == RLIM_INFINITY || room >= wanted)
        return static_cast<int>(wanted);
    sink(LogLevel::Warning, "max-connections is " + std::to_string(room) +
                                ": the system gives no more file descriptors");
    return static_cast<int>(room);
}

Result<NetLimits> netLimits(const Settings& s, const LogSink& sink)
{
    NetLimits l;
    l.maxMessageBytes = static_cast<uint64_t>(s.maxMessageBytes);
    l.maxConnections = usableConnections(s.maxConnections, sink);
    l.maxPendingBytes = static_cast<uint64_t>(s.maxPendingBytes);
    l.maxReplyBytesTotal = static_cast<uint64_t>(s.maxReplyMemoryBytes);
    l.headTimeoutUs = s.headerTimeoutMs * kUsPerMs;
    l.pingIntervalUs = s.pingIntervalMs * kUsPerMs;
    l.pongTimeoutUs = s.pongTimeoutMs * kUsPerMs;
    l.stallTimeoutUs = s.stallTimeoutMs * kUsPerMs;
    l.closeTimeoutUs = s.closeTimeoutMs * kUsPerMs;
    l.allowedOrigins = splitAtCommas(s.allowOrigins);
    if (!s.tlsCert.empty()) {
        auto tls = loadTls(s.tlsCert, s.tlsKey);
        if (!tls)
            return tls.error();
        l.tls = tls.value();
    }
    return l;
}

std::string rebuildJson(const RebuildProgress& progress)
{
    return "{\"status\":\"rebuilding\",\"views\":\"" + progress.views +
           "\",\"percent\":" + std::to_string(progress.percent()) +
           ",\"seq\":" + std::to_string(progress.seq) +
           ",\"of_seq\":" + std::to_string(progress.ofSeq) +
           ",\"entries\":" + std::to_string(progress.entries) +
           ",\"ms\":" + std::to_string(progress.tookUs / kUsPerMs) + "}";
}

// Whether what stands there is another user's, who lets us not use it.
bool isClosedToUs(const std::string& path, int access)
{
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 && found.st_uid != ::geteuid() &&
           ::faccessat(AT_FDCWD, path.c_str(), access, AT_EACCESS) != 0 && errno == EACCES;
}

// In a container the folder is often one of the host's, and not of the image's user.
Error asUsage(const Error& error, const std::string& data)
{
    std::string text = "data: " + error.text;
    if (isClosedToUs(data, R_OK | W_OK | X_OK) ||
        isClosedToUs(data + "/" + kLockFileName, R_OK | W_OK))
        text += "; in a container, run with --user \"$(id -u):$(id -g)\"";
    return {Code::Usage, std::move(text)};
}

// A slip in the folder's name shows here: it is empty.
std::string foundText(const std::string& data, uint64_t seq)
{
    return "data folder " + data + (seq == 0 ? ", empty" : ", up to seq " + std::to_string(seq));
}

std::string addressText(const Settings& settings)
{
    const bool bare = settings.host.find(':') != std::string::npos; // an IPv6 address
    return (settings.tlsCert.empty() ? "ws://" : "wss://") +
           (bare ? "[" + settings.host + "]" : settings.host);
}

} // namespace

Status serve(const Settings& settings, LogSink sink)
{
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN); // a file-size limit is then a full disk, not the end
    auto limits = netLimits(settings, sink);
    if (!limits)
        return limits.status();
    // The port first: a folder must not be touched for a server that cannot serve.
    Listener listener(limits.value(), sink);
    if (Status status = listener.bind(settings.host, static_cast<uint16_t>(settings.port)); !status)
        return status;

    std::unique_ptr<Directory> directory;
    std::optional<DirectoryLock> lock;
    if (!settings.data.empty()) {
        auto opened = openDirectory(settings.data);
        if (!opened)
            return asUsage(opened.error(), settings.data);
        directory = std::move(opened.value());
        auto locked = lockDirectory(settings.data);
        if (!locked)
            return asUsage(locked.error(), settings.data);
        lock = std::move(locked.value());
    } else {
        sink(LogLevel::Warning, "no data folder (--data): everything is in memory only and gone "
                                "when the server stops");
    }
    // Before a recovery that may be long: a signal during it stops the server right after, also
    // where the system would ignore it, for process 1 of a container.
    StopSignals signals;
    QObject::connect(&signals, &StopSignals::arrived, qApp, [&] { qApp->quit(); });
    EngineOptions options = engineOptions(settings);
    options.onRebuild = [&listener](const RebuildProgress& progress) {
        listener.answerNotReady(rebuildJson(progress), "the server is starting: rebuilding " +
                                                           progress.views + " from its log");
    };
    auto engine = Engine::open(std::move(options), directory.get(), systemClock(), sink);
    if (!engine)
        return engine.status();
    if (directory)
        sink(LogLevel::Info, foundText(settings.data, engine.value()->appliedSeq()));

    const Authenticator authenticator(settings.secretKey, engine.value()->installationSecret(),
                                      engine.value()->store().apiKeys());
    Connections connections;
    ReadThread reader;
    LiveShared live(*engine.value(), systemClock(), liveLimits(settings), reader);
    LatencyMinute writeTimes;
    const Service service{*engine.value(),         live,        writeTimes,
                          authenticator,           connections, systemClock(),
                          serviceLimits(settings), kVersion,    hintOf(settings.secretKey),
                          systemClock().steadyUs()};
    listener.attach(service, static_cast<int>(settings.ioThreads));
    for (Mailbox* mailbox : listener.mailboxes())
        engine.value()->addMailbox(*mailbox);
    engine.value()->start();
    listener.startServing();
    sink(LogLevel::Info, "fluxion " + std::string(kVersion) + " listening on " +
                             addressText(settings) + ":" + std::to_string(listener.serverPort()));
    QCoreApplication::exec();
    sink(LogLevel::Info, "stopping");
    listener.stop(settings.drainTimeoutMs * kUsPerMs);
    reader.stop();
    Status status = engine.value()->stop();
    listener.release();
    if (status)
        sink(LogLevel::Info, "stopped");
    return status;
}

} // namespace fluxion
