#include "io/posix.h"

#include <algorithm>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/descriptor.h"
#include "io/name.h"

namespace fluxion {

namespace {

// Repeats a system call that a signal interrupted.
template <class Call> auto retried(Call call)
{
    auto result = call();
    while (result == -1 && errno == EINTR)
        result = call();
    return result;
}

int flagsOf(OpenMode mode)
{
    switch (mode) {
    case OpenMode::Read:
        return O_RDONLY;
    case OpenMode::Write:
        return O_RDWR;
    case OpenMode::WriteDurable:
        return O_RDWR | O_DSYNC;
    case OpenMode::Create:
        return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::CreateDurable:
        return O_RDWR | O_CREAT | O_EXCL | O_DSYNC;
    }
    return O_RDONLY;
}

bool creates(OpenMode mode)
{
    return mode == OpenMode::Create || mode == OpenMode::CreateDurable;
}

class PosixFile : public File {
  public:
    PosixFile(Descriptor fd, std::string path) : m_fd(std::move(fd)), m_path(std::move(path)) {}

    Result<size_t> readAt(uint64_t offset, char* out, size_t size) override
    {
        size_t done = 0;
        while (done < size) {
            const ssize_t n = retried([&] {
                return ::pread(m_fd.get(), out + done, size - done,
                               static_cast<off_t>(offset + done));
            });
            if (n < 0)
                return systemError(errno, "read", m_path);
            if (n == 0)
                break;
            done += static_cast<size_t>(n);
        }
        return done;
    }

    Result<size_t> writeSome(uint64_t offset, std::string_view bytes) override
    {
        const ssize_t n = retried([&] {
            return ::pwrite(m_fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        });
        if (n < 0)
            return systemError(errno, "write", m_path);
        return static_cast<size_t>(n);
    }

    // A failure is the sync's to tell.
    void startWriteBack(uint64_t offset, uint64_t size) override
    {
        (void)::sync_file_range(m_fd.get(), static_cast<off_t>(offset), static_cast<off_t>(size),
                                SYNC_FILE_RANGE_WRITE);
    }
    void awaitWriteBack(uint64_t offset, uint64_t size) override
    {
        if (size > 0) // to the system 0 means all
            (void)::sync_file_range(m_fd.get(), static_cast<off_t>(offset),
                                    static_cast<off_t>(size), SYNC_FILE_RANGE_WAIT_BEFORE);
    }

    Status sync() override
    {
        // Not repeated, not even after EINTR: see File::sync().
        if (::fdatasync(m_fd.get()) != 0)
            return systemError(errno, "sync", m_path);
        return {};
    }

    Result<uint64_t> size() override
    {
        struct stat s {};
        if (::fstat(m_fd.get(), &s) != 0)
            return systemError(errno, "stat", m_path);
        return static_cast<uint64_t>(s.st_size);
    }

    const std::string& path() const override { return m_path; }

  private:
    const Descriptor m_fd;
    const std::string m_path;
};

class PosixDirectory : public Directory {
  public:
    PosixDirectory(Descriptor fd, std::string path) : m_fd(std::move(fd)), m_path(std::move(path))
    {
    }

    Result<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) override;
    Result<std::vector<std::string>> list() override;
    Result<bool> exists(const std::string& name) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove(const std::string& name) override;
    Status sync() override;
    const std::string& path() const override { return m_path; }

  private:
    std::string pathOf(const std::string& name) const { return m_path + "/" + name; }

    const Descriptor m_fd;
    const std::string m_path;
};

Status checkName(const std::string& name, const std::string& folder)
{
    if (isPlainName(name))
        return {};
    return {Code::Io, "not a plain file name in " + folder + ": '" + name + "'"};
}

Result<std::unique_ptr<File>> PosixDirectory::open(const std::string& name, OpenMode mode)
{
    if (Status s = checkName(name, m_path); !s)
        return s.error();
    // O_NONBLOCK: a pipe under one of our names must not hang the start; plain files ignore it.
    const int flags = flagsOf(mode) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    Descriptor fd(
        retried([&] { return ::openat(m_fd.get(), name.c_str(), flags, kDataFileMode); }));
    if (!fd.valid())
        return systemError(errno, creates(mode) ? "create" : "open", pathOf(name));
    struct stat s {};
    if (::fstat(fd.get(), &s) != 0)
        return systemError(errno, "stat", pathOf(name));
    if (!S_ISREG(s.st_mode))
        return {Code::Io, "cannot open " + pathOf(name) + ": not a plain file"};
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), pathOf(name)));
}

bool isPlainFile(int folder, const dirent& entry)
{
    if (entry.d_type != DT_UNKNOWN)
        return entry.d_type == DT_REG;
    struct stat s {};
    return ::fstatat(folder, entry.d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode);
}

Result<std::vector<std::string>> PosixDirectory::list()
{
    // A descriptor of its own: the read position belongs to the descriptor, and threads share m_fd.
    Descriptor own(
        retried([&] { return ::openat(m_fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!own.valid())
        return systemError(errno, "list", m_path);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), ::closedir);
    if (!stream)
        return systemError(errno, "list", m_path);
    own.release();

    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (!entry)
            break;
        if (isPlainFile(m_fd.get(), *entry))
            names.emplace_back(entry->d_name);
    }
    if (errno != 0)
        return systemError(errno, "list", m_path);
    std::sort(names.begin(), names.end());
    return names;
}

Result<bool> PosixDirectory::exists(const std::string& name)
{
    if (Status s = checkName(name, m_path); !s)
        return s.error();
    struct stat s {};
    if (::fstatat(m_fd.get(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    if (errno == ENOENT)
        return false;
    return systemError(errno, "stat", pathOf(name));
}

Status PosixDirectory::rename(const std::string& from, const std::string& to)
{
    if (Status s = checkName(from, m_path); !s)
        return s;
    if (Status s = checkName(to, m_path); !s)
        return s;
    if (::renameat(m_fd.get(), from.c_str(), m_fd.get(), to.c_str()) != 0)
        return systemError(errno, "rename", pathOf(from) + " to " + to);
    return {};
}

Status PosixDirectory::remove(const std::string& name)
{
    if (Status s = checkName(name, m_path); !s)
        return s;
    if (::unlinkat(m_fd.get(), name.c_str(), 0) != 0)
        return systemError(errno, "remove", pathOf(name));
    return {};
}

Status PosixDirectory::sync()
{
    if (::fsync(m_fd.get()) != 0)
        return systemError(errno, "sync", m_path);
    return {};
}

Descriptor openFolder(const std::string& path)
{
    return Descriptor(
        retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
}

std::string withoutTrailingSlashes(std::string path)
{
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    return path;
}

// Of a path without trailing slashes.
std::string parentOf(const std::string& path)
{
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos)
        return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Status makeFolder(const std::string& path, unsigned mode)
{
    const std::string parent = parentOf(path);
    if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) != 0) {
        const int error = errno;
        if (error == EEXIST)
            return {};
        Error refused = systemError(error, "create folder", path);
        if (error == ENOENT)
            refused.text = "cannot create folder " + path + ": there is no folder " + parent;
        return refused;
    }
    const Descriptor fd = openFolder(parent);
    if (!fd.valid())
        return systemError(errno, "open folder", parent);
    if (::fsync(fd.get()) != 0)
        return systemError(errno, "sync", parent);
    return {};
}

} // namespace

Result<std::unique_ptr<Directory>> openDirectory(const std::string& path, bool create,
                                                 unsigned mode)
{
    const std::string plain = withoutTrailingSlashes(path);
    Descriptor fd = openFolder(plain);
    if (!fd.valid() && errno == ENOENT && create) {
        if (Status s = makeFolder(plain, mode); !s)
            return s.error();
        fd = openFolder(plain);
    }
    if (!fd.valid())
        return systemError(errno, "open folder", plain);
    return std::unique_ptr<Directory>(std::make_unique<PosixDirectory>(std::move(fd), plain));
}

} // namespace fluxion
