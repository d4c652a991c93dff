#include "log/identity.h"

#include <cstring>

#include "base/bytes.h"
#include "base/random.h"
#include "log/sealed_file.h"

namespace fluxion {

namespace {

constexpr uint64_t kIdentityMagic = 0x54444958554c46ull; // "FLUXIDT"
constexpr uint64_t kClosedMagic = 0x534c4358554c46ull;   // "FLUXCLS"

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
    auto bytes = readSealedFile(directory, kIdentityName);
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
    return writeSealedFile(directory, kIdentityName, bytes);
}

Result<std::optional<ClosedMark>> readClosedMark(Directory& directory)
{
    auto bytes = readSealedFile(directory, kClosedName);
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
    return writeSealedFile(directory, kClosedName, bytes);
}

Status removeClosedMark(Directory& directory)
{
    return removeLastingly(directory, kClosedName);
}

} // namespace fluxion
