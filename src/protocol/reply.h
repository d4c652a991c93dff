#pragma once

// Replies as JSON text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fluxion {

// Appends one reply object to a string that it does not own: opened by the constructor with its
// `id`, closed by end(). Names of fields are ours and need no escape.
class ReplyWriter {
  public:
    // No id: null.
    ReplyWriter(std::string& out, std::optional<std::string_view> id);

    ReplyWriter& text(std::string_view field, std::string_view value);
    ReplyWriter& integer(std::string_view field, int64_t value);
    ReplyWriter& unsignedInteger(std::string_view field, uint64_t value);
    ReplyWriter& boolean(std::string_view field, bool value);
    ReplyWriter& null(std::string_view field);
    // Starts a field whose value, one JSON value, the caller appends to the result.
    std::string& raw(std::string_view field);
    void end();

  private:
    void name(std::string_view field);

    std::string& m_out;
};

// {"id":...,"error":"...","code":"..."}
std::string errorReply(std::optional<std::string_view> id, const Error& error);
// The same with more fields: opened, to be ended by the caller.
ReplyWriter beginErrorReply(std::string& out, std::optional<std::string_view> id,
                            const Error& error);

} // namespace fluxion
