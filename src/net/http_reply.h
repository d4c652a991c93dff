#pragma once

// Plain HTTP answers, whole: the connection is closed after each.

#include <string>
#include <string_view>

namespace fluxion {

// `extraFields`: further header lines, each ended by CRLF.
std::string httpReply(int status, std::string_view json, std::string_view extraFields = {});

// {"error":"...","code":"..."}
std::string httpError(int status, std::string_view code, std::string_view text,
                      std::string_view extraFields = {});

} // namespace fluxion
