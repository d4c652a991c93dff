#pragma once

// Connections with bytes to send. They leave together at the end of the event loop's turn: however
// many replies a turn makes for a client, they cost it one system call.

#include <vector>

namespace fluxion {

class PlainTransport;

// I/O thread; outlives its transports.
class FlushQueue {
  public:
    // Once, until it was flushed.
    void add(PlainTransport& transport) { m_waiting.push_back(&transport); }
    // Before it goes; also from within flush().
    void forget(PlainTransport& transport);
    bool empty() const { return m_waiting.empty(); }
    // Sends for all that wait now. Who has more to send after that waits for the next call.
    void flush();

  private:
    std::vector<PlainTransport*> m_waiting;
    std::vector<PlainTransport*> m_flushing;
};

} // namespace fluxion
