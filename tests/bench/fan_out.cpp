// One writer, many subscribers of one key: events delivered a second, beside servers that do
// nothing else. All three sides in turns, with the same client.

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "bench/fan.h"
#include "bench/line.h"
#include "bench/process.h"
#include "bench/workload.h"

namespace fluxion::bench {

namespace {

constexpr uint64_t kInFlight = 64;

struct Side {
    const char* name;
    std::unique_ptr<Process> server;
    Wire wire;
    std::string subscribe;
    Request publish;
    std::vector<FanResult> runs{};
    FanResult alone{}; // with one write in flight
};

struct Size {
    uint64_t subscribers;
    const char* load;
    double stockTarget;
    double natsTarget;
};

constexpr Size kSizes[] = {
    {200, "fan-out of 200 B to 200 subscribers, in memory, 64 in flight", 2.5, 0.5},
    {2000, "fan-out of 200 B to 2,000 subscribers, in memory, 64 in flight", 10, 0.7},
};

// Debian keeps it where only root looks.
std::string natsServer()
{
    const char* const path = "/usr/sbin/nats-server";
    return std::filesystem::exists(path) ? path : "nats-server";
}

std::vector<Side> allSides(const Context& context)
{
    const std::string value = fanValue();
    std::vector<Side> sides;
    sides.push_back({"ours", startServer(context), Wire::WebSocket, kSubscribeFan, writeFan()});
    sides.push_back({"stock QWebSocketServer",
                     std::make_unique<Process>(std::vector<std::string>{context.echoServer, "fan"},
                                               Process::Port::Announced),
                     Wire::WebSocket, "sub", writeFan()});
    sides.push_back({"nats-server",
                     std::make_unique<Process>(
                         std::vector<std::string>{natsServer(), "-a", "127.0.0.1", "-p", "PORT"},
                         Process::Port::Given),
                     Wire::Nats, "SUB fan 1",
                     Request::plain(Wire::Nats, "PUB fan " + std::to_string(value.size()) + "\r\n" +
                                                    value + "\r\n")});
    return sides;
}

FanResult measure(const Context& context, const Side& side, uint64_t subscribers,
                  uint64_t inFlight = kInFlight)
{
    Fan fan;
    fan.port = side.server->port();
    fan.wire = side.wire;
    fan.key = kKey;
    fan.subscribe = side.subscribe;
    fan.publish = &side.publish;
    fan.subscribers = context.smoke ? subscribers / 20 : subscribers;
    fan.seconds = context.seconds;
    fan.inFlight = inFlight;
    fan.serverCpu = [&side] { return side.server->cpuSeconds(); };
    const FanResult result = run(fan);
    if (!context.smoke)
        side.server->awaitQuiet(); // it has thousands of connections to close
    return result;
}

double rateOf(const FanResult& run)
{
    return static_cast<double>(run.events) / run.seconds;
}

std::vector<double> ratios(const Side& a, const Side& b)
{
    std::vector<double> values;
    for (size_t i = 0; i < a.runs.size(); ++i)
        values.push_back(rateOf(a.runs[i]) / rateOf(b.runs[i]));
    return values;
}

std::string rawFigures(const Side& side)
{
    std::vector<double> rates, server, client, busy;
    for (const FanResult& run : side.runs) {
        const double events = static_cast<double>(run.events);
        rates.push_back(rateOf(run));
        server.push_back(run.serverCpuSeconds * 1e6 / events);
        client.push_back(run.clientCpuSeconds * 1e6 / events);
        busy.push_back(run.clientCpuSeconds / run.seconds);
    }
    char text[400];
    std::snprintf(text, sizeof text,
                  "%s: %s events/s, server CPU %.2f us/event, client CPU %.2f us/event, client "
                  "busy %s; with one in flight %.0f events/s",
                  side.name, withSpan(rates, 0).c_str(), median(server), median(client),
                  clientBusy(median(busy)).c_str(), rateOf(side.alone));
    return text;
}

void measureSize(const Context& context, const Size& size, std::vector<Side>& sides,
                 std::vector<Line>& lines)
{
    for (Side& side : sides)
        side.runs.clear();
    for (int round = 0; round <= context.pairs; ++round) {
        for (size_t i = 0; i < sides.size(); ++i) {
            // Who goes first changes, so that what the one leaves behind meets all.
            Side& side = sides[(i + static_cast<size_t>(round)) % sides.size()];
            const FanResult result = measure(context, side, size.subscribers);
            if (round > 0) // the first was to warm up
                side.runs.push_back(result);
        }
    }
    for (Side& side : sides)
        side.alone = measure(context, side, size.subscribers, 1);
    lines.push_back({size.load,
                     "a stock QWebSocketServer",
                     Line::Bound::AtLeast,
                     size.stockTarget,
                     {},
                     ratios(sides[0], sides[1]),
                     {rawFigures(sides[0]), rawFigures(sides[1]), rawFigures(sides[2])}});
    lines.push_back({size.load,
                     "nats-server",
                     Line::Bound::AtLeast,
                     size.natsTarget,
                     {},
                     ratios(sides[0], sides[2])});
}

} // namespace

std::vector<Line> measureFanOut(const Context& context)
{
    std::vector<Line> lines;
    std::vector<Side> sides;
    for (const Size& size : kSizes) {
        if (!context.wants(size.load))
            continue;
        if (sides.empty())
            sides = allSides(context);
        measureSize(context, size, sides, lines);
    }
    return lines;
}

} // namespace fluxion::bench
