#pragma once

// `fluxion export` and `fluxion import`: the data of collections to and from a folder.

#include "shell/connection.h"
#include "shell/invocation.h"
#include "shell/outcome.h"
#include "shell/style.h"

namespace fluxion::shell {

// What one request of an import holds at most: things, and bytes of them unless it is one alone;
// and how many requests wait for their replies.
constexpr size_t kImportBatchItems = 1000;
constexpr size_t kImportBatchBytes = size_t(512) << 10U;
constexpr size_t kImportRequests = 8;
// One line of a file.
constexpr size_t kMaxImportLineBytes = size_t(512) << 20U;

// All records and keys of one moment into a folder. The server holds a cut while it is read; an
// export that was cut off goes on with the same one, and begins anew when the server has let it go.
Outcome exportData(Connection& connection, const Invocation& invocation, const Style& style);

// A folder as an export leaves it into the server. Goes on where a run that was cut off has had the
// server's word last.
Outcome importData(Connection& connection, const Invocation& invocation, const Style& style);

inline bool isTransfer(Verb verb)
{
    return verb == Verb::Export || verb == Verb::Import;
}

inline Outcome transfer(Connection& connection, const Invocation& invocation, const Style& style)
{
    return invocation.command->verb == Verb::Export ? exportData(connection, invocation, style)
                                                    : importData(connection, invocation, style);
}

} // namespace fluxion::shell
