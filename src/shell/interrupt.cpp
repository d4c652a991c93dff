#include "shell/interrupt.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace fluxion::shell {

namespace {

// A handler can reach nothing else.
std::array<int, 2> g_wakePipe{-1, -1};
volatile std::sig_atomic_t g_raised = 0;

void onInterrupt(int)
{
    g_raised = 1;
    const char byte = 1;
    (void)!::write(g_wakePipe[1], &byte, 1);
}

} // namespace

Interrupt::Interrupt()
{
    if (::pipe2(g_wakePipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        qFatal("no pipe for signals");
    m_notifier = std::make_unique<QSocketNotifier>(g_wakePipe[0], QSocketNotifier::Read);
    connect(m_notifier.get(), &QSocketNotifier::activated, this, [this] {
        std::array<char, 64> bytes{};
        (void)!::read(g_wakePipe[0], bytes.data(), bytes.size());
        Q_EMIT arrived();
    });
    struct sigaction action {};
    action.sa_handler = onInterrupt;
    ::sigaction(SIGINT, &action, nullptr);
}

Interrupt::~Interrupt()
{
    std::signal(SIGINT, SIG_DFL);
    m_notifier.reset();
    ::close(g_wakePipe[0]);
    ::close(g_wakePipe[1]);
}

bool Interrupt::raised() const
{
    return g_raised != 0;
}

void Interrupt::clear()
{
    g_raised = 0;
}

} // namespace fluxion::shell
