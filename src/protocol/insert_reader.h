#pragma once

// Reads a whole `ins` message in one pass: the envelope, the payload as text in a string or inline,
// and the records' own strings, with both levels of escapes undone at once. Several times as fast
// as parsing one JSON text and then the other, which is where the time of inserts went.
//
// It knows the plain forms that clients send and gives up on everything else, errors included; the
// caller then takes the general way, which says what is wrong. What it does accept, it must read
// exactly as the general way would: tests/fuzz holds the two against each other.

#include <cstddef>
#include <string_view>
#include <vector>

#include "protocol/requests.h"

namespace fluxion {

struct InsertMessage {
    std::string_view id;
    InsertRequest request;
};

// One message at a time; its buffers are reused. One thread.
class InsertReader {
  public:
    explicit InsertReader(size_t maxNameBytes) : m_maxNameBytes(maxNameBytes) {}

    // Nothing: this is not for it. Otherwise valid until the next call, or trim(); `message` may be
    // gone.
    const InsertMessage* read(std::string_view message);

    // Gives back what a large message has left.
    void trim();

  private:
    const size_t m_maxNameBytes;
    InsertMessage m_message;
    std::vector<char> m_strings; // unescaped; behind them, a copy of the message
};

} // namespace fluxion
