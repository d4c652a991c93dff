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

// As flock(); true: got it, false: another has it.
static Result<bool> tryLock(int fd, int kind, const std::string& lockPath)
{
    int locked = ::flock(fd, kind | LOCK_NB);
    while (locked != 0 && errno == EINTR)
        locked = ::flock(fd, kind | LOCK_NB);
    if (locked != 0 && errno != EWOULDBLOCK)
        return systemError(errno, "lock", lockPath);
    return locked == 0;
}

static Error inUse(const std::string& path, const std::string& by)
{
    return {Code::Usage, "the data folder " + path + " is in use by " + by};
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

    const auto locked = tryLock(fd.get(), LOCK_EX, lockPath);
    if (!locked)
        return locked.error();
    if (!locked.value()) {
        // A reader leaves the text of the last server in the file.
        const auto shared = tryLock(fd.get(), LOCK_SH, lockPath);
        const bool reader = shared && shared.value();
        return inUse(path, reader ? "fluxion verify" : holderOf(fd.get()));
    }

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

Result<DirectoryLock> lockDirectoryShared(const std::string& path)
{
    const std::string lockPath = path + "/" + kLockFileName;
    Descriptor fd(::open(lockPath.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid() && errno == ENOENT)
        return DirectoryLock(Descriptor());
    if (!fd.valid())
        return systemError(errno, "open", lockPath);
    const auto locked = tryLock(fd.get(), LOCK_SH, lockPath);
    if (!locked)
        return locked.error();
    if (!locked.value())
        return inUse(path, holderOf(fd.get()));
    return DirectoryLock(std::move(fd));
}

} // namespace fluxion
