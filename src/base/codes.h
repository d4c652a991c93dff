#pragma once

// Every error code of Fluxion, once. The wire token is the contract: never renamed, never reused.
// Derived from this list: the enum, the tokens, docs/protocol.md (through `fluxion --describe`).
#define FLUXION_CODES(X)                                                                           \
    X(BadJson, "bad_json", "The message, or the text in `data`, is not valid JSON.")               \
    X(BadRequest, "bad_request", "A field is missing, of the wrong type or out of range.")         \
    X(UnknownType, "unknown_type", "No message type has this name.")                               \
    X(Unauthorized, "unauthorized", "The API key is missing, unknown or was removed.")             \
    X(Forbidden, "forbidden", "The key's scope does not allow this.")                              \
    X(NotFound, "not_found", "What was named does not exist.")                                     \
    X(Conflict, "conflict", "The entry has another version than the caller saw.")                  \
    X(TooLarge, "too_large", "One thing is larger than its limit; the text names it.")             \
    X(TooMany, "too_many", "There are more things than their limit; the text names it.")           \
    X(Busy, "busy", "The server's queue is full; nothing was done, try again.")                    \
    X(StorageFull, "storage_full", "The disk is full; nothing was written, reads go on.")          \
    X(ReadOnly, "read_only",                                                                       \
      "A write to the log failed; writes stop until a restart. The outcome "                       \
      "of a write that was under way is unknown.")                                                 \
    X(Timeout, "timeout", "A wait reached its limit.")                                             \
    X(SqlError, "sql_error", "The database refused the statement.")                                \
    X(SqlUnavailable, "sql_unavailable", "The database cannot be reached.")                        \
    X(BadRegex, "bad_regex", "The pattern does not compile (RE2 syntax) or is too large.")         \
    X(Evicted, "evicted", "The subscriber fell too far behind.")                                   \
    X(Compacted, "compacted",                                                                      \
      "The position is older than the log holds, beyond its end, or of "                           \
      "another history.")                                                                          \
    X(Internal, "internal", "A fault of the server; its log says more.")                           \
    X(Damaged, "damaged", "Stored data fails its checks; the server refuses to start.")            \
    X(Io, "io_error", "A file operation failed.")                                                  \
    X(Usage, "usage", "A setting or argument is wrong; the server does not start.")
