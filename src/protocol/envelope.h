#pragma once

// A message taken apart in two steps: the envelope, then, once the caller has checked the
// permission that the type needs, the payload.

#include <optional>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "protocol/command_table.h"
#include "protocol/insert_reader.h"
#include "protocol/position.h"

namespace fluxion {

// Views live until the RequestReader reads the next message or is trimmed.
struct Envelope {
    // What the reply echoes: set whenever it could be read, also when `status` is an error.
    std::optional<std::string_view> id;
    // Never null when `status` is ok.
    const CommandSpec* command = nullptr;
    // Of an `ins` that was read in one pass; `data` is absent then.
    const InsertRequest* insert = nullptr;
    // As they stand in the envelope, absent if they do not.
    JsonValue data;
    JsonValue minSeq;
    // bad_json, bad_request or unknown_type.
    Status status;
};

struct Payload {
    // As in the envelope. Then there is no `value`.
    const InsertRequest* insert = nullptr;
    // An object or an array as the type's shape says; absent or an object for PayloadShape::None.
    // Lives as long as the envelope.
    JsonValue value;
    // Only of types that read: the position that has to be visible first.
    std::optional<Position> minSeq;
};

// Reads one message at a time; its buffers are reused. One per thread.
class RequestReader {
  public:
    explicit RequestReader(const RequestLimits& limits = {}) : m_insert(limits.maxNameBytes) {}

    // Never fails as a whole: see Envelope::status. `message` may be gone afterwards.
    Envelope readEnvelope(std::string_view message);

    // The payload of an envelope whose status is ok, read by this same reader just before. A `data`
    // that is a string is JSON text, taken apart exactly once: bad_json when it is not, bad_request
    // for a wrong shape.
    Result<Payload> readPayload(const Envelope& envelope);

    // Gives back what a large message has left; ends the life of every view. Call it when a
    // message is dealt with.
    void trim();

  private:
    InsertReader m_insert;
    JsonReader m_outer;
    JsonReader m_inner;
};

} // namespace fluxion
