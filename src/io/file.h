#pragma once

// The one door to the disk. Everything that is stored goes through these two interfaces, so that a
// simulated disk (io/sim) can crash, tear and fail at every step. Nothing else in Fluxion opens,
// writes or syncs a file (exceptions: SQLite's own files, TLS keys, the configuration file).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fluxion {

enum class OpenMode {
    Read,          // must exist
    Write,         // must exist, read and write
    WriteDurable,  // must exist; every writeAt() is on the medium when it returns (O_DSYNC)
    Create,        // must not exist, read and write
    CreateDurable, // must not exist, as WriteDurable
};

// One open file; closed by its destructor. Used by one thread at a time.
class File {
  public:
    virtual ~File() = default;

    // Up to `size` bytes at `offset` into `out`; fewer only at the end of the file.
    virtual Result<size_t> readAt(uint64_t offset, char* out, size_t size) = 0;

    // Writes some of the bytes, at least one, and tells how many: as pwrite() does. Callers want
    // writeFully(). Code::StorageFull when there is no room, Code::Io otherwise.
    virtual Result<size_t> writeSome(uint64_t offset, std::string_view bytes) = 0;

    // Has the system write those bytes to the medium now instead of later; and waits for what was
    // begun so. A sync() has less to do then, and other files' syncs wait less behind it. They
    // promise nothing, and cannot fail.
    virtual void startWriteBack(uint64_t /*offset*/, uint64_t /*size*/) {}
    virtual void awaitWriteBack(uint64_t /*offset*/, uint64_t /*size*/) {}

    // Everything written before the call is on the medium when it returns ok (fdatasync). After a
    // failure nothing is known about any byte written since the last success; never retry.
    virtual Status sync() = 0;

    virtual Result<uint64_t> size() = 0;

    // The name it was opened under, with its folder: for messages.
    virtual const std::string& path() const = 0;
};

// One folder. Names are plain: no slash, not "." or "..". Used from any thread.
class Directory {
  public:
    virtual ~Directory() = default;

    virtual Result<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) = 0;
    // Plain files, sorted by name.
    virtual Result<std::vector<std::string>> list() = 0;
    virtual Result<bool> exists(const std::string& name) = 0;
    // Atomic; replaces `to`. Lasting only after sync().
    virtual Status rename(const std::string& from, const std::string& to) = 0;
    virtual Status remove(const std::string& name) = 0;
    // Creations, renames and removals before the call are lasting when it returns ok.
    virtual Status sync() = 0;
    virtual const std::string& path() const = 0;
};

// Writes all of `bytes`: a short write is continued, an error ends it.
Status writeFully(File& file, uint64_t offset, std::string_view bytes);

// The whole file; Code::TooLarge above `maxBytes`.
Result<std::string> readWhole(File& file, uint64_t maxBytes);

// Replaces `name` by `bytes` so that after a crash either the old or the new content is there:
// temporary file, sync, rename, folder sync.
Status replaceFile(Directory& directory, const std::string& name, std::string_view bytes);

} // namespace fluxion
