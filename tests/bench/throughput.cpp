// Requests a second, side by side: one server after the other, in turns, with the same client.

#include <algorithm>
#include <cstdio>

#include "bench/line.h"
#include "bench/load.h"
#include "bench/stage.h"

namespace fluxion::bench {

namespace {

constexpr const char* kSetJson = "SET of JSON documents of 47 B, durable, 100 x 1";
constexpr const char* kMixed = "MIXED (set, get, patch, delete) of them, durable, 100 x 1";

struct Side {
    const char* name;
    std::unique_ptr<Process> Stage::*server;
    std::vector<const Request Stage::*> requests; // in turn
    uint64_t sent = 0;
    std::vector<LoadResult> runs{};
};

struct Pair {
    const char* load;
    const char* against;
    double target;
    uint64_t connections;
    uint64_t inFlight;
    Side a;
    Side b;
    double p99Ms = 0; // of a, at most; 0: none is asked for
};

std::vector<Pair> allPairs()
{
    const Side get{"gval", &Stage::memory, {&Stage::get}};
    const Side set{"sval in memory", &Stage::memory, {&Stage::set}};
    const Side setDurable{"sval durable", &Stage::durable, {&Stage::set}};
    const Side insert{"ins of 100 in memory", &Stage::insertBesideAck, {&Stage::insert}};
    const Side ack{"receive and ack", &Stage::ack, {&Stage::insert}};
    const Side insertDurable{"ins of 100 durable", &Stage::durable, {&Stage::insert}};
    const Side insertBeside{"ins of 100 in memory", &Stage::insertBesideDurable, {&Stage::insert}};
    const Side crowded{"gval among 5,000", &Stage::crowded, {&Stage::get}};
    const Side alone{"gval alone", &Stage::alone, {&Stage::get}};
    const Side echoGet{"echo of gval", &Stage::echo, {&Stage::get}};
    const Side echoSet{"echo of sval", &Stage::echo, {&Stage::set}};
    const Side redisGet{"redis GET", &Stage::redis, {&Stage::respGet}};
    const Side redisSet{"redis SET, appendfsync always", &Stage::redisSynced, {&Stage::respSet}};
    const Side setJson{"sval", &Stage::durable, {&Stage::setJson}};
    const Side redisSetJson{"redis SET", &Stage::redisSynced, {&Stage::respSetJson}};
    const Side mixed{"sval, gval, pval, rval",
                     &Stage::durable,
                     {&Stage::mixedSet, &Stage::mixedGet, &Stage::mixedPatch, &Stage::mixedRemove}};
    const Side redisMixed{"redis SET, GET, SET, DEL",
                          &Stage::redisSynced,
                          {&Stage::respMixedSet, &Stage::respMixedGet, &Stage::respMixedSet,
                           &Stage::respMixedRemove}};
    const char* const frames = "echo of the same frames";
    const char* const inMemory = "the same in memory";
    return {
        {"gval, 100 x 1", frames, 0.85, 100, 1, get, echoGet},
        {"gval, 8 x 32", frames, 0.60, 8, 32, get, echoGet},
        {"sval in memory, 100 x 1", frames, 0.75, 100, 1, set, echoSet},
        {"sval durable, 100 x 1", inMemory, 0.80, 100, 1, setDurable, set},
        {"gval, 100 x 1", "redis GET", 0.9, 100, 1, get, redisGet},
        {"gval, 8 x 32", "redis GET", 1.0, 8, 32, get, redisGet},
        {"sval durable, 100 x 1", redisSet.name, 1.2, 100, 1, setDurable, redisSet},
        {"sval durable, 8 x 32", redisSet.name, 2.5, 8, 32, setDurable, redisSet},
        {"ins of 100 records in memory, 4 x 4", "a server that only receives and acks", 0.5, 4, 4,
         insert, ack},
        {"ins of 100 records durable, 4 x 4", inMemory, 0.80, 4, 4, insertDurable, insertBeside},
        {kSetJson, redisSet.name, 1.1, 100, 1, setJson, redisSetJson, 4},
        {kMixed, "redis SET, GET, SET, DEL, appendfsync always", 1.1, 100, 1, mixed, redisMixed, 4},
        {"gval, one busy connection among 5,000 idle", "the same alone", 0.6, 1, 1, crowded, alone},
    };
}

void measure(const Stage& stage, Side& side, const Pair& pair, double seconds)
{
    const Process& server = *(stage.*side.server);
    Load load;
    load.port = server.port();
    load.key = kKey;
    for (const auto request : side.requests)
        load.requests.push_back(&(stage.*request));
    load.connections = pair.connections;
    load.inFlight = pair.inFlight;
    load.seconds = seconds;
    load.firstNumber = side.sent - side.sent % side.requests.size();
    load.serverCpu = [&server] { return server.cpuSeconds(); };
    side.runs.push_back(run(load));
    side.sent += side.runs.back().requests;
}

double rateOf(const LoadResult& run)
{
    return static_cast<double>(run.requests) / run.seconds;
}

template <typename Figure> std::vector<double> each(const Side& side, Figure figure)
{
    std::vector<double> values;
    for (const LoadResult& run : side.runs)
        values.push_back(figure(run));
    return values;
}

std::vector<double> ratios(const Pair& pair)
{
    std::vector<double> values = each(pair.a, rateOf);
    for (size_t i = 0; i < values.size(); ++i)
        values[i] /= rateOf(pair.b.runs[i]);
    return values;
}

std::string rawFigures(const Pair& pair, const Side& side)
{
    using Run = const LoadResult&;
    const auto middle = [&side](auto figure) { return median(each(side, figure)); };
    const auto perRequest = [](double seconds, Run run) {
        return seconds * 1e6 / static_cast<double>(run.requests);
    };
    const std::vector<double> rates = each(side, rateOf);
    const auto [least, most] = std::minmax_element(rates.begin(), rates.end());
    const double busy = middle([](Run run) { return run.clientCpuSeconds / run.seconds; });
    char text[400];
    std::snprintf(text, sizeof text,
                  "| %s: %s | %.0f (%.0f-%.0f) | %.0f | %.0f | %.0f | %.1f | %.1f | %.2f | %.2f | "
                  "%s |",
                  pair.load, side.name, median(rates), *least, *most,
                  middle([](Run run) { return run.p50Us; }),
                  middle([](Run run) { return run.p95Us; }),
                  middle([](Run run) { return run.p99Us; }),
                  middle([&](Run run) { return perRequest(run.serverCpuSeconds, run); }),
                  middle([&](Run run) { return perRequest(run.clientCpuSeconds, run); }),
                  middle([](Run run) { return run.serverCpuSeconds; }),
                  middle([](Run run) { return run.clientCpuSeconds; }), clientBusy(busy).c_str());
    return text;
}

} // namespace

std::vector<Line> measureThroughput(const Context& context)
{
    std::vector<Pair> pairs = allPairs();
    std::erase_if(pairs, [&](const Pair& pair) { return !context.wants(pair.load); });
    if (pairs.empty())
        return {};
    const Stage stage(context);
    for (int round = 0; round <= context.pairs; ++round) {
        for (Pair& pair : pairs) {
            // Who goes first changes, so that what the one leaves behind meets both.
            const bool aFirst = round % 2 == 0;
            measure(stage, aFirst ? pair.a : pair.b, pair, context.seconds);
            measure(stage, aFirst ? pair.b : pair.a, pair, context.seconds);
            if (round > 0)
                continue;
            pair.a.runs.clear(); // that was to warm up
            pair.b.runs.clear();
        }
    }
    stage.requireIdle();
    std::vector<Line> lines;
    for (const Pair& pair : pairs) {
        lines.push_back({pair.load,
                         pair.against,
                         Line::Bound::AtLeast,
                         pair.target,
                         {},
                         ratios(pair),
                         {rawFigures(pair, pair.a), rawFigures(pair, pair.b)}});
        if (pair.p99Ms > 0)
            lines.push_back({std::string("p99 of ") + pair.load, "", Line::Bound::AtMost,
                             pair.p99Ms, " ms",
                             each(pair.a, [](const LoadResult& run) { return run.p99Us / 1e3; })});
    }
    return lines;
}

} // namespace fluxion::bench
