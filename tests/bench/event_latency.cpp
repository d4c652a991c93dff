// How long after its ack a write is an event at the last of 100 subscribers.

#include <cstdio>

#include "bench/fan.h"
#include "bench/line.h"
#include "bench/scratch_folder.h"
#include "bench/workload.h"

namespace fluxion::bench {

namespace {

constexpr double kPerSecond[] = {1000, 5000}; // the first is held to the target

FanResult measure(const Context& context, const Process& server, double perSecond)
{
    const Request write = writeFan();
    Fan fan;
    fan.port = server.port();
    fan.key = kKey;
    fan.subscribe = kSubscribeFan;
    fan.publish = &write;
    fan.subscribers = 100;
    fan.seconds = context.seconds;
    fan.perSecond = perSecond;
    fan.serverCpu = [&server] { return server.cpuSeconds(); };
    const FanResult result = run(fan);
    if (!context.smoke)
        server.awaitQuiet();
    return result;
}

double afterAckMs(const FanResult& run, size_t percent)
{
    return run.afterAckUs[run.afterAckUs.size() * percent / 100] / 1e3;
}

std::string rawFigures(double perSecond, const std::vector<FanResult>& runs)
{
    std::vector<double> rates, p50, p99, server, busy;
    for (const FanResult& run : runs) {
        rates.push_back(static_cast<double>(run.writes) / run.seconds);
        p50.push_back(afterAckMs(run, 50));
        p99.push_back(afterAckMs(run, 99));
        server.push_back(run.serverCpuSeconds / run.seconds * 100);
        busy.push_back(run.clientCpuSeconds / run.seconds);
    }
    char text[300];
    std::snprintf(text, sizeof text,
                  "%.0f writes/s asked for, %s done: the last event p50 %s ms, p99 %s ms after the "
                  "ack; server busy %.0f %%, client busy %s",
                  perSecond, withSpan(rates, 0).c_str(), withSpan(p50, 2).c_str(),
                  withSpan(p99, 2).c_str(), median(server), clientBusy(median(busy)).c_str());
    return text;
}

} // namespace

std::vector<Line> measureEventLatency(const Context& context)
{
    Line line{"event p99, 100 subscribers, 1,000 writes/s, durable", "the ack of the same write",
              Line::Bound::AtMost, 5, " ms"};
    if (!context.wants(line.load))
        return {};
    ScratchFolder folder;
    const auto server = startServer(context, folder.path());
    std::vector<FanResult> runs[std::size(kPerSecond)];
    for (int round = 0; round <= context.pairs; ++round) {
        for (size_t i = 0; i < std::size(kPerSecond); ++i) {
            const FanResult result = measure(context, *server, kPerSecond[i]);
            if (round > 0) // the first was to warm up
                runs[i].push_back(result);
        }
    }
    for (const FanResult& run : runs[0])
        line.figures.push_back(afterAckMs(run, 99));
    for (size_t i = 0; i < std::size(kPerSecond); ++i)
        line.raw.push_back(rawFigures(kPerSecond[i], runs[i]));
    return {line};
}

} // namespace fluxion::bench
