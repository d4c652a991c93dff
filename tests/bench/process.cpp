#include "bench/process.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <random>
#include <spawn.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fluxion::bench {

namespace {

using Time = std::chrono::steady_clock;

constexpr double kStartTimeoutSeconds = 120;
constexpr double kQuietTimeoutSeconds = 60;
constexpr std::string_view kAnnounced = "127.0.0.1:";

sockaddr_in loopback(uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// None that others get by asking for any, as they may before the server is there.
uint16_t freePort()
{
    constexpr int kLowest = 10000;
    int end = 0;
    std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> end;
    if (end < kLowest + 1000)
        end = 65536; // here there is no such port, and chance must do
    std::random_device random;
    std::uniform_int_distribution<int> ports(kLowest, end - 1);
    for (int attempt = 0; attempt < 100; ++attempt) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = loopback(static_cast<uint16_t>(ports(random)));
        const bool bound =
            ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        if (bound)
            return ntohs(address.sin_port);
    }
    throw std::runtime_error("no free port");
}

bool accepts(uint16_t port)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool connected =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
}

double secondsSince(Time::time_point begin)
{
    return std::chrono::duration<double>(Time::now() - begin).count();
}

} // namespace

Process::Process(std::vector<std::string> command, Port port,
                 const std::vector<std::string>& environment)
{
    if (port == Port::Given) {
        m_port = freePort();
        std::replace(command.begin(), command.end(), std::string("PORT"), std::to_string(m_port));
    }
    const auto begin = Time::now();
    launch(std::move(command), port, environment);
    if (port == Port::Announced)
        awaitAnnouncement();
    awaitAccept();
    m_startSeconds = secondsSince(begin);
}

void Process::launch(std::vector<std::string> command, Port port,
                     const std::vector<std::string>& environment)
{
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0)
        throw std::runtime_error("no pipe");
    std::vector<char*> arguments;
    for (std::string& word : command)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> variables;
    for (char** entry = environ; *entry; ++entry) {
        if (!std::string_view(*entry).starts_with("FLUXION_"))
            variables.push_back(*entry);
    }
    for (const std::string& entry : environment)
        variables.push_back(const_cast<char*>(entry.c_str()));
    variables.push_back(nullptr);
    // Not fork(): it takes the longer the more memory this program has, and is part of a start.
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, port == Port::Announced ? out[1] : 1, 2);
    const int fault =
        ::posix_spawnp(&m_pid, arguments[0], &files, nullptr, arguments.data(), variables.data());
    posix_spawn_file_actions_destroy(&files);
    ::close(out[1]);
    m_stderr = out[0];
    if (fault != 0)
        throw std::runtime_error("cannot start " + command.front() + ": " + std::strerror(fault));
}

void Process::awaitAnnouncement()
{
    std::string text;
    char c = 0;
    while (::read(m_stderr, &c, 1) == 1) {
        text += c;
        const size_t at = text.find(kAnnounced);
        if (c == '\n' && at != std::string::npos) {
            m_port = static_cast<uint16_t>(std::atoi(text.c_str() + at + kAnnounced.size()));
            return;
        }
    }
    end(SIGKILL);
    throw std::runtime_error("the server did not start: " + text);
}

void Process::awaitAccept()
{
    const auto begin = Time::now();
    while (!accepts(m_port)) {
        const bool ended = ::waitpid(m_pid, nullptr, WNOHANG) != 0;
        if (ended)
            forget();
        else if (secondsSince(begin) > kStartTimeoutSeconds)
            end(SIGKILL);
        if (m_pid < 0)
            throw std::runtime_error("the server did not start");
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
}

Process::~Process()
{
    end(SIGTERM);
}

void Process::kill()
{
    end(SIGKILL);
}

void Process::end(int signal)
{
    if (m_pid < 0)
        return;
    ::kill(m_pid, signal);
    ::waitpid(m_pid, nullptr, 0);
    forget();
}

void Process::forget()
{
    m_pid = -1;
    ::close(m_stderr);
}

double Process::cpuSeconds() const
{
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(m_pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
        throw std::runtime_error("the server has ended");
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

void Process::awaitQuiet() const
{
    constexpr auto kStep = std::chrono::milliseconds(20);
    constexpr double kNothing = 0.05; // of a core
    constexpr int kQuietSteps = 3;
    const auto begin = Time::now();
    double used = cpuSeconds();
    for (int quiet = 0; quiet < kQuietSteps;) {
        if (secondsSince(begin) > kQuietTimeoutSeconds)
            throw std::runtime_error("a server does not come to rest");
        std::this_thread::sleep_for(kStep);
        const double before = used;
        used = cpuSeconds();
        const bool nothing =
            used - before < kNothing * std::chrono::duration<double>(kStep).count();
        quiet = nothing ? quiet + 1 : 0;
    }
}

double Process::residentBytes() const
{
    std::ifstream in("/proc/" + std::to_string(m_pid) + "/statm");
    double total = 0;
    double resident = 0;
    in >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double ownCpuSeconds()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

} // namespace fluxion::bench
