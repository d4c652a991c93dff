// What data costs in memory, once maintenance has done its work.

#include <chrono>
#include <cstdio>

#include "bench/line.h"
#include "bench/load.h"
#include "bench/scratch_folder.h"
#include "bench/workload.h"

namespace fluxion::bench {

namespace {

constexpr const char* kRecordsLine = "memory, 10,000 documents x 500 records";
constexpr const char* kKeysLine = "memory of 1 M keys of 59 B";

std::string inMegabytes(const std::string& what, double bytes)
{
    char text[200];
    std::snprintf(text, sizeof text, "%s: %.1f MB", what.c_str(), bytes / 1e6);
    return text;
}

// Without what a server in memory keeps of its log for resumes: 64 MiB at most, whatever the data.
std::unique_ptr<Process> startWithoutLog(const Context& context)
{
    return startServer(context, {}, {"--log-retain-bytes", "0"});
}

double bytesOfRecords(const Context& context, int documents, int records)
{
    const auto server = startWithoutLog(context);
    const double before = server->residentBytes();
    storeReadings(*server, documents, records);
    return settledBytes(context, *server, std::chrono::seconds(25)) - before;
}

Line records(const Context& context)
{
    const int documents = context.smoke ? 100 : 10000;
    constexpr int kRecords = 500;
    const double count = static_cast<double>(documents) * kRecords;
    const double raw = count * static_cast<double>(kReading.size() + 8);
    Line line{kRecordsLine, "raw bytes (JSON + 8)", Line::Bound::AtMost, 1.0 / 6, {}, {}, {}};
    for (int i = 0; i < context.pairs; ++i) {
        const double bytes = bytesOfRecords(context, documents, kRecords);
        line.figures.push_back(bytes / raw);
        line.raw.push_back(inMegabytes("resident for the records", bytes) + ", " +
                           inMegabytes("raw", raw));
    }
    return line;
}

double bytesOfKeys(const Context& context, const Process& server, const Request& set,
                   uint64_t keysEach, std::chrono::milliseconds quiet)
{
    const double before = server.residentBytes();
    Load load;
    load.port = server.port();
    load.key = kKey;
    load.requests = {&set};
    load.connections = 8;
    load.inFlight = 32;
    load.requestsEach = keysEach;
    run(load);
    return settledBytes(context, server, quiet) - before;
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
                           {keysEach, 1});
    const Request redisSet = Request::resp({"SET", "@-~~~~~~~~~", value}, {keysEach, 1});
    constexpr auto kQuiet = std::chrono::seconds(12);
    Line line{kKeysLine, "growth of redis's resident memory", Line::Bound::AtMost, 0.65, {}, {},
              {}};
    for (int i = 0; i < context.pairs; ++i) {
        const auto server = startWithoutLog(context);
        const double ours = bytesOfKeys(context, *server, set, keysEach, kQuiet);
        ScratchFolder folder;
        const Process redis({"redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save", "",
                             "--dir", folder.path()},
                            Process::Port::Given);
        const double theirs = bytesOfKeys(context, redis, redisSet, keysEach, kQuiet);
        line.figures.push_back(ours / theirs);
        line.raw.push_back(inMegabytes("ours", ours) + ", " + inMegabytes("redis", theirs));
    }
    return line;
}

} // namespace

std::vector<Line> measureMemory(const Context& context)
{
    std::vector<Line> lines;
    if (context.wants(kRecordsLine))
        lines.push_back(records(context));
    if (context.wants(kKeysLine))
        lines.push_back(keys(context));
    return lines;
}

} // namespace fluxion::bench
