// A search over the names of documents, against the least that it can cost.

#include <chrono>
#include <cstdio>
#include <re2/re2.h>
#include <stdexcept>

#include "bench/connection.h"
#include "bench/line.h"
#include "bench/workload.h"

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

constexpr int kTimes = 20; // in a row, on each side of a pair

double secondsFor(Time::time_point begin)
{
    return std::chrono::duration<double>(Time::now() - begin).count() / kTimes;
}

std::vector<std::string> nameAndStore(const Process& server, int documents)
{
    constexpr int kRecordsPerRequest = 1000;
    Connection connection(Wire::WebSocket, server.port(), kKey);
    std::vector<std::string> names;
    std::string data;
    for (int i = 0; i < documents; ++i) {
        char name[20];
        std::snprintf(name, sizeof name, "device-%06d", i);
        names.push_back(name);
        data += (data.empty() ? "{\"ts\":1,\"doc\":\"" : ",{\"ts\":1,\"doc\":\"") + names.back() +
                R"(","col":"p","data":"x"})";
        if (names.size() % kRecordsPerRequest != 0 && i + 1 < documents)
            continue;
        const std::string reply =
            connection.ask(R"({"id":"1","type":"ins","data":[)" + data + "]}");
        if (reply.find("\"error\"") != std::string::npos)
            throw std::runtime_error(reply);
        data.clear();
    }
    return names;
}

double secondsOfLoop(const RE2& pattern, const std::vector<std::string>& names, size_t& found)
{
    const auto begin = Time::now();
    found = 0;
    for (int n = 0; n < kTimes; ++n) {
        for (const std::string& name : names)
            found += RE2::PartialMatch(name, pattern) ? 1 : 0;
    }
    return secondsFor(begin);
}

double secondsOfQuery(Connection& connection, size_t& found)
{
    const auto begin = Time::now();
    found = 0;
    for (int n = 0; n < kTimes; ++n) {
        const std::string reply = connection.ask(
            R"({"id":"1","type":"qry","data":{"col":"p","ts":1,"doc":"/^device-0123/"}})");
        for (size_t at = 0; (at = reply.find("\"ts\":", at)) != std::string::npos; ++at)
            ++found;
    }
    return secondsFor(begin);
}

} // namespace

std::vector<Line> measurePattern(const Context& context)
{
    Line line{"qry with /^device-0123/ over 100,000 documents",
              "a loop of RE2 calls over the names", Line::Bound::AtMost, 1.5};
    if (!context.wants(line.load))
        return {};
    const auto server = startServer(context);
    const std::vector<std::string> names = nameAndStore(*server, context.smoke ? 13000 : 100000);
    Connection connection(Wire::WebSocket, server->port(), kKey);
    const RE2 pattern("^device-0123");
    for (int round = 0; round <= context.pairs; ++round) {
        double loop = 0;
        double query = 0;
        size_t inLoop = 0;
        size_t inQuery = 0;
        const bool loopFirst = round % 2 == 0;
        if (loopFirst)
            loop = secondsOfLoop(pattern, names, inLoop);
        query = secondsOfQuery(connection, inQuery);
        if (!loopFirst)
            loop = secondsOfLoop(pattern, names, inLoop);
        if (inLoop != inQuery || inLoop == 0)
            throw std::runtime_error("the query and the loop found different documents");
        if (round == 0)
            continue; // to warm up
        line.figures.push_back(query / loop);
        char text[100];
        std::snprintf(text, sizeof text, "query %.2f ms, loop %.2f ms", query * 1e3, loop * 1e3);
        line.raw.push_back(text);
    }
    return {line};
}

} // namespace fluxion::bench
