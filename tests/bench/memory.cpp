// What data costs in memory, once maintenance has done its work.

#include <cstdio>
#include <stdexcept>
#include <thread>

#include "bench/line.h"
#include "bench/load.h"
#include "bench/workload.h"

namespace fluxion::bench {

namespace {

std::string inMegabytes(const std::string& what, double bytes)
{
    char text[200];
    std::snprintf(text, sizeof text, "%s: %.1f MB", what.c_str(), bytes / 1e6);
    return text;
}

// Documents that rest are sealed by a sweep, every 10 s: until nothing shrinks any more.
double settledBytes(const Process& server, int quietSeconds)
{
    double least = server.residentBytes();
    for (int quiet = 0; quiet < quietSeconds; ++quiet) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        const double now = server.residentBytes();
        if (now < least * 0.995)
            quiet = 0;
        least = std::min(least, now);
    }
    return least;
}

Line records(const Context& context)
{
    const int documents = context.smoke ? 100 : 10000;
    constexpr int kRecords = 500;
    const auto server = startServer(context);
    const double before = server->residentBytes();
    storeReadings(*server, documents, kRecords);
    const double bytes = settledBytes(*server, context.smoke ? 1 : 25) - before;
    const double count = static_cast<double>(documents) * kRecords;
    const double raw = count * static_cast<double>(kReading.size() + 8);
    return {"memory, 10,000 documents x 500 records",
            "raw bytes (JSON + 8)",
            Line::Bound::AtMost,
            1.0 / 6,
            {},
            {bytes / raw},
            {inMegabytes("resident for the records", bytes), inMegabytes("raw", raw)}};
}

double bytesOfKeys(const Process& server, const Request& set, uint64_t keysEach, int quietSeconds)
{
    const double before = server.residentBytes();
    Load load;
    load.port = server.port();
    load.key = kKey;
    load.request = &set;
    load.connections = 8;
    load.inFlight = 32;
    load.requestsEach = keysEach;
    if (const LoadResult result = run(load); !result.error.empty())
        throw std::runtime_error(result.error);
    return settledBytes(server, quietSeconds) - before;
}

// 11 bytes of key, 48 of value.
Line keys(const Context& context)
{
    const uint64_t keysEach = context.smoke ? 100 : 125000;
    const std::string value(48, 'v');
    const Request set =
        Request::webSocket(Frame::Binary,
                           R"({"id":"######","type":"sval","data":{"col":"m","key":"@-~~~~~~~~~",)"
                           R"("value":")" +
                               value + "\"}}",
                           keysEach);
    const Request redisSet = Request::resp({"SET", "@-~~~~~~~~~", value}, keysEach);
    const int quietSeconds = context.smoke ? 1 : 3;
    const auto server = startServer(context);
    const double ours = bytesOfKeys(*server, set, keysEach, context.smoke ? 1 : 12);
    ScratchFolder folder;
    const Process redis({"redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save", "",
                         "--dir", folder.path()},
                        Process::Port::Given);
    const double theirs = bytesOfKeys(redis, redisSet, keysEach, quietSeconds);
    return {"memory of 1 M keys of 59 B",
            "resident memory of redis",
            Line::Bound::AtMost,
            0.65,
            {},
            {ours / theirs},
            {inMegabytes("ours", ours), inMegabytes("redis", theirs)}};
}

} // namespace

std::vector<Line> measureMemory(const Context& context)
{
    return {records(context), keys(context)};
}

} // namespace fluxion::bench
