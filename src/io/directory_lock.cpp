#include "io/directory_lock.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace fluxion {

static std::string holderOf(int fd)
{
    char text[32] = {};
    const ssize_t n = ::pread(fd, text, sizeof text - 1, 0);
    const long pid = n > 0 ? std::strtol(text, nullptr, 10) : 0;
    return pid > 0 ? "process " + std::to_string(pid) : std::string("another process");
}

Result<DirectoryLock> lockDirectory(const std::string& path)
{
    // An old lock file opens even where no file can be created any more.
    if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        return systemError(errno, "write to folder", path);
    const std::string lockPath = path + "/" + kLockFileName;
    Descriptor fd(::open(lockPath.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid())
        return systemError(errno, "open", lockPath);

    int locked = ::flock(fd.get(), LOCK_EX | LOCK_NB);
    while (locked != 0 && errno == EINTR)
        locked = ::flock(fd.get(), LOCK_EX | LOCK_NB);
    if (locked != 0 && errno == EWOULDBLOCK)
        return {Code::Usage, "the data folder " + path + " is in use by " + holderOf(fd.get())};
    if (locked != 0)
        return systemError(errno, "lock", lockPath);

    // The text only serves the message above: on a full disk it is missing, the lock holds.
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd.get(), 0) != 0)
        return systemError(errno, "write", lockPath);
    if (::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
        const Error error = systemError(errno, "write", lockPath);
        if (error.code != Code::StorageFull)
            return error;
    }
    return DirectoryLock(std::move(fd));
}

} // namespace fluxion
