#include "io/file.h"

namespace fluxion {

Status writeFully(File& file, uint64_t offset, std::string_view bytes)
{
    while (!bytes.empty()) {
        const Result<size_t> written = file.writeSome(offset, bytes);
        if (!written.ok())
            return written.error();
        const size_t n = written.value();
        if (n == 0 || n > bytes.size())
            return {Code::Io, "cannot write " + file.path() + ": no progress at offset " +
                                  std::to_string(offset)};
        offset += n;
        bytes.remove_prefix(n);
    }
    return {};
}

Result<std::string> readWhole(File& file, uint64_t maxBytes)
{
    const Result<uint64_t> size = file.size();
    if (!size.ok())
        return size.error();
    if (size.value() > maxBytes)
        return {Code::TooLarge, file.path() + " has " + std::to_string(size.value()) +
                                    " bytes, the limit is " + std::to_string(maxBytes)};
    std::string bytes(size.value(), '\0');
    const Result<size_t> got = file.readAt(0, bytes.data(), bytes.size());
    if (!got.ok())
        return got.error();
    bytes.resize(got.value());
    return bytes;
}

static Status writeNewFile(Directory& directory, const std::string& name, std::string_view bytes)
{
    Result<std::unique_ptr<File>> file = directory.open(name, OpenMode::Create);
    if (!file.ok())
        return file.status();
    if (Status s = writeFully(*file.value(), 0, bytes); !s)
        return s;
    return file.value()->sync();
}

Status replaceFile(Directory& directory, const std::string& name, std::string_view bytes)
{
    const std::string temporary = name + ".tmp";
    // A crash may have left one.
    const Result<bool> left = directory.exists(temporary);
    if (!left.ok())
        return left.status();
    if (left.value()) {
        if (Status s = directory.remove(temporary); !s)
            return s;
    }

    Status done = writeNewFile(directory, temporary, bytes);
    if (done)
        done = directory.rename(temporary, name);
    if (!done) {
        // The first error is the one to tell; should this fail too, the next call clears up.
        const Result<bool> there = directory.exists(temporary);
        if (there.ok() && there.value())
            (void)directory.remove(temporary).ok();
        return done;
    }
    return directory.sync();
}

} // namespace fluxion
