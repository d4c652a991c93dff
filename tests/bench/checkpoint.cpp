// Checkpoints of 5 M records: what one costs against reading its file, and what writes beside it
// notice.

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <thread>

#include "base/crc32c.h"
#include "bench/connection.h"
#include "bench/line.h"
#include "bench/load.h"
#include "bench/scratch_folder.h"
#include "bench/workload.h"
#include "engine/checkpoint.h"
#include "io/posix.h"

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

constexpr const char* kCostLine = "checkpoint + load of 5 M records";
constexpr const char* kPauseLine = "longest write pause of a checkpoint of 5 M records";
constexpr const char* kBesideLine = "sval durable, 100 x 1, p99 while 5 M records are checkpointed";

const std::vector<std::string> kOnlyAsked{"--checkpoint-bytes", "1TiB", "--checkpoint-interval",
                                          "24h"};

double secondsSince(Time::time_point begin)
{
    return std::chrono::duration<double>(Time::now() - begin).count();
}

template <typename T> T take(Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().text);
    return std::move(result.value());
}

// --- beside writes ---

uint64_t numberOf(const std::string& reply, const std::string& field)
{
    const std::string before = "\"" + field + "\":";
    const size_t at = reply.find(before);
    uint64_t number = 0;
    if (at == std::string::npos ||
        std::from_chars(reply.data() + at + before.size(), reply.data() + reply.size(), number)
                .ec != std::errc())
        throw std::runtime_error("no " + field + " in " + reply);
    return number;
}

struct Checkpoint {
    double bytes;
    double pauseMs;
    double tookMs;
};

Checkpoint checkpointOnce(Connection& connection)
{
    const std::string reply = connection.ask(R"({"id":"1","type":"snap","data":{}})");
    if (reply.find("\"error\"") != std::string::npos)
        throw std::runtime_error(reply);
    return {static_cast<double>(numberOf(reply, "bytes")),
            static_cast<double>(numberOf(reply, "pause_us")) / 1e3,
            static_cast<double>(numberOf(reply, "ms"))};
}

// Has the server make checkpoints, one after the other, from its making to done().
class Checkpoints {
  public:
    explicit Checkpoints(const Process& server) : m_connection(Wire::WebSocket, server.port(), kKey)
    {
        m_thread = std::thread([this] {
            try {
                do
                    m_made.push_back(checkpointOnce(m_connection));
                while (!m_done);
            } catch (const std::exception& fault) {
                m_fault = fault.what();
            }
        });
    }
    ~Checkpoints()
    {
        if (m_thread.joinable())
            done();
    }

    // Those that were made; waits for the one under way.
    const std::vector<Checkpoint>& done()
    {
        m_done = true;
        m_thread.join();
        return m_made;
    }
    const std::string& fault() const { return m_fault; }

  private:
    Connection m_connection;
    std::atomic<bool> m_done{false};
    std::vector<Checkpoint> m_made; // the thread's, until it has ended
    std::string m_fault;
    std::thread m_thread;
};

LoadResult measureWrites(const Context& context, const Process& server, const Request& write,
                         uint64_t& sent)
{
    Load load;
    load.port = server.port();
    load.key = kKey;
    load.requests = {&write};
    load.connections = 100;
    load.seconds = context.seconds;
    load.firstNumber = sent;
    load.serverCpu = [&server] { return server.cpuSeconds(); };
    const LoadResult result = run(load);
    sent += result.requests;
    return result;
}

LoadResult measureWritesBeside(const Context& context, const Process& server, const Request& write,
                               uint64_t& sent, std::vector<Checkpoint>& made)
{
    Checkpoints checkpoints(server);
    const LoadResult result = measureWrites(context, server, write, sent);
    made = checkpoints.done();
    if (!checkpoints.fault().empty())
        throw std::runtime_error(checkpoints.fault());
    return result;
}

std::string rawFigures(const LoadResult& with, const LoadResult& without,
                       const std::vector<Checkpoint>& made)
{
    const auto rate = [](const LoadResult& run) {
        return static_cast<double>(run.requests) / run.seconds;
    };
    std::vector<double> took, megabytes;
    for (const Checkpoint& checkpoint : made) {
        took.push_back(checkpoint.tookMs);
        megabytes.push_back(checkpoint.bytes / 1e6);
    }
    char text[400];
    std::snprintf(
        text, sizeof text,
        "beside %zu checkpoints, one after the other, of %s MB in %s ms: p50 %.0f us, p95 %.0f us, "
        "p99 %.0f us, %.0f requests/s; without: p50 %.0f us, p95 %.0f us, p99 %.0f us, "
        "%.0f requests/s; server CPU %.2f s and %.2f s, client busy %s and %s",
        made.size(), withSpan(megabytes, 0).c_str(), withSpan(took, 0).c_str(), with.p50Us,
        with.p95Us, with.p99Us, rate(with), without.p50Us, without.p95Us, without.p99Us,
        rate(without), with.serverCpuSeconds, without.serverCpuSeconds,
        clientBusy(with.clientCpuSeconds / with.seconds).c_str(),
        clientBusy(without.clientCpuSeconds / without.seconds).c_str());
    return text;
}

// A server for each round, since records that have rested for some seconds are packed, and their
// checkpoint is then a small one.
void measureBeside(const Context& context, const std::string& folder, Line& beside)
{
    uint64_t sent = 0;
    const Request write = setValue();
    for (int round = 0; round <= context.pairs; ++round) {
        const auto server = startServer(context, folder, kOnlyAsked);
        std::vector<Checkpoint> made;
        LoadResult with;
        LoadResult without;
        if (round % 2 == 0)
            with = measureWritesBeside(context, *server, write, sent, made);
        without = measureWrites(context, *server, write, sent);
        if (round % 2 != 0)
            with = measureWritesBeside(context, *server, write, sent, made);
        server->kill();
        if (round == 0)
            continue; // to warm up
        beside.figures.push_back(with.p99Us / without.p99Us);
        beside.raw.push_back(rawFigures(with, without, made));
    }
}

// --- the pause ---

// So many things in a certain shape, and writes that meet them: what a checkpoint shares is copied
// by the first of them.
struct Shape {
    std::string name;
    std::function<void(const Process&)> fill;
    Request write;
};

Request insertOne(const std::string& doc)
{
    return Request::webSocket(Frame::Binary,
                              R"({"id":"######","type":"ins","data":[{"ts":99######,"doc":")" +
                                  doc + R"(","col":"readings","data":")" +
                                  R"({\"temperature\":22.5,\"humidity\":40}"}]})",
                              {10000, 1});
}

void storeKeys(const Process& server, const Request& set, uint64_t each)
{
    Load load;
    load.port = server.port();
    load.key = kKey;
    load.requests = {&set};
    load.connections = 100;
    load.inFlight = 16;
    load.requestsEach = each;
    run(load);
}

std::vector<Shape> shapes(const Context& context)
{
    const int many = context.smoke ? 100 : 10000;
    constexpr int kRecords = 500;
    const Request set = Request::webSocket(
        Frame::Binary,
        R"({"id":"######","type":"sval","data":{"col":"bench","key":"key-@@@-~~~~",)"
        R"("value":"0123456789012345678901234567"}})",
        {10000, 1});
    return {{std::to_string(many) + " documents x 500",
             [=](const Process& server) { storeReadings(server, many, kRecords); },
             insertOne("device-~~~~")},
            {"1 document x " + std::to_string(many * kRecords),
             [=](const Process& server) { storeSeries(server, many * kRecords); },
             insertOne("device-0")},
            {std::to_string(many * 100) + " keys",
             [=](const Process& server) { storeKeys(server, set, static_cast<uint64_t>(many)); },
             set}};
}

// What `snap` says that the commit thread was kept, and what writers saw.
void measurePause(const Context& context, const Shape& shape, std::vector<double>& longest,
                  Line& line)
{
    ScratchFolder folder;
    const auto server = startServer(context, folder.path(), kOnlyAsked);
    shape.fill(*server);
    uint64_t sent = 0;
    for (size_t round = 0; round < longest.size(); ++round) {
        std::vector<Checkpoint> made;
        const LoadResult without = measureWrites(context, *server, shape.write, sent);
        const LoadResult with = measureWritesBeside(context, *server, shape.write, sent, made);
        double pauseMs = 0;
        for (const Checkpoint& checkpoint : made)
            pauseMs = std::max(pauseMs, checkpoint.pauseMs);
        longest[round] = std::max(longest[round], pauseMs);
        char text[300];
        std::snprintf(text, sizeof text,
                      "%s: %.2f ms beside %zu checkpoints of %.0f MB; longest ack of 100 x 1 "
                      "writes %.1f ms, p99 %.1f ms; without: %.1f ms, p99 %.1f ms",
                      shape.name.c_str(), pauseMs, made.size(), made.back().bytes / 1e6,
                      with.longestUs / 1e3, with.p99Us / 1e3, without.longestUs / 1e3,
                      without.p99Us / 1e3);
        line.raw.push_back(text);
    }
    server->kill();
}

void measurePauses(const Context& context, Line& line)
{
    line.figures.assign(static_cast<size_t>(context.pairs), 0);
    for (const Shape& shape : shapes(context))
        measurePause(context, shape, line.figures, line);
}

// --- against reading ---

struct Costs {
    double bytes = 0;
    double write = 0; // seconds, as the next ones
    double load = 0;
    double read = 0;
};

double secondsToRead(Directory& directory, const std::string& name)
{
    constexpr size_t kStep = 1024 * 1024;
    std::vector<char> buffer(kStep);
    const auto begin = Time::now();
    const auto file = take(directory.open(name, OpenMode::Read));
    const uint64_t size = take(file->size());
    uint32_t crc = 0;
    for (uint64_t at = 0; at < size;) {
        const size_t got = take(file->readAt(at, buffer.data(), buffer.size()));
        if (got == 0)
            throw std::runtime_error(name + " has become shorter");
        crc = crc32c(buffer.data(), got, crc);
        at += got;
    }
    return secondsSince(begin);
}

// The same records, written by the engine's code into another folder, and loaded from there.
class Copies {
  public:
    explicit Copies(const std::string& from)
    {
        const auto directory = take(openDirectory(from, false));
        const std::vector<std::string> names = take(listCheckpoints(*directory));
        if (names.empty())
            throw std::runtime_error("the server left no checkpoint");
        m_name = names.front();
        m_info = take(loadCheckpoint(*directory, m_name, m_store));
        m_cut = m_store.openCut();
        m_folder = take(openDirectory(m_scratch.path(), false));
    }

    Costs measure(bool readFirst)
    {
        Costs costs;
        // A server's checkpoint takes no other's name, whose file would be freed.
        if (m_checked && !m_folder->remove(m_name))
            throw std::runtime_error("cannot remove " + m_name);
        auto begin = Time::now();
        costs.bytes = static_cast<double>(take(writeCheckpoint(*m_folder, m_info, m_cut)));
        costs.write = secondsSince(begin);
        if (readFirst)
            costs.read = secondsToRead(*m_folder, m_name);
        auto store = std::make_unique<Store>();
        begin = Time::now();
        take(loadCheckpoint(*m_folder, m_name, *store));
        costs.load = secondsSince(begin);
        if (!readFirst)
            costs.read = secondsToRead(*m_folder, m_name);
        if (!m_checked && contentHash(store->openCut()) != contentHash(m_cut))
            throw std::runtime_error("what was loaded is not what was written");
        m_checked = true;
        return costs;
    }

  private:
    ScratchFolder m_scratch;
    std::unique_ptr<Directory> m_folder;
    std::string m_name;
    CheckpointInfo m_info;
    Store m_store;
    Cut m_cut;
    bool m_checked = false;
};

std::string rawFigures(const char* which, const Costs& costs)
{
    char text[300];
    const double megabytes = costs.bytes / 1e6;
    std::snprintf(text, sizeof text,
                  "%s, %.1f MB: written and synced at %.0f MB/s, loaded at %.0f MB/s, read and "
                  "checksummed at %.0f MB/s, from memory both",
                  which, megabytes, megabytes / costs.write, megabytes / costs.load,
                  megabytes / costs.read);
    return text;
}

// Two passes over the file, a write and a read, against one.
double ratioOf(const Costs& costs)
{
    return 2 * costs.read / (costs.write + costs.load);
}

void measureCost(const Context& context, const std::string& folder, Line& line)
{
    Copies copies(folder);
    for (int round = 0; round <= context.pairs; ++round) {
        const Costs costs = copies.measure(round % 2 == 0);
        if (round == 0)
            continue; // to warm up
        line.figures.push_back(ratioOf(costs));
        line.raw.push_back(rawFigures("as written by clients", costs));
    }
}

// For the raw figures: a small file, of which the sync is the greater part.
void measureRested(const Context& context, const std::string& folder, Line& line)
{
    {
        const auto server = startServer(context, folder, kOnlyAsked);
        settledBytes(context, *server, std::chrono::seconds(25));
        Connection connection(Wire::WebSocket, server->port(), kKey);
        // Where nothing has changed no checkpoint is made.
        connection.ask(
            R"({"id":"1","type":"sval","data":{"col":"bench","key":"rested","value":""}})");
        checkpointOnce(connection);
        server->kill();
    }
    Copies copies(folder);
    copies.measure(true); // to warm up
    line.raw.push_back(rawFigures("packed, after some seconds of rest", copies.measure(false)));
}

} // namespace

std::vector<Line> measureCheckpoint(const Context& context)
{
    Line cost{kCostLine, "bytes/s of reading and checksumming the file", Line::Bound::AtLeast, 0.4};
    Line pause{kPauseLine, "", Line::Bound::AtMost, 20, " ms"};
    Line beside{kBesideLine, "the same without", Line::Bound::AtMost, 2};
    const bool wantsCost = context.wants(cost.load);
    const bool wantsPause = context.wants(pause.load);
    const bool wantsBeside = context.wants(beside.load);
    if (wantsPause)
        measurePauses(context, pause);
    if (!wantsCost && !wantsBeside)
        return wantsPause ? std::vector<Line>{pause} : std::vector<Line>();
    constexpr int kRecords = 500;
    ScratchFolder folder;
    {
        const auto server = startServer(context, folder.path(), kOnlyAsked);
        storeReadings(*server, context.smoke ? 100 : 10000, kRecords);
        Connection connection(Wire::WebSocket, server->port(), kKey);
        checkpointOnce(connection);
        server->kill();
    }
    if (wantsCost)
        measureCost(context, folder.path(), cost);
    if (wantsBeside)
        measureBeside(context, folder.path(), beside);
    if (wantsCost)
        measureRested(context, folder.path(), cost);
    std::vector<Line> lines{cost, pause, beside};
    std::erase_if(lines, [&](const Line& line) { return !context.wants(line.load); });
    return lines;
}

} // namespace fluxion::bench
