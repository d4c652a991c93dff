#include "server/signals.h"

#include <array>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

namespace fluxion {

namespace {

// A handler can reach nothing else.
std::array<int, 2> g_pipe{-1, -1};
volatile std::sig_atomic_t g_askedAtSecond = 0;

// One Ctrl-C may arrive twice, by the terminal and by a parent: only a later one means "at once".
void onSignal(int)
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto second = static_cast<std::sig_atomic_t>(now.tv_sec + 1);
    if (g_askedAtSecond != 0 && second > g_askedAtSecond + 1)
        _exit(1); // the log is safe, the rest is given up
    if (g_askedAtSecond == 0)
        g_askedAtSecond = second;
    const char byte = 1;
    (void)!::write(g_pipe[1], &byte, 1);
}

} // namespace

StopSignals::StopSignals()
{
    if (::pipe2(g_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        qFatal("no pipe for signals");
    m_notifier = std::make_unique<QSocketNotifier>(g_pipe[0], QSocketNotifier::Read);
    connect(m_notifier.get(), &QSocketNotifier::activated, this, [this] {
        char byte = 0;
        (void)!::read(g_pipe[0], &byte, 1);
        Q_EMIT arrived();
    });
    struct sigaction action {};
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

StopSignals::~StopSignals()
{
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    m_notifier.reset();
    ::close(g_pipe[0]);
    ::close(g_pipe[1]);
}

} // namespace fluxion
