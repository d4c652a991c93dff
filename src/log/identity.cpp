#include "log/identity.h"

#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/random.h"

namespace fluxion {

namespace {

const std::string kIdentityName = "identity";
const std::string kClosedName = "closed";
constexpr uint64_t kIdentityMagic = 0x54444958554c46ull; // "FLUXIDT"
constexpr uint64_t kClosedMagic = 0x534c4358554c46ull;   // "FLUXCLS"
constexpr uint64_t kMaxBytes = 4096;

void sealWithCrc(std::string& bytes)
{
    ByteWriter(bytes).u32(crc32c(bytes));
}

// The content without its CRC, nothing if the file is absent.
Result<std::optional<std::string>> readSealed(Directory& directory, const std::string& name)
{
    auto there = directory.exists(name);
    if (!there)
        return there.error();
    if (!there.value())
        return std::optional<std::string>();
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    auto bytes = readWhole(*file.value(), kMaxBytes);
    if (!bytes)
        return bytes.error();
    std::string& content = bytes.value();
    uint32_t crc = 0;
    if (content.size() >= sizeof crc) {
        std::memcpy(&crc, content.data() + content.size() - sizeof crc, sizeof crc);
        content.resize(content.size() - sizeof crc);
        if (crc32c(content) == crc)
            return std::optional<std::string>(std::move(content));
    }
    return {Code::Damaged, file.value()->path() + ": damaged at offset 0: checksum does not match"};
}

Error unreadable(Directory& directory, const std::string& name)
{
    return {Code::Damaged, directory.path() + "/" + name + ": damaged at offset 0: unknown layout"};
}

HistoryId takeHistory(ByteReader& in)
{
    HistoryId id{};
    const std::string_view bytes = in.raw(id.size());
    if (in.ok())
        std::memcpy(id.data(), bytes.data(), id.size());
    return id;
}

} // namespace

HistoryId newHistoryId()
{
    HistoryId id;
    randomBytes(id.data(), id.size());
    return id;
}

std::string toText(const HistoryId& id)
{
    return toHex(std::string_view(id.data(), id.size()));
}

Result<std::optional<Identity>> readIdentity(Directory& directory)
{
    auto bytes = readSealed(directory, kIdentityName);
    if (!bytes)
        return bytes.error();
    if (!bytes.value())
        return std::optional<Identity>();
    ByteReader in(*bytes.value());
    const uint64_t magic = in.u64();
    const uint32_t format = in.u32();
    Identity identity;
    identity.history = takeHistory(in);
    identity.startSeq = in.u64();
    identity.lax = in.u8() != 0;
    if (!in.ok() || !in.atEnd() || magic != kIdentityMagic || format != kFormatVersion)
        return unreadable(directory, kIdentityName);
    return std::optional<Identity>(identity);
}

Status writeIdentity(Directory& directory, const Identity& identity)
{
    std::string bytes;
    ByteWriter out(bytes);
    out.u64(kIdentityMagic);
    out.u32(kFormatVersion);
    out.raw(identity.history.data(), identity.history.size());
    out.u64(identity.startSeq);
    out.u8(identity.lax ? 1 : 0);
    sealWithCrc(bytes);
    return replaceFile(directory, kIdentityName, bytes);
}

Result<std::optional<ClosedMark>> readClosedMark(Directory& directory)
{
    auto bytes = readSealed(directory, kClosedName);
    if (!bytes)
        return bytes.error();
    if (!bytes.value())
        return std::optional<ClosedMark>();
    ByteReader in(*bytes.value());
    const uint64_t magic = in.u64();
    ClosedMark mark;
    mark.history = takeHistory(in);
    mark.lastSeq = in.u64();
    if (!in.ok() || !in.atEnd() || magic != kClosedMagic)
        return unreadable(directory, kClosedName);
    return std::optional<ClosedMark>(mark);
}

Status writeClosedMark(Directory& directory, const ClosedMark& mark)
{
    std::string bytes;
    ByteWriter out(bytes);
    out.u64(kClosedMagic);
    out.raw(mark.history.data(), mark.history.size());
    out.u64(mark.lastSeq);
    sealWithCrc(bytes);
    return replaceFile(directory, kClosedName, bytes);
}

Status removeClosedMark(Directory& directory)
{
    auto there = directory.exists(kClosedName);
    if (!there)
        return there.error();
    if (!there.value())
        return {};
    if (Status status = directory.remove(kClosedName); !status)
        return status;
    return directory.sync();
}

} // namespace fluxion
