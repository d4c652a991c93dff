#pragma once

// Where a request's head carries the API key and the connection's name.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_head.h"

namespace fluxion {

constexpr std::string_view kSubprotocol = "fluxion";

// The key, in every reading it may have (a `+` in a query is a space or itself), most likely first;
// empty when none is shown. `Authorization: Bearer`, else the subprotocol
// `fluxion.key.<base64url>`, else `?api-key=`.
std::vector<std::string> shownKeys(const HttpHead& head);

// Whether `fluxion` is among the subprotocols that the client speaks.
bool offersSubprotocol(const HttpHead& head);

// `?name=`, if it is there and not empty.
std::optional<std::string> shownName(const HttpHead& head);

// A query parameter, percent-decoded; `plusIsSpace` as in HTML forms.
std::optional<std::string> queryParameter(std::string_view query, std::string_view name,
                                          bool plusIsSpace);

} // namespace fluxion
