#pragma once

// The protocol in words, from the command table and the list of codes.

#include <string>
#include <string_view>

namespace fluxion {

// What `fluxion --describe` prints: one JSON object
// {"envelope":[field],"commands":[{type,permission,summary,payload:{shape,fields:[field]},
// reply:[field]}],"scopes":[{scope,permissions}],"codes":[{code,meaning}]}
// with field = {name,type,required,pattern,meaning}. Ends with a line feed.
std::string describeJson();

// docs/protocol.md holds describeMarkdown() from the first of these lines to the second.
inline constexpr std::string_view kGeneratedBegin =
    "<!-- generated from the command table: begin -->\n";
inline constexpr std::string_view kGeneratedEnd =
    "<!-- generated from the command table: end -->\n";

// The same as tables, the two marker lines included.
std::string describeMarkdown();

} // namespace fluxion
