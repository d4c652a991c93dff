#pragma once

// The secret of a data folder, made once: API keys are hashed with it.

#include <optional>
#include <string>

#include "io/file.h"

namespace fluxion {

inline const std::string kInstallationName = "installation";

std::string newInstallationSecret();

// Nothing when there is none; Code::Damaged when it fails its check.
Result<std::optional<std::string>> readInstallationSecret(Directory& directory);

// One that may not last is gone again when this fails: the next start must not find and use it.
Status writeInstallationSecret(Directory& directory, const std::string& secret);

} // namespace fluxion
