// A subscriber that comes back after a million writes: everything it missed, from the log.

#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "bench/connection.h"
#include "bench/fan.h"
#include "bench/line.h"
#include "bench/load.h"
#include "bench/scratch_folder.h"
#include "bench/workload.h"

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

constexpr uint64_t kConnections = 8;

// Values of 47 B, with kMark in each.
void storeValues(const Process& server, uint64_t each)
{
    const Request set = Request::webSocket(
        Frame::Binary, R"({"id":"######","type":"sval","data":{"col":"bench","key":"key-@@@-~~~~",)"
                       R"("value":"{\"temperature\":22.5,\"humidity\":40,\"state\":\"^^^^\"}"}})");
    Load load;
    load.port = server.port();
    load.key = kKey;
    load.requests = {&set};
    load.connections = kConnections;
    load.inFlight = 32;
    load.requestsEach = each;
    run(load);
}

// Until so many events are there. An end that the server puts to it has a code.
void readEvents(Connection& connection, uint64_t count)
{
    uint64_t events = 0;
    while (events < count) {
        std::string_view frame;
        connection.receive();
        while (connection.next(frame)) {
            const uint64_t there = MarkCount().of(frame);
            if (there == 0 && frame.find("\"code\":") != std::string_view::npos)
                throw std::runtime_error(std::string(frame.substr(0, 300)));
            events += there;
        }
    }
    if (events != count)
        throw std::runtime_error("more events than there were writes");
}

} // namespace

std::vector<Line> measureResume(const Context& context)
{
    Line line{"resume of 1 M events from the log, one client", "events/s", Line::Bound::AtLeast,
              500, " k/s"};
    if (!context.wants(line.load))
        return {};
    const uint64_t each = context.smoke ? 2500 : 125000;
    ScratchFolder folder;
    const auto server = startServer(context, folder.path());
    storeValues(*server, each);
    server->awaitQuiet();
    for (int round = 0; round <= context.pairs; ++round) {
        Connection connection(Wire::WebSocket, server->port(), kKey);
        std::string subscribe;
        Request::webSocket(
            Frame::Text, R"({"id":"s","type":"sub","data":{"kind":"keys","col":"bench","from":0}})")
            .append(subscribe, 0, 0);
        const double serverCpu = server->cpuSeconds();
        const double cpu = ownCpuSeconds();
        const auto begin = Time::now();
        connection.send(subscribe);
        readEvents(connection, each * kConnections);
        const double seconds = std::chrono::duration<double>(Time::now() - begin).count();
        if (round == 0)
            continue; // to warm up
        const double events = static_cast<double>(each * kConnections);
        line.figures.push_back(events / seconds / 1e3);
        char text[200];
        std::snprintf(text, sizeof text, "%.0f events in %.2f s, server CPU %.2f s, client busy %s",
                      events, seconds, server->cpuSeconds() - serverCpu,
                      clientBusy((ownCpuSeconds() - cpu) / seconds).c_str());
        line.raw.push_back(text);
    }
    return {line};
}

} // namespace fluxion::bench
