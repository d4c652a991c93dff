#pragma once

// Files and folders that are no data of ours: what is exported and imported. Paths are the user's,
// symbolic links are followed. One thread at a time; errors as in io/descriptor.h.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/descriptor.h"

namespace fluxion {

enum class PathKind : unsigned char { None, File, Folder, Other };

// What stands there. Code::Io where that cannot be seen.
Result<PathKind> kindOfPath(const std::string& path);

struct FolderEntry {
    std::string name;
    PathKind kind = PathKind::Other;
    uint64_t bytes = 0;
    int64_t changedNs = 0; // since 1970
};
// Sorted by name, without "." and "..".
Result<std::vector<FolderEntry>> listFolder(const std::string& path);

// Makes a folder that only its owner sees, if there is none.
Status makeFolder(const std::string& path);
Status removeFolder(const std::string& path); // an empty one
Status removePath(const std::string& path);   // a file, if it is there
Status renamePath(const std::string& from, const std::string& to);
// Everything written to the file system that `path` is on is on the medium when it returns ok.
Status syncFileSystemOf(const std::string& path);

// Another process that wants the same lock is told Code::Usage. Held until it is destroyed.
Result<Descriptor> lockFolder(const std::string& path);

// A small file as a whole: read; replaced, so that a reader finds the old or the new content.
Result<std::string> readPlainFile(const std::string& path, size_t maxBytes);
Status replacePlainFile(const std::string& path, std::string_view bytes, bool sync);

// Appends to a file, through a buffer.
class AppendFile {
  public:
    // Makes it, for its owner only, or keeps its first bytes. Code::Io if it has fewer.
    static Result<AppendFile> open(const std::string& path, uint64_t keptBytes);

    Status append(std::string_view bytes);
    // All that was appended is in the file.
    Status flush();
    uint64_t size() const { return m_written + m_buffer.size(); }
    const std::string& path() const { return m_path; }

  private:
    AppendFile(Descriptor fd, std::string path, uint64_t size)
        : m_fd(std::move(fd)), m_path(std::move(path)), m_written(size)
    {
    }
    static constexpr size_t kBufferBytes = 256 * 1024;

    Descriptor m_fd;
    std::string m_path;
    uint64_t m_written = 0;
    std::string m_buffer;
};

// Reads a file line by line.
class LineFile {
  public:
    // From an offset on. One line has at most `maxLineBytes`.
    static Result<LineFile> open(const std::string& path, uint64_t offset, size_t maxLineBytes);

    // False at the end. The line, without its end, lasts until the next call. Code::TooLarge.
    Result<bool> next(std::string_view& line);
    // Where the next line begins.
    uint64_t offset() const { return m_offset; }

  private:
    LineFile(Descriptor fd, std::string path, uint64_t offset, size_t maxLineBytes)
        : m_fd(std::move(fd)), m_path(std::move(path)), m_offset(offset), m_readAt(offset),
          m_maxLineBytes(maxLineBytes)
    {
    }
    Result<bool> readMore();

    Descriptor m_fd;
    std::string m_path;
    uint64_t m_offset;
    uint64_t m_readAt;
    size_t m_maxLineBytes;
    std::string m_buffer;
    size_t m_taken = 0;   // of the buffer
    size_t m_scanned = 0; // of the buffer: no line end before it
    bool m_atEnd = false;
};

} // namespace fluxion
