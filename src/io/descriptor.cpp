#include "io/descriptor.h"

#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace fluxion {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept
{
    if (this != &other) {
        if (m_fd >= 0)
            ::close(m_fd);
        m_fd = other.release();
    }
    return *this;
}

Descriptor::~Descriptor()
{
    if (m_fd >= 0)
        ::close(m_fd);
}

Error systemError(int error, std::string_view action, std::string_view path)
{
    const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    std::string text = "cannot ";
    text.append(action).append(" ").append(path).append(": ");
    text.append(std::system_category().message(error));
    return {full ? Code::StorageFull : Code::Io, std::move(text)};
}

} // namespace fluxion
