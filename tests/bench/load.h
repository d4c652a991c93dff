#pragma once

// A closed loop: C connections, each with P requests in flight, one thread on epoll. What one read
// answers is asked again with one write.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/request.h"

namespace fluxion::bench {

struct LoadResult {
    uint64_t requests = 0;
    double seconds = 0;
    double clientCpuSeconds = 0;
    double serverCpuSeconds = 0;
    double p50Us = 0;
    double p95Us = 0;
    double p99Us = 0;
    double longestUs = 0;
};

struct Load {
    uint16_t port = 0;
    std::string key;
    std::vector<const Request*> requests{}; // in turn, by number; of one kind and length of id
    uint64_t connections = 1;
    uint64_t inFlight = 1;
    double seconds = 1;        // or, if not 0:
    uint64_t requestsEach = 0; // of each connection
    uint64_t firstNumber = 0;  // of the first request
    // What the server has used since it started. Asked after the handshakes and at the end.
    std::function<double()> serverCpu = [] { return 0.0; };
};

// Throws std::runtime_error when a connection fails, a reply says an error, or answers nothing that
// was asked.
LoadResult run(const Load& load);

} // namespace fluxion::bench
