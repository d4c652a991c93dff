#pragma once

// A file descriptor with an owner, and the system's errors as ours. Inside io/ only.

#include <string>

#include "base/result.h"

namespace fluxion {

// Closes what it holds. Errors of close() are not looked at: what must last was synced before.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) : m_fd(fd) {}
    Descriptor(Descriptor&& other) noexcept : m_fd(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    int get() const { return m_fd; }
    bool valid() const { return m_fd >= 0; }
    // Gives up ownership.
    int release()
    {
        const int fd = m_fd;
        m_fd = -1;
        return fd;
    }

  private:
    int m_fd = -1;
};

// "cannot <action> <path>: <the system's words>". Code::StorageFull for ENOSPC, EDQUOT and EFBIG,
// Code::Io for all else.
Error systemError(int error, std::string_view action, std::string_view path);

} // namespace fluxion
