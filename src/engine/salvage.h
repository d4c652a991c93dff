#pragma once

// Going on with what is whole of a damaged folder, on the operator's word. Nothing is deleted: what
// is not used any more stays in the folder under names of its own.
//
// The order makes it safe: the whole prefix goes into a checkpoint of a new history; then the file
// `salvaging` says what is to be done; then files are renamed and the identity is replaced; then
// `salvaging` goes. A crash before `salvaging` leaves the damaged folder, one after it is finished
// by the next start, whatever its settings.

#include <string>

#include "base/log_sink.h"
#include "io/file.h"

namespace fluxion {

inline const std::string kSalvagingName = "salvaging";
inline const std::string kSalvagedPrefix = "salvaged-"; // then the time, "-" and the old name

// Makes a sound folder of the one that `damage` keeps from opening. Code::Damaged when nothing
// whole is left to go on with; the folder is as before then.
Status salvageFolder(Directory& directory, const Error& damage, int64_t wallUs,
                     const LogSink& sink);

// Finishes a salvage that a crash interrupted; does nothing if there is none. Before every start.
Status finishSalvage(Directory& directory, const LogSink& sink);

} // namespace fluxion
