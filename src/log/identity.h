#pragma once

// Two small files beside the segments. `identity` names the history and is there as long as the
// data folder; `closed` is there only between an orderly stop and the next start.

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/file.h"
#include "log/log_format.h"

namespace fluxion {

inline const std::string kIdentityName = "identity";
inline const std::string kClosedName = "closed";

struct Identity {
    HistoryId history{};
    uint64_t startSeq = 0; // the history's first entry has the seq after this
    bool lax = false;      // written by a server that did not sync every batch
};

struct ClosedMark {
    HistoryId history{};
    uint64_t lastSeq = 0;
};

HistoryId newHistoryId();
std::string toText(const HistoryId& id); // 32 hex digits

// Nothing when the file is not there; Code::Damaged when it fails its checks.
Result<std::optional<Identity>> readIdentity(Directory& directory);
Status writeIdentity(Directory& directory, const Identity& identity);

Result<std::optional<ClosedMark>> readClosedMark(Directory& directory);
Status writeClosedMark(Directory& directory, const ClosedMark& mark);
// Lasting when it returns ok.
Status removeClosedMark(Directory& directory);

} // namespace fluxion
