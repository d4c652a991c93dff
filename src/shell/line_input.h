#pragma once

// Lines from a file descriptor, read while the connection's event loop runs, so that the server
// gets its answers to pings meanwhile.

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "shell/connection.h"

namespace fluxion::shell {

class LineInput {
  public:
    // `maxBytes` bounds one line.
    LineInput(int descriptor, size_t maxBytes, Connection& connection)
        : m_descriptor(descriptor), m_maxBytes(maxBytes), m_connection(connection)
    {
    }

    // The next line, without its end; nothing at the end of the input and after Ctrl-C.
    // Code::TooLarge, Code::Io.
    Result<std::optional<std::string>> next();
    // Of the line returned last, from 1.
    size_t number() const { return m_number; }

  private:
    Result<bool> readMore();

    const int m_descriptor;
    const size_t m_maxBytes;
    Connection& m_connection;
    std::string m_pending;
    size_t m_taken = 0;   // bytes of m_pending that were handed out
    size_t m_scanned = 0; // bytes of m_pending without a line feed
    size_t m_number = 0;
    bool m_atEnd = false;
};

// Runs the event loop until the descriptor can be read; false after Ctrl-C.
bool waitReadable(int descriptor, Connection& connection);

// All there is to read, at most maxBytes. Code::TooLarge, Code::Io.
Result<std::string> readAll(int descriptor, size_t maxBytes);

} // namespace fluxion::shell
