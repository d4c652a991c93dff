#pragma once

// A raw WebSocket load client: C connections, each with P requests in flight, one thread, blocking
// until there is something to read. Frames are masked with a zero key, so masking costs nothing.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fluxion::bench {

struct LoadResult {
    uint64_t requests = 0;
    double seconds = 0;
    double p50Us = 0;
    double p99Us = 0;
    std::string error; // what a reply said, if one was an error; empty otherwise
};

struct Load {
    uint16_t port = 0;
    std::string key;
    int connections = 1;
    int inFlight = 1;
    double seconds = 1;
    // The payload of request number n of connection c: a whole message.
    std::function<std::string(int c, uint64_t n)> request;
};

// Throws std::runtime_error when a connection fails.
LoadResult run(const Load& load);

// One request on a connection of its own; the reply.
std::string ask(uint16_t port, const std::string& key, const std::string& message);

} // namespace fluxion::bench
