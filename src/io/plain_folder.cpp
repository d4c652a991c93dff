#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/plain_file.h"

namespace fluxion {

namespace {

constexpr mode_t kFolderMode = 0700;
constexpr int64_t kNsPerS = 1000000000;

PathKind kindOf(mode_t mode)
{
    if (S_ISREG(mode))
        return PathKind::File;
    return S_ISDIR(mode) ? PathKind::Folder : PathKind::Other;
}

} // namespace

Result<PathKind> kindOfPath(const std::string& path)
{
    struct stat s {};
    if (::stat(path.c_str(), &s) == 0)
        return kindOf(s.st_mode);
    if (errno == ENOENT)
        return PathKind::None;
    return systemError(errno, "look at", path);
}

Result<std::vector<FolderEntry>> listFolder(const std::string& path)
{
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), ::closedir);
    if (!stream)
        return systemError(errno, "list", path);
    std::vector<FolderEntry> out;
    for (;;) {
        errno = 0;
        const dirent* const found = ::readdir(stream.get());
        if (!found && errno != 0)
            return systemError(errno, "list", path);
        if (!found)
            break;
        FolderEntry entry;
        entry.name = found->d_name;
        if (entry.name == "." || entry.name == "..")
            continue;
        struct stat s {};
        if (::fstatat(::dirfd(stream.get()), found->d_name, &s, 0) != 0) {
            if (errno == ENOENT) // gone since, or a link to nothing
                continue;
            return systemError(errno, "look at", path + "/" + entry.name);
        }
        entry.kind = kindOf(s.st_mode);
        entry.bytes = static_cast<uint64_t>(s.st_size);
        entry.changedNs = int64_t{s.st_mtim.tv_sec} * kNsPerS + s.st_mtim.tv_nsec;
        out.push_back(std::move(entry));
    }
    std::ranges::sort(out, {}, &FolderEntry::name);
    return out;
}

Status makeFolder(const std::string& path)
{
    if (::mkdir(path.c_str(), kFolderMode) == 0 || errno == EEXIST)
        return {};
    return systemError(errno, "create", path);
}

Status removeFolder(const std::string& path)
{
    return ::rmdir(path.c_str()) == 0 ? Status() : Status(systemError(errno, "remove", path));
}

Status removePath(const std::string& path)
{
    if (::unlink(path.c_str()) == 0 || errno == ENOENT)
        return {};
    return systemError(errno, "remove", path);
}

Status renamePath(const std::string& from, const std::string& to)
{
    return ::rename(from.c_str(), to.c_str()) == 0 ? Status()
                                                   : Status(systemError(errno, "rename", from));
}

Status syncFileSystemOf(const std::string& path)
{
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid())
        return systemError(errno, "open", path);
    return ::syncfs(fd.get()) == 0 ? Status() : Status(systemError(errno, "sync", path));
}

Result<Descriptor> lockFolder(const std::string& path)
{
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid())
        return systemError(errno, "open", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (errno == EWOULDBLOCK)
        return {Code::Usage, path + " is in use by another export or import"};
    return systemError(errno, "lock", path);
}

} // namespace fluxion
