#pragma once

// Who is connected, over all I/O threads: for `conn`.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace fluxion {

struct ConnectionInfo {
    uint64_t id = 0;
    std::string ip;
    int64_t sinceUs = 0; // on the steady clock
    std::optional<std::string> name;
};

// Any thread.
class Connections {
  public:
    // Ids are never used again.
    uint64_t nextId();
    void add(ConnectionInfo info);
    void remove(uint64_t id);
    // By age, oldest first.
    std::vector<ConnectionInfo> list() const;

  private:
    mutable std::mutex m_mutex;
    uint64_t m_lastId = 0;
    std::map<uint64_t, ConnectionInfo> m_open;
};

} // namespace fluxion
