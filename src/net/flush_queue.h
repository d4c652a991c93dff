#pragma once

// Who has bytes to send, until the end of the turn.

#include <vector>

namespace fluxion {

class PlainTransport;

// I/O thread; outlives its transports.
class FlushQueue {
  public:
    void add(PlainTransport& transport) { m_waiting.push_back(&transport); }
    void forget(PlainTransport& transport);
    bool empty() const { return m_waiting.empty(); }
    // Sends for all that wait now. Who has more to send after that waits for the next call.
    void flush();

  private:
    std::vector<PlainTransport*> m_waiting;
    std::vector<PlainTransport*> m_flushing;
};

} // namespace fluxion
