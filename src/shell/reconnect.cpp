#include "shell/reconnect.h"

#include <algorithm>

#include "shell/outcome.h"

namespace fluxion::shell {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between attempts: it doubles from the first to the last.
constexpr milliseconds kFirstDelay{100};
constexpr milliseconds kLastDelay{2000};

} // namespace

Status reconnect(Connection& connection, const Error& why)
{
    complain("connection lost, trying again: " + why.text);
    connection.close();
    const auto deadline = steady_clock::now() + connection.timeout();
    milliseconds delay = kFirstDelay;
    for (;;) {
        connection.wait(delay, [] { return false; });
        Status status = connection.open();
        if (status || connection.interrupted() || status.error().code == Code::Unauthorized ||
            steady_clock::now() >= deadline)
            return status;
        delay = std::min(2 * delay, kLastDelay);
    }
}

} // namespace fluxion::shell
