// First figures: what one server does on this machine, printed with the machine and the commit.
//
//     figures SERVER COMMIT [ROUNDS [SECONDS]]
//
// Starts SERVER twice, durable and in memory, on ports of its own, and loads them in turn.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "bench/load_client.h"

namespace {

using namespace fluxion::bench;

const std::string kKey = "figures-key-0123456789";

class Server {
  public:
    Server(const std::string& binary, const std::string& data) : m_data(data)
    {
        int out[2];
        if (::pipe(out) != 0)
            throw std::runtime_error("no pipe");
        m_pid = ::fork();
        if (m_pid == 0) {
            ::setenv("FLUXION_SECRET_KEY", kKey.c_str(), 1);
            ::dup2(out[1], 2);
            std::vector<const char*> args{binary.c_str(), "--port", "0", "--io-threads", "1"};
            if (!data.empty())
                args.insert(args.end(), {"--data", data.c_str()});
            args.push_back(nullptr);
            ::execv(binary.c_str(), const_cast<char* const*>(args.data()));
            ::_exit(127);
        }
        ::close(out[1]);
        std::string text;
        char c = 0;
        while (::read(out[0], &c, 1) == 1) {
            text += c;
            const size_t at = text.find("127.0.0.1:");
            if (c == '\n' && at != std::string::npos) {
                port = static_cast<uint16_t>(std::atoi(text.c_str() + at + 10));
                break;
            }
        }
        m_stderr = out[0];
        if (port == 0)
            throw std::runtime_error("the server did not start: " + text);
    }
    ~Server()
    {
        ::kill(m_pid, SIGTERM);
        ::waitpid(m_pid, nullptr, 0);
        ::close(m_stderr);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    double cpuSeconds() const
    {
        std::ifstream in("/proc/" + std::to_string(m_pid) + "/stat");
        std::string word;
        double ticks = 0;
        for (int i = 1; in >> word && i <= 15; ++i) {
            if (i == 14 || i == 15)
                ticks += std::atof(word.c_str());
        }
        return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    double residentBytes() const
    {
        std::ifstream in("/proc/" + std::to_string(m_pid) + "/statm");
        double total = 0;
        double resident = 0;
        in >> total >> resident;
        return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
    }

    uint16_t port = 0;

  private:
    std::string m_data;
    pid_t m_pid = -1;
    int m_stderr = -1;
};

std::string envelope(uint64_t n, const char* type, const std::string& data)
{
    return "{\"id\":\"" + std::to_string(n) + "\",\"type\":\"" + type + "\",\"data\":" + data + "}";
}

std::string setRequest(int c, uint64_t n)
{
    return envelope(n, "sval",
                    R"({"col":"bench","key":"key-)" + std::to_string(c) + "-" +
                        std::to_string(n % 1000) + R"(","value":"0123456789012345678901234567"})");
}

std::string getRequest(int c, uint64_t n)
{
    return envelope(n, "gval",
                    R"({"col":"bench","key":"key-)" + std::to_string(c) + "-" +
                        std::to_string(n % 1000) + "\"}");
}

// 100 readings of one device, the payload as a string in the string: the classic form.
std::string insertRequest(int c, uint64_t n)
{
    std::string data = "\"[";
    for (int i = 0; i < 100; ++i) {
        if (i > 0)
            data += ',';
        data += R"({\"ts\":)" + std::to_string(n * 100 + static_cast<uint64_t>(i)) +
                R"(,\"doc\":\"device-)" + std::to_string(c) + "-" + std::to_string(i) +
                R"(\",\"col\":\"readings\",\"data\":\"{\\\"temperature\\\":22.5,)"
                R"(\\\"humidity\\\":40,\\\"state\\\":\\\"ok\\\"}\"})";
    }
    return envelope(n, "ins", data + "]\"");
}

struct Line {
    const char* name;
    bool durable;
    int connections;
    int inFlight;
    std::string (*request)(int, uint64_t);
    std::vector<double> rates{};
    std::vector<double> p50{};
    std::vector<double> p99{};
    std::vector<double> cpu{};
};

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void printMachine(const char* commit)
{
    utsname system{};
    ::uname(&system);
    std::ifstream cpu("/proc/cpuinfo");
    std::string line;
    std::string model = "unknown processor";
    while (std::getline(cpu, line)) {
        if (line.starts_with("model name")) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    }
    std::printf("commit %s; %s, %u cores; %s %s; server and client share the machine, "
                "--io-threads 1\n\n",
                commit, model.c_str(), std::thread::hardware_concurrency(), system.sysname,
                system.release);
}

void printLines(const std::vector<Line>& lines)
{
    std::printf("| load | connections x in flight | requests/s, median (min-max) | p50 us | p99 us "
                "| server CPU us/request |\n|---|---|---|---|---|---|\n");
    for (const Line& line : lines) {
        const auto [least, most] = std::minmax_element(line.rates.begin(), line.rates.end());
        std::printf("| %s%s | %d x %d | %.0f (%.0f-%.0f) | %.0f | %.0f | %.1f |\n", line.name,
                    line.durable ? ", durable" : ", in memory", line.connections, line.inFlight,
                    median(line.rates), *least, *most, median(line.p50), median(line.p99),
                    median(line.cpu));
    }
}

// 10,000 documents x 500 records; what the process grew by, once maintenance is done.
void printMemory(const std::string& binary)
{
    constexpr int kDocuments = 10000;
    constexpr int kRecords = 500;
    constexpr int kRecordsPerRequest = 1000;
    const std::string record = R"({"temperature":22.5,"humidity":40,"state":"ok"})";
    Server server(binary, {});
    const double before = server.residentBytes();
    uint64_t n = 0;
    for (int ts = 0; ts < kRecords; ++ts) {
        for (int document = 0; document < kDocuments; document += kRecordsPerRequest) {
            std::string data = "[";
            for (int i = 0; i < kRecordsPerRequest; ++i) {
                data += i > 0 ? "," : "";
                data += "{\"ts\":" + std::to_string(ts * 10) + ",\"doc\":\"device-" +
                        std::to_string(document + i) +
                        R"(","col":"readings","data":"{\"temperature\":)" +
                        std::to_string(20 + (ts + i) % 9) + "." +
                        std::to_string((ts * 7 + i) % 10) + R"(,\"humidity\":)" +
                        std::to_string(35 + (ts / 9 + i) % 20) + R"(,\"state\":\"ok\"}"})";
            }
            const std::string reply = ask(server.port, kKey, envelope(n++, "ins", data + "]"));
            if (reply.find("\"error\"") != std::string::npos)
                throw std::runtime_error(reply);
        }
    }
    // Documents that rest are sealed by a sweep, every 10 s: until nothing shrinks any more.
    double least = server.residentBytes();
    for (int quiet = 0; quiet < 25; ++quiet) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        const double now = server.residentBytes();
        if (now < least * 0.995)
            quiet = 0;
        least = std::min(least, now);
    }
    const double raw = static_cast<double>(record.size() + 8);
    const double perRecord = (least - before) / (double{kDocuments} * kRecords);
    std::printf(
        "\nmemory: %d documents x %d records of about `%s`: %.1f bytes of resident memory a "
        "record (raw: %.0f; 1/%.1f)\n",
        kDocuments, kRecords, record.c_str(), perRecord, raw, raw / perRecord);
}

void measure(const std::string& binary, const char* commit, int rounds, double seconds)
{
    char folder[] = "/tmp/fluxion-figures-XXXXXX";
    if (!::mkdtemp(folder))
        throw std::runtime_error("no folder");
    printMachine(commit);
    std::vector<Line> lines{
        {"sval", true, 100, 1, setRequest},        {"sval", false, 100, 1, setRequest},
        {"sval", true, 8, 32, setRequest},         {"sval", false, 8, 32, setRequest},
        {"gval", false, 100, 1, getRequest},       {"gval", false, 8, 32, getRequest},
        {"ins of 100", true, 4, 4, insertRequest}, {"ins of 100", false, 4, 4, insertRequest},
    };
    {
        Server durable(binary, folder);
        Server memory(binary, {});
        for (int round = 0; round < rounds; ++round) {
            for (Line& line : lines) {
                Server& server = line.durable ? durable : memory;
                const double cpu = server.cpuSeconds();
                const LoadResult result = run(
                    {server.port, kKey, line.connections, line.inFlight, seconds, line.request});
                if (!result.error.empty())
                    throw std::runtime_error(result.error);
                const auto requests = static_cast<double>(result.requests);
                line.rates.push_back(requests / result.seconds);
                line.p50.push_back(result.p50Us);
                line.p99.push_back(result.p99Us);
                line.cpu.push_back((server.cpuSeconds() - cpu) * 1e6 / requests);
            }
        }
    }
    printLines(lines);
    std::printf("\ndurable / in memory: sval 100 x 1 %.2f, sval 8 x 32 %.2f, ins %.2f\n",
                median(lines[0].rates) / median(lines[1].rates),
                median(lines[2].rates) / median(lines[3].rates),
                median(lines[6].rates) / median(lines[7].rates));
    std::fflush(stdout);
    printMemory(binary);
    const std::string remove = std::string("rm -r ") + folder;
    if (std::system(remove.c_str()) != 0)
        std::fprintf(stderr, "cannot remove %s\n", folder);
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: figures SERVER COMMIT [ROUNDS [SECONDS]]\n");
        return 2;
    }
    try {
        measure(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 5,
                argc > 4 ? std::atof(argv[4]) : 2.0);
    } catch (const std::exception& fault) {
        std::fprintf(stderr, "figures: %s\n", fault.what());
        return 1;
    }
    return 0;
}
