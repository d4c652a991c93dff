#include "bench/stage.h"

#include <stdexcept>

#include "bench/load.h"

namespace fluxion::bench {

namespace {

constexpr uint64_t kKeysPerConnection = 1000;
constexpr uint64_t kMostConnections = 100;
constexpr int kIdleConnections = 5000;
const std::string kIdleName = "idle";

void storeKeys(const Process& server, const Request& set)
{
    Load load;
    load.port = server.port();
    load.key = kKey;
    load.requests = {&set};
    load.connections = kMostConnections;
    load.inFlight = 16;
    load.requestsEach = kKeysPerConnection;
    run(load);
}

std::unique_ptr<Process> startRedis(const std::string& folder, bool everyWriteSynced)
{
    return std::make_unique<Process>(
        std::vector<std::string>{"redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save",
                                 "", "--dir", folder, "--appendonly",
                                 everyWriteSynced ? "yes" : "no", "--appendfsync", "always"},
        Process::Port::Given);
}

std::unique_ptr<Process> startEcho(const Context& context, const char* kind)
{
    return std::make_unique<Process>(std::vector<std::string>{context.echoServer, kind},
                                     Process::Port::Announced);
}

} // namespace

// Idle connections are not read, so they would leave a ping without its answer.
Stage::Stage(const Context& context)
    : durable(startServer(context, durableFolder.path())), memory(startServer(context)),
      insertBesideAck(startServer(context)), insertBesideDurable(startServer(context)),
      crowded(startServer(context, {}, {"--ping-interval", "1h"})), alone(startServer(context)),
      echo(startEcho(context, "echo")), ack(startEcho(context, "ack")),
      redis(startRedis(redisFolder.path(), false)),
      redisSynced(startRedis(redisSyncedFolder.path(), true))
{
    for (const Process* server : {durable.get(), memory.get(), crowded.get(), alone.get()})
        storeKeys(*server, set);
    for (const Process* server : {redis.get(), redisSynced.get()})
        storeKeys(*server, respSet);
    for (int i = 0; i < (context.smoke ? 50 : kIdleConnections); ++i)
        idle.push_back(
            std::make_unique<Connection>(Wire::WebSocket, crowded->port(), kKey, kIdleName));
}

void Stage::requireIdle() const
{
    Connection connection(Wire::WebSocket, crowded->port(), kKey);
    const std::string reply = connection.ask(R"({"id":"1","type":"conn"})");
    const std::string entry = "\"name\":\"" + kIdleName + "\"";
    size_t there = 0;
    for (size_t at = 0; (at = reply.find(entry, at)) != std::string::npos; ++at)
        ++there;
    if (there != idle.size())
        throw std::runtime_error("of " + std::to_string(idle.size()) + " idle connections " +
                                 std::to_string(there) + " are left");
}

} // namespace fluxion::bench
