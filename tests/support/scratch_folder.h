#pragma once

// A new empty folder of the real file system, removed with all it holds at the end of the test.

#include <cstdlib>
#include <filesystem>
#include <string>

namespace fluxion {

class ScratchFolder {
  public:
    ScratchFolder()
    {
        std::string name = std::filesystem::temp_directory_path() / "fluxion-test-XXXXXX";
        if (!mkdtemp(name.data()))
            std::abort();
        m_path = name;
    }
    ~ScratchFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    const std::string& path() const { return m_path; }

  private:
    std::string m_path;
};

} // namespace fluxion
