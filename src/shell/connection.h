#pragma once

// One connection to a server, asked in turn: each call runs an event loop until its answer is
// there.

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include <QObject>

#include "base/json.h"
#include "base/result.h"
#include "shell/channel.h"
#include "shell/interrupt.h"
#include "shell/request.h"

namespace fluxion::shell {

// A message of the server. `value` is an object and lives until the connection's next call.
struct Message {
    std::string text; // as it came
    JsonValue value;
};

// Errors: Code::Io (no connection, or it was lost), Unauthorized (the key), Timeout (no answer in
// time, or Ctrl-C: see interrupted()), Usage (what was to be sent is not UTF-8). Main thread.
class Connection : public QObject {
    Q_OBJECT
  public:
    // `interrupt`, if there is one, ends every wait; it outlives the connection.
    Connection(Endpoint endpoint, std::chrono::milliseconds timeout, Interrupt* interrupt);
    ~Connection() override;

    // Connects and waits for `ready`. A connection that is open is left as it is.
    Status open();
    bool isOpen() const { return m_ready; }
    const Endpoint& endpoint() const { return m_endpoint; }
    std::chrono::milliseconds timeout() const { return m_timeout; }
    // Of `ready`: the id of the server's history; empty if it has none.
    const std::string& log() const { return m_log; }
    bool interrupted() const { return m_interrupt && m_interrupt->raised(); }

    // Sends and waits for the reply, which may be an error reply. Messages to no request are
    // dropped.
    Result<Message> call(const Request& request);

    // Sends under this id; what comes is read by receive().
    Status send(std::string_view id, const Request& request);
    // The next message, whatever it is.
    Result<Message> receive(std::chrono::milliseconds limit);
    // Asks for a sign of life; heardAt() moves when it comes, as with every message.
    void ping();
    std::chrono::steady_clock::time_point heardAt() const { return m_heardAt; }

    // Answers above this size (bytes) close the connection.
    void limitAnswers(quint64 bytes);
    void close();

    // Runs the event loop until `done`; false when the time is over or Ctrl-C came first.
    bool wait(std::chrono::milliseconds limit, const std::function<bool()>& done);

    // Longer than anybody waits.
    static constexpr std::chrono::milliseconds kForever = std::chrono::hours(24 * 365);

  Q_SIGNALS:
    // Something that a wait may be for: a message, a state, a pong.
    void changed();

  private:
    void take(const std::string& text);
    std::string next();

    const Endpoint m_endpoint;
    const std::chrono::milliseconds m_timeout;
    Interrupt* const m_interrupt;
    const std::unique_ptr<Channel> m_channel;
    JsonReader m_reader;
    std::deque<std::string> m_inbox;
    std::chrono::steady_clock::time_point m_heardAt;
    std::string m_log;
    bool m_ready = false;
    uint64_t m_lastId = 0;
};

} // namespace fluxion::shell
