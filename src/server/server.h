#pragma once

// Puts the parts together, runs them, and takes them apart in the right order.

#include <memory>

#include "base/log_sink.h"
#include "base/result.h"
#include "config/settings.h"

namespace fluxion {

// Runs until SIGINT or SIGTERM. Needs a QCoreApplication. Main thread.
//   Code::Usage    a setting, the port or the data folder cannot be used; nothing was touched
//   Code::Damaged  stored data fails its checks
//   others         what ended the run
Status serve(const Settings& settings, LogSink sink);

// Looks through a data folder that no server uses, changes nothing, prints what it found; the
// number of faults. Code::Usage or Code::Io when the folder cannot be read, or is in use.
Result<uint64_t> verifyData(const std::string& folder);

// Asks a running server's /health/ready. Ok when it is ready.
Status askHealth(const Settings& settings);

} // namespace fluxion
