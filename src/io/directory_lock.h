#pragma once

// Keeps a second server out of a data folder.

#include <memory>
#include <string>

#include "base/result.h"
#include "io/descriptor.h"

namespace fluxion {

// Stands in the folder, is listed with its files and is never removed: two starts could otherwise
// lock two different files of that name.
inline constexpr const char* kLockFileName = "lock";

// Holds the lock until it is destroyed, or its process ends in any way. Movable, any thread.
class DirectoryLock {
  public:
    explicit DirectoryLock(Descriptor fd) : m_fd(std::move(fd)) {}

  private:
    Descriptor m_fd;
};

// Locks the folder `path`, which must exist, and writes the process id into the lock file.
// Code::Usage when another holds it, with the folder and, where known, the holder's process id.
// Code::Io when the folder cannot be written to.
Result<DirectoryLock> lockDirectory(const std::string& path);

// Keeps servers out while the folder is read, and changes nothing; several may hold it. A folder
// that never had a server has no lock file: then there is nothing to hold. Code::Usage when a
// server holds it.
Result<DirectoryLock> lockDirectoryShared(const std::string& path);

} // namespace fluxion
