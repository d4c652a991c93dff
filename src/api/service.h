#pragma once

// What every session works with. Outlives them all; any thread.

#include <cstdint>
#include <string>

#include "api/connections.h"
#include "auth/authenticator.h"
#include "base/clock.h"
#include "base/latency.h"
#include "engine/engine.h"
#include "live/hub.h"
#include "protocol/requests.h"

namespace fluxion {

struct ServiceLimits {
    RequestLimits request;
    int64_t minSeqTimeoutUs = 5 * int64_t{1000000};
    size_t maxInFlight = 4096;                // requests of one connection not yet answered
    size_t maxWaitingBytes = 4 * 1024 * 1024; // of them, those kept as messages
    size_t maxSubscriptions = 1000;           // of one connection
};

struct Service {
    Engine& engine;
    LiveShared& live;
    LatencyMinute& writeTimes; // from a write's request to its reply
    const Authenticator& authenticator;
    Connections& connections;
    Clock& clock;
    ServiceLimits limits;
    std::string version;
    std::string masterHint; // hintOf() the master key
    int64_t startedUs = 0;  // steady
};

// What a listing shows of a key: its first characters, nothing of a short key.
std::string hintOf(std::string_view key);

} // namespace fluxion
