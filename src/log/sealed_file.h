#pragma once

// Small files of which all bytes are under one checksum: content, then its CRC-32C. Replaced as a
// whole: after a crash the old or the new one is there.

#include <cstdint>
#include <optional>
#include <string>

#include "io/file.h"

namespace fluxion {

inline constexpr uint64_t kMaxSealedBytes = 4096;

// The content, nothing when the file is not there; Code::Damaged when it fails its check.
Result<std::optional<std::string>> readSealedFile(Directory& directory, const std::string& name);
Status writeSealedFile(Directory& directory, const std::string& name, std::string content);

// Lasting when it returns ok; fine when it was not there.
Status removeLastingly(Directory& directory, const std::string& name);

} // namespace fluxion
