#pragma once

// Where a subscription stands: which events of a frame are new, and from where to go on after a
// lost connection.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace fluxion::shell {

// The server's word that a subscription is over.
struct WatchEnd {
    std::string code;
    std::string text;
    std::string oldest; // of `compacted`: the oldest position there is; may be empty
};

struct WatchFrame {
    std::vector<JsonValue> events; // those not seen yet; they live as long as the frame
    bool snapshotEnds = false;
    std::optional<WatchEnd> end;
};

class WatchCursor {
  public:
    // The server accepted: `log` of its reply, or else of `ready`. `snapshot`: it was asked for.
    void begin(std::string log, uint64_t seq, bool snapshot);

    // An `evt` frame of this subscription. Code::BadJson when it is not one.
    Result<WatchFrame> take(JsonValue frame);

    // What to ask for after a lost connection: `<log>:<seq>`; empty before begin() and in the midst
    // of a snapshot, which has to be taken again.
    std::string resumePosition() const;
    bool inSnapshot() const { return m_inSnapshot; }

  private:
    bool isNew(JsonValue event);

    std::string m_log;
    uint64_t m_seq = 0;
    bool m_inSnapshot = false;
    // The last event handed out; a resumed subscription may repeat part of its seq.
    std::optional<std::pair<uint64_t, uint64_t>> m_last;
};

} // namespace fluxion::shell
