#pragma once

// Directory and File of the operating system.
//
// The process must ignore SIGXFSZ: then a file-size limit is Code::StorageFull, not its end.

#include <memory>
#include <string>

#include "io/file.h"

namespace fluxion {

inline constexpr unsigned kDataFolderMode = 0700; // as mkdir()
inline constexpr unsigned kDataFileMode = 0600;   // as open()

// Opens the folder `path`. With `create`, makes it if it is missing (its parent must exist), with
// `mode`, and syncs the parent so that it lasts. Files are created with kDataFileMode. Symbolic
// links are not followed for names inside it, and only plain files can be opened. Files may outlive
// the Directory. Code::StorageFull or Code::Io, with path and the system's words.
Result<std::unique_ptr<Directory>> openDirectory(const std::string& path, bool create = true,
                                                 unsigned mode = kDataFolderMode);

} // namespace fluxion
