#pragma once

// Where servers under measurement keep their data: beside the program, on the disk it was built on.

#include <string>

namespace fluxion::bench {

// Removed with this object. Throws std::runtime_error when it cannot be made, or would be in
// memory.
class ScratchFolder {
  public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    const std::string& path() const { return m_path; }

    // The file system they are on: ext4, xfs, btrfs, overlayfs, tmpfs, or its number.
    static std::string fileSystem();

  private:
    std::string m_path;
};

} // namespace fluxion::bench
