#include "io/plain_file.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace fluxion {

namespace {

constexpr mode_t kFileMode = 0600;
constexpr size_t kReadBytes = size_t(256) * 1024;

// Repeats a system call that a signal interrupted.
template <class Call> auto retried(Call call)
{
    auto result = call();
    while (result == -1 && errno == EINTR)
        result = call();
    return result;
}

Status writeAll(int fd, std::string_view bytes, const std::string& path)
{
    while (!bytes.empty()) {
        const ssize_t n = retried([&] { return ::write(fd, bytes.data(), bytes.size()); });
        if (n < 0)
            return systemError(errno, "write", path);
        bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
}

} // namespace

Result<std::string> readPlainFile(const std::string& path, size_t maxBytes)
{
    const Descriptor fd(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
    if (!fd.valid())
        return systemError(errno, "open", path);
    std::string out(maxBytes + 1, '\0');
    size_t size = 0;
    while (size < out.size()) {
        const ssize_t n =
            retried([&] { return ::read(fd.get(), out.data() + size, out.size() - size); });
        if (n < 0)
            return systemError(errno, "read", path);
        if (n == 0)
            break;
        size += static_cast<size_t>(n);
    }
    if (size > maxBytes)
        return {Code::TooLarge, path + " has more than " + std::to_string(maxBytes) + " bytes"};
    out.resize(size);
    return out;
}

Status replacePlainFile(const std::string& path, std::string_view bytes, bool sync)
{
    const std::string made = path + ".new";
    {
        const Descriptor fd(retried([&] {
            return ::open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
        }));
        if (!fd.valid())
            return systemError(errno, "create", made);
        if (Status status = writeAll(fd.get(), bytes, made); !status)
            return status;
        if (sync && ::fdatasync(fd.get()) != 0)
            return systemError(errno, "sync", made);
    }
    return renamePath(made, path);
}

Result<AppendFile> AppendFile::open(const std::string& path, uint64_t keptBytes)
{
    Descriptor fd(
        retried([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kFileMode); }));
    if (!fd.valid())
        return systemError(errno, "create", path);
    const off_t size = ::lseek(fd.get(), 0, SEEK_END);
    if (size < 0)
        return systemError(errno, "read", path);
    if (static_cast<uint64_t>(size) < keptBytes)
        return {Code::Io, path + " is shorter than it was"};
    const auto kept = static_cast<off_t>(keptBytes);
    if (retried([&] { return ::ftruncate(fd.get(), kept); }) != 0 ||
        ::lseek(fd.get(), kept, SEEK_SET) < 0)
        return systemError(errno, "write", path);
    return AppendFile(std::move(fd), path, keptBytes);
}

Status AppendFile::append(std::string_view bytes)
{
    m_buffer.append(bytes);
    return m_buffer.size() < kBufferBytes ? Status() : flush();
}

Status AppendFile::flush()
{
    if (Status status = writeAll(m_fd.get(), m_buffer, m_path); !status)
        return status;
    m_written += m_buffer.size();
    m_buffer.clear();
    return {};
}

Result<LineFile> LineFile::open(const std::string& path, uint64_t offset, size_t maxLineBytes)
{
    Descriptor fd(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
    if (!fd.valid())
        return systemError(errno, "open", path);
    return LineFile(std::move(fd), path, offset, maxLineBytes);
}

Result<bool> LineFile::readMore()
{
    m_buffer.erase(0, m_taken);
    m_scanned -= m_taken;
    m_taken = 0;
    const size_t size = m_buffer.size();
    m_buffer.resize(size + kReadBytes);
    const ssize_t n = retried([&] {
        return ::pread(m_fd.get(), m_buffer.data() + size, kReadBytes,
                       static_cast<off_t>(m_readAt));
    });
    m_buffer.resize(size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0)
        return systemError(errno, "read", m_path);
    m_readAt += static_cast<uint64_t>(n);
    return n > 0;
}

Result<bool> LineFile::next(std::string_view& line)
{
    for (;;) {
        const size_t end = m_buffer.find('\n', m_scanned);
        const bool whole = end != std::string::npos;
        if (whole || m_atEnd) {
            const size_t to = whole ? end : m_buffer.size();
            line = std::string_view(m_buffer).substr(m_taken, to - m_taken);
            m_taken = m_scanned = whole ? end + 1 : to;
            m_offset += line.size() + (whole ? 1 : 0);
            return whole || !line.empty();
        }
        m_scanned = m_buffer.size();
        if (m_buffer.size() - m_taken > m_maxLineBytes)
            return {Code::TooLarge,
                    "a line of more than " + std::to_string(m_maxLineBytes >> 20U) + " MiB"};
        const auto more = readMore();
        if (!more)
            return more.error();
        m_atEnd = !more.value();
    }
}

} // namespace fluxion
