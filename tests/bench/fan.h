#pragma once

// One writer and many subscribers of the same thing, all read by one thread on epoll. Events are
// counted, not frames: one frame may hold several.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/request.h"

namespace fluxion::bench {

// Stands once in each value that is written, and nowhere else in what comes back: four of them are
// no length of a frame.
inline constexpr std::string_view kMark = "^^^^";

// How often kMark stands in a stream that comes in pieces.
class MarkCount {
  public:
    uint64_t of(std::string_view piece);

  private:
    size_t m_seen = 0; // bytes of one that is not whole yet
};

struct Fan {
    uint16_t port = 0;
    Wire wire = Wire::WebSocket;
    std::string key;
    std::string subscribe; // what makes a connection a subscriber; answered at once
    const Request* publish = nullptr;
    uint64_t subscribers = 1;
    double seconds = 1;
    // Closed loop: so many writes are under way, each until the last subscriber has its event. Or,
    // if `perSecond` is not 0: so many writes a second, whatever is under way.
    uint64_t inFlight = 64;
    double perSecond = 0;
    std::function<double()> serverCpu = [] { return 0.0; };
};

struct FanResult {
    uint64_t writes = 0;
    uint64_t events = 0; // delivered, to all subscribers together
    double seconds = 0;  // until the last was
    double clientCpuSeconds = 0;
    double serverCpuSeconds = 0;
    // Of each write, sorted: from its ack to its event at the last subscriber; below 0 if the event
    // came first. Empty where writes are not acked (NATS).
    std::vector<double> afterAckUs{};
};

// Throws std::runtime_error when a connection fails, an event is missing or is too much.
FanResult run(const Fan& fan);

} // namespace fluxion::bench
