#include "bench/workload.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>

#include "bench/connection.h"
#include "bench/fan.h"

namespace fluxion::bench {

const std::string kKey = "bench-key-0123456789";
const std::string kReading = R"({"temperature":22.5,"humidity":40,"state":"ok"})";

Request getValue()
{
    return Request::webSocket(
        Frame::Binary,
        R"({"id":"######","type":"gval","data":{"col":"bench","key":"key-@@@-~~~~"}})");
}

Request setValue()
{
    return Request::webSocket(Frame::Binary,
                              R"({"id":"######","type":"sval","data":{"col":"bench",)"
                              R"("key":"key-@@@-~~~~","value":"0123456789012345678901234567"}})");
}

namespace {

Request ofDocument(const std::string& type, const std::string& rest, Request::Keys keys)
{
    return Request::webSocket(Frame::Binary,
                              R"({"id":"######","type":")" + type +
                                  R"(","data":{"col":"bench","key":"doc-@@@-~~~~")" + rest + "}}",
                              keys);
}

} // namespace

Request setDocument(Request::Keys keys)
{
    return ofDocument(
        "sval", R"(,"value":"{\"temperature\":22.5,\"humidity\":40,\"state\":\"ok\"}")", keys);
}

Request getDocument(Request::Keys keys)
{
    return ofDocument("gval", "", keys);
}

Request patchDocument(Request::Keys keys)
{
    return ofDocument("pval", R"(,"value":"{\"humidity\":41}")", keys);
}

Request removeDocument(Request::Keys keys)
{
    return ofDocument("rval", "", keys);
}

const std::string kSubscribeFan =
    R"({"id":"s","type":"sub","data":{"kind":"keys","col":"bench","match":"fan"}})";

std::string fanValue()
{
    constexpr size_t kBytes = 200;
    return std::string(kMark) + std::string(kBytes - kMark.size(), 'v');
}

Request writeFan()
{
    return Request::webSocket(
        Frame::Text,
        R"({"id":"########","type":"sval","data":{"col":"bench","key":"fan","value":")" +
            fanValue() + R"("}})");
}

Request insertHundred()
{
    std::string data;
    for (int i = 0; i < 100; ++i) {
        data += i > 0 ? "," : "";
        data += R"({\"ts\":1########,\"doc\":\"device-@@-)" + std::to_string(i) +
                R"(\",\"col\":\"readings\",\"data\":\"{\\\"temperature\\\":22.5,)"
                R"(\\\"humidity\\\":40,\\\"state\\\":\\\"ok\\\"}\"})";
    }
    return Request::webSocket(Frame::Text,
                              R"({"id":"######","type":"ins","data":"[)" + data + R"(]"})");
}

std::unique_ptr<Process> startServer(const Context& context, const std::string& folder,
                                     std::vector<std::string> more)
{
    std::vector<std::string> command{context.server, "--port", "0", "--io-threads", "1"};
    if (!folder.empty())
        command.insert(command.end(), {"--data", folder});
    command.insert(command.end(), more.begin(), more.end());
    return std::make_unique<Process>(std::move(command), Process::Port::Announced,
                                     std::vector<std::string>{"FLUXION_SECRET_KEY=" + kKey});
}

namespace {

// Readings differ as those of a sensor do, and repeat after 180.
std::string reading(int time, int device)
{
    return "{\"ts\":" + std::to_string(time * 10) + ",\"doc\":\"device-" + std::to_string(device) +
           R"(","col":"readings","data":"{\"temperature\":)" +
           std::to_string(20 + (time + device) % 9) + "." +
           std::to_string((time * 7 + device) % 10) + R"(,\"humidity\":)" +
           std::to_string(35 + (time / 9 + device) % 20) + R"(,\"state\":\"ok\"}"})";
}

void store(Connection& connection, const std::string& records)
{
    const std::string reply = connection.ask(R"({"id":"1","type":"ins","data":[)" + records + "]}");
    if (reply.find("\"error\"") != std::string::npos)
        throw std::runtime_error(reply);
}

} // namespace

void storeReadings(const Process& server, int documents, int records)
{
    constexpr int kRecordsPerRequest = 1000;
    Connection connection(Wire::WebSocket, server.port(), kKey);
    for (int time = 0; time < records; ++time) {
        for (int from = 0; from < documents; from += kRecordsPerRequest) {
            std::string data;
            for (int i = from; i < std::min(from + kRecordsPerRequest, documents); ++i) {
                data += i > from ? "," : "";
                data += reading(time, i);
            }
            store(connection, data);
        }
    }
}

void storeSeries(const Process& server, int records)
{
    constexpr int kRecordsPerRequest = 1000;
    Connection connection(Wire::WebSocket, server.port(), kKey);
    for (int time = 0; time < records; time += kRecordsPerRequest) {
        std::string data;
        for (int i = time; i < std::min(time + kRecordsPerRequest, records); ++i) {
            data += data.empty() ? "" : ",";
            data += reading(i, 0);
        }
        store(connection, data);
    }
}

double settledBytes(const Context& context, const Process& server, std::chrono::milliseconds quiet)
{
    constexpr auto kStep = std::chrono::milliseconds(100);
    constexpr auto kLongest = std::chrono::minutes(10);
    if (context.smoke)
        quiet = 2 * kStep;
    double settled = server.residentBytes();
    double now = settled;
    auto same = std::chrono::milliseconds(0);
    for (auto waited = same; same < quiet; waited += kStep) {
        if (waited > kLongest)
            throw std::runtime_error("the memory of a server does not settle");
        std::this_thread::sleep_for(kStep);
        now = server.residentBytes();
        same += kStep;
        if (std::abs(now - settled) > settled * 0.005) {
            settled = now;
            same = same.zero();
        }
    }
    return now;
}

} // namespace fluxion::bench
