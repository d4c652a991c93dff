// linear_tests FLUXION: eight clients at random on a few keys, while the server is killed again and
// again; then every key's history is checked. FLUXION_SEED=n for another course,
// FLUXION_OPERATIONS=n for another length. Ends with `N passed, N failed`.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "bench/process.h"
#include "bench/scratch_folder.h"
#include "linear/client.h"
#include "linear/planted.h"

namespace fluxion::linear {

namespace {

constexpr uint64_t kOperations = 1000000;
constexpr uint64_t kKills = 5;
constexpr int kSilenceSeconds = 60; // without an answer: it will not come
// In flight: from one at a time, whose order in time is strict, to a full pipeline.
constexpr size_t kInFlight[] = {1, 1, 4, 8, 16, 32, 64, 64};

uint64_t fromEnvironment(const char* name, uint64_t otherwise)
{
    const char* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Checkpoints and segments come and go meanwhile, and the log keeps everything.
std::unique_ptr<bench::Process> start(const std::string& fluxion, const std::string& data)
{
    return std::make_unique<bench::Process>(
        std::vector<std::string>{fluxion, "--data", data, "--port", "0", "--segment-size", "4MiB",
                                 "--checkpoint-bytes", "8MiB"},
        bench::Process::Port::Announced,
        std::vector<std::string>{std::string("FLUXION_SECRET_KEY=") + kSecret});
}

// Waits for so many answers. False when none come any more.
bool reach(Course& course, uint64_t answers)
{
    uint64_t last = course.answered;
    int64_t since = nowNs();
    while (course.answered < answers && !course.enough) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (course.answered != last) {
            last = course.answered;
            since = nowNs();
        } else if (nowNs() - since > kSilenceSeconds * int64_t{1000000000}) {
            return false;
        }
    }
    return true;
}

// Every version of every key, as a subscription from the first seq tells them.
std::vector<Versions> readLog(uint16_t port)
{
    std::vector<Versions> keys(kKeys);
    bench::Connection connection(bench::Wire::WebSocket, port, kSecret);
    connection.ask(R"({"id":"end","type":"sval","data":{"col":"end","key":"end","value":""}})");
    std::string out;
    bench::Request::webSocket(
        bench::Frame::Text,
        R"({"id":"all","type":"sub","data":{"kind":"keys","from":0,"fields":["value"]}})")
        .append(out, 0, 0);
    connection.send(out);
    constexpr std::string_view kEvent = "{\"seq\":";
    while (true) {
        std::string_view frame;
        while (!connection.next(frame))
            connection.receive();
        if (frame.find("\"error\":") != std::string_view::npos)
            throw std::runtime_error(std::string(frame));
        for (size_t at = frame.find(kEvent); at != std::string_view::npos;) {
            const size_t next = frame.find(kEvent, at + 1);
            const std::string_view event = frame.substr(at, next - at);
            at = next;
            if (event.find("\"col\":\"end\"") != std::string_view::npos)
                return keys;
            const uint64_t key = numberAfter(event, "\"key\":\"k");
            const bool set = event.find("\"op\":\"set\"") != std::string_view::npos;
            const uint64_t version = numberAfter(event, "\"ver\":");
            if (!keys.at(key).emplace(version, Version{set, contentOf(event)}).second)
                throw std::runtime_error("a version twice: " + std::string(event));
        }
    }
}

using Clients = std::vector<std::unique_ptr<Client>>;

// Returns how often the server was killed.
uint64_t runCourse(const std::string& fluxion, const std::string& data, Course& course,
                   Clients& clients, uint64_t operations)
{
    auto server = start(fluxion, data);
    course.port = server->port();
    std::vector<std::thread> threads;
    for (const auto& client : clients)
        threads.emplace_back([&client] { client->run(); });
    uint64_t kills = 0;
    bool alive = true;
    while (alive && !course.enough && kills < kKills) {
        alive = reach(course, operations * (kills + 1) / (kKills + 1));
        course.port = 0;
        server->kill();
        ++kills;
        server = start(fluxion, data);
        course.port = server->port();
    }
    alive = alive && reach(course, operations);
    course.enough = true;
    if (!alive)
        server->kill(); // so that those who wait end
    for (std::thread& thread : threads)
        thread.join();
    return alive ? kills : 0;
}

struct Counts {
    uint64_t answered = 0;
    uint64_t swapped = 0; // done with an expected version
    uint64_t conflicts = 0;
    uint64_t unknown = 0;
};

Counts checkKeys(const std::vector<Versions>& log, const Clients& clients, Tally& tally)
{
    Counts counts;
    std::vector<std::vector<Operation>> keys(kKeys);
    for (const auto& client : clients) {
        tally.count(client->failure().empty(), "a reply", client->failure().c_str());
        for (const Operation& op : client->operations()) {
            keys[op.key].push_back(op);
            counts.answered += op.result != Result::Unknown;
            counts.swapped += op.result == Result::Done && op.expected.has_value();
            counts.conflicts += op.result == Result::Conflict;
            counts.unknown += op.result == Result::Unknown && op.kind != Kind::Read;
        }
    }
    for (uint32_t key = 0; key < kKeys; ++key) {
        const std::string wrong = check(log[key], keys[key]);
        tally.count(wrong.empty(), keyName(key).c_str(), wrong.c_str());
    }
    return counts;
}

void run(const std::string& fluxion, Tally& tally)
{
    const uint64_t seed = fromEnvironment("FLUXION_SEED", std::random_device()());
    const uint64_t operations = fromEnvironment("FLUXION_OPERATIONS", kOperations);
    std::printf("FLUXION_SEED=%llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    const int64_t begun = nowNs();
    const bench::ScratchFolder folder;
    Course course;
    Clients clients;
    for (const size_t inFlight : kInFlight) {
        const auto number = static_cast<uint32_t>(clients.size() + 1);
        clients.push_back(std::make_unique<Client>(course, number, inFlight, seed + number));
    }
    const uint64_t kills = runCourse(fluxion, folder.path(), course, clients, operations);
    const auto server = start(fluxion, folder.path()); // after the last one's end in order
    const int64_t ran = nowNs();
    const Counts counts = checkKeys(readLog(server->port()), clients, tally);
    tally.count(kills == kKills, "kills", "the server does not answer");
    tally.count(counts.answered >= operations, "enough operations");
    tally.count(counts.swapped > operations / 100, "compare-and-sets that were done");
    tally.count(counts.conflicts > operations / 100, "conflicts");
    tally.count(counts.unknown > 0, "writes of unknown outcome");
    const auto seconds = [](int64_t ns) { return static_cast<double>(ns) / 1e9; };
    const auto number = [](uint64_t n) { return static_cast<unsigned long long>(n); };
    std::printf(
        "%llu operations (%llu conditional ones done, %llu conflicts, %llu writes of unknown "
        "outcome), %llu kills; %.1f s, and %.1f s to check\n",
        number(counts.answered), number(counts.swapped), number(counts.conflicts),
        number(counts.unknown), number(kills), seconds(ran - begun), seconds(nowNs() - ran));
}

} // namespace

} // namespace fluxion::linear

int main(int argc, char** argv)
{
    using namespace fluxion::linear;
    if (argc != 2) {
        std::fprintf(stderr, "linear_tests FLUXION\n");
        return 2;
    }
    Tally tally;
    checkPlanted(tally);
    try {
        run(argv[1], tally);
    } catch (const std::exception& error) {
        tally.count(false, "the course", error.what());
    }
    std::printf("%d passed, %d failed\n", tally.passed, tally.failed);
    return tally.failed == 0 ? 0 : 1;
}
