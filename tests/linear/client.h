#pragma once

// A client in a thread of its own: random operations, several in flight, written down as they go.

#include <atomic>
#include <cstdint>
#include <random>
#include <unordered_map>
#include <vector>

#include "bench/connection.h"
#include "linear/history.h"

namespace fluxion::linear {

constexpr const char* kSecret = "linear-0123456789";
constexpr uint32_t kKeys = 96;
constexpr uint32_t kHotKeys = 8; // get half of the operations

// What all clients share.
struct Course {
    std::atomic<uint16_t> port{0}; // 0: the server is down
    std::atomic<uint64_t> answered{0};
    std::atomic<bool> enough{false};
};

int64_t nowNs();
std::string keyName(uint32_t key);
// {"s":...,"p":...} within a JSON string, as it stands in replies and events.
Content contentOf(std::string_view text);
// The number behind `name`, 0 if it is not there.
uint64_t numberAfter(std::string_view text, std::string_view name);

class Client {
  public:
    // `number`: of this client, from 1 on.
    Client(Course& course, uint32_t number, size_t inFlight, uint64_t seed)
        : m_course(course), m_number(number), m_inFlight(inFlight), m_random(seed)
    {
    }
    // Until there is enough; over every end of the server.
    void run();

    const std::vector<Operation>& operations() const { return m_operations; }
    const std::string& failure() const { return m_failure; }

  private:
    void serve(bench::Connection& connection);
    void ask(bench::Connection& connection, size_t count);
    std::string next();
    void answer(std::string_view reply, int64_t now);
    uint32_t below(uint32_t limit) { return static_cast<uint32_t>(m_random() % limit); }

    Course& m_course;
    const uint32_t m_number;
    const size_t m_inFlight;
    std::mt19937_64 m_random;
    uint32_t m_connections = 0;
    std::vector<Operation> m_operations;
    std::unordered_map<uint64_t, size_t> m_open; // by id: where in m_operations
    uint64_t m_seen[kKeys] = {};                 // versions
    std::string m_failure;                       // a reply that makes no sense
};

} // namespace fluxion::linear
