// Requests a second, side by side: one server after the other, in turns, with the same client.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <stdexcept>

#include "bench/connection.h"
#include "bench/line.h"
#include "bench/load.h"
#include "bench/workload.h"

namespace fluxion::bench {

namespace {

constexpr uint64_t kKeysPerConnection = 1000;
constexpr uint64_t kMostConnections = 100;
constexpr int kIdleConnections = 5000;

struct Side {
    const char* name;
    const Process* server;
    const Request* request;
    uint64_t sent = 0;
    std::vector<double> rate{}, p50Us{}, p99Us{}, serverUs{}, clientUs{};
};

struct Pair {
    const char* load;
    const char* against;
    double target;
    uint64_t connections;
    uint64_t inFlight;
    Side a;
    Side b;
    std::vector<double> ratios{};
};

double measure(Side& side, const Pair& pair, double seconds)
{
    const double cpu = side.server->cpuSeconds();
    Load load;
    load.port = side.server->port();
    load.key = kKey;
    load.request = side.request;
    load.connections = pair.connections;
    load.inFlight = pair.inFlight;
    load.seconds = seconds;
    load.firstNumber = side.sent;
    const LoadResult result = run(load);
    if (!result.error.empty())
        throw std::runtime_error(result.error);
    side.sent += result.requests;
    const auto requests = static_cast<double>(result.requests);
    side.rate.push_back(requests / result.seconds);
    side.p50Us.push_back(result.p50Us);
    side.p99Us.push_back(result.p99Us);
    side.serverUs.push_back((side.server->cpuSeconds() - cpu) * 1e6 / requests);
    side.clientUs.push_back(result.clientCpuSeconds * 1e6 / requests);
    return side.rate.back();
}

std::string rawFigures(const Side& side)
{
    const auto [least, most] = std::minmax_element(side.rate.begin(), side.rate.end());
    char text[200];
    std::snprintf(text, sizeof text, "| %s | %.0f (%.0f-%.0f) | %.0f | %.0f | %.1f | %.1f |",
                  side.name, median(side.rate), *least, *most, median(side.p50Us),
                  median(side.p99Us), median(side.serverUs), median(side.clientUs));
    return text;
}

// Every key that is read is there.
void storeKeys(const Process& server, const Request& set)
{
    Load load;
    load.port = server.port();
    load.key = kKey;
    load.request = &set;
    load.connections = kMostConnections;
    load.inFlight = 16;
    load.requestsEach = kKeysPerConnection;
    if (const LoadResult result = run(load); !result.error.empty())
        throw std::runtime_error(result.error);
}

std::unique_ptr<Process> startRedis(const std::string& folder, bool everyWriteSynced)
{
    return std::make_unique<Process>(
        std::vector<std::string>{"redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save",
                                 "", "--dir", folder, "--appendonly",
                                 everyWriteSynced ? "yes" : "no", "--appendfsync", "always"},
        Process::Port::Given);
}

// All that is loaded, started once.
struct Stage {
    explicit Stage(const Context& context)
        : durable(startServer(context, durableFolder.path())), memory(startServer(context)),
          crowded(startServer(context)),
          echo(std::make_unique<Process>(std::vector<std::string>{context.echoServer, "echo"},
                                         Process::Port::Announced)),
          ack(std::make_unique<Process>(std::vector<std::string>{context.echoServer, "ack"},
                                        Process::Port::Announced)),
          redis(startRedis(redisFolder.path(), false)),
          redisSynced(startRedis(redisSyncedFolder.path(), true))
    {
        for (const Process* server : {durable.get(), memory.get(), crowded.get()})
            storeKeys(*server, set);
        for (const Process* server : {redis.get(), redisSynced.get()})
            storeKeys(*server, respSet);
        for (int i = 0; i < (context.smoke ? 50 : kIdleConnections); ++i)
            idle.push_back(std::make_unique<Connection>(Wire::WebSocket, crowded->port(), kKey));
    }

    const Request get = getValue();
    const Request set = setValue();
    const Request insert = insertHundred();
    const Request respGet = Request::resp({"GET", "key-@@@-~~~~"});
    const Request respSet = Request::resp({"SET", "key-@@@-~~~~", "0123456789012345678901234567"});
    ScratchFolder durableFolder, redisFolder, redisSyncedFolder;
    std::unique_ptr<Process> durable, memory, crowded, echo, ack, redis, redisSynced;
    std::vector<std::unique_ptr<Connection>> idle;
};

std::vector<Pair> pairsOn(const Stage& s)
{
    const Process* const durable = s.durable.get();
    const Process* const memory = s.memory.get();
    const Process* const echo = s.echo.get();
    const Process* const redis = s.redis.get();
    const Process* const synced = s.redisSynced.get();
    const Side get{"gval", memory, &s.get};
    const Side set{"sval in memory", memory, &s.set};
    const Side setDurable{"sval durable", durable, &s.set};
    const Side insert{"ins of 100 in memory", memory, &s.insert};
    const Side echoGet{"echo of gval", echo, &s.get};
    const Side echoSet{"echo of sval", echo, &s.set};
    const Side redisGet{"redis GET", redis, &s.respGet};
    const Side redisSet{"redis SET, appendfsync always", synced, &s.respSet};
    return {
        {"gval, 100 x 1", "echo of the same frames", 0.85, 100, 1, get, echoGet},
        {"gval, 8 x 32", "echo of the same frames", 0.60, 8, 32, get, echoGet},
        {"sval in memory, 100 x 1", "echo of the same frames", 0.75, 100, 1, set, echoSet},
        {"sval durable, 100 x 1", "the same in memory", 0.80, 100, 1, setDurable, set},
        {"gval, 100 x 1", "redis GET", 0.9, 100, 1, get, redisGet},
        {"gval, 8 x 32", "redis GET", 1.0, 8, 32, get, redisGet},
        {"sval durable, 100 x 1", "redis SET, appendfsync always", 1.2, 100, 1, setDurable,
         redisSet},
        {"sval durable, 8 x 32", "redis SET, appendfsync always", 2.5, 8, 32, setDurable, redisSet},
        {"ins of 100 records in memory, 4 x 4",
         "a server that only receives and acks",
         0.5,
         4,
         4,
         insert,
         {"receive and ack", s.ack.get(), &s.insert}},
        {"ins of 100 records durable, 4 x 4",
         "the same in memory",
         0.80,
         4,
         4,
         {"ins of 100 durable", durable, &s.insert},
         insert},
        {"gval, one busy connection among 5,000 idle",
         "the same alone",
         0.6,
         1,
         1,
         {"gval among 5,000", s.crowded.get(), &s.get},
         {"gval alone", memory, &s.get}},
    };
}

} // namespace

std::vector<Line> measureThroughput(const Context& context)
{
    Stage stage(context);
    std::vector<Pair> pairs = pairsOn(stage);
    std::erase_if(pairs, [&](const Pair& pair) {
        return std::string(pair.load).find(context.only) == std::string::npos;
    });
    for (int round = 0; round < context.pairs; ++round) {
        for (Pair& pair : pairs) {
            // Who goes first changes, so that what the one leaves behind meets both.
            const bool aFirst = round % 2 == 0;
            measure(aFirst ? pair.a : pair.b, pair, context.seconds);
            measure(aFirst ? pair.b : pair.a, pair, context.seconds);
            pair.ratios.push_back(pair.a.rate.back() / pair.b.rate.back());
        }
    }
    std::vector<Line> lines;
    for (Pair& pair : pairs)
        lines.push_back({pair.load,
                         pair.against,
                         Line::Bound::AtLeast,
                         pair.target,
                         {},
                         std::move(pair.ratios),
                         {rawFigures(pair.a), rawFigures(pair.b)}});
    return lines;
}

} // namespace fluxion::bench
