#include "log/batch.h"

#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/release.h"

namespace fluxion {

namespace {

constexpr size_t kKeptBytes = 4 * 1024 * 1024; // room kept between batches
constexpr size_t kCrcEnd = 8;                  // magic and CRC themselves are not summed

uint64_t aligned(uint64_t bytes)
{
    return (bytes + kBatchAlignment - 1) & ~uint64_t{kBatchAlignment - 1};
}

// Reads one entry's header and payload off `in`; false when it is not whole.
bool takeEntry(ByteReader& in, Entry& entry)
{
    entry.type = in.u16();
    entry.flags = in.u16();
    entry.tenant = in.u32();
    entry.actor = in.u32();
    const uint32_t length = in.u32();
    entry.timeUs = in.i64();
    entry.payload = in.raw(length);
    return in.ok();
}

} // namespace

void BatchBuilder::add(const Entry& entry)
{
    ByteWriter out(m_bytes);
    out.u16(entry.type);
    out.u16(entry.flags);
    out.u32(entry.tenant);
    out.u32(entry.actor);
    out.u32(static_cast<uint32_t>(entry.payload.size()));
    out.i64(entry.timeUs);
    out.raw(entry.payload);
    ++m_count;
}

uint64_t BatchBuilder::bytes() const
{
    return aligned(m_bytes.size());
}

void BatchBuilder::seal(uint64_t firstSeq, uint32_t origin, uint64_t proposal)
{
    m_entryBytes = m_bytes.size() - kBatchHeaderBytes;
    m_view = {0, firstSeq, m_count, origin, proposal, {}, bytes()};
}

BatchView BatchBuilder::view() const
{
    BatchView view = m_view;
    view.entries = std::string_view(m_bytes).substr(kBatchHeaderBytes, m_entryBytes);
    return view;
}

std::string_view BatchBuilder::finish(uint64_t epoch, uint64_t firstSeq, uint32_t origin,
                                      uint64_t proposal)
{
    std::string header;
    header.reserve(kBatchHeaderBytes);
    ByteWriter out(header);
    out.u32(kBatchMagic);
    out.u32(0);
    out.u64(epoch);
    out.u64(firstSeq);
    out.u32(m_count);
    m_entryBytes = m_bytes.size() - kBatchHeaderBytes;
    out.u32(static_cast<uint32_t>(m_entryBytes));
    out.u32(origin);
    out.u32(0);
    out.u64(proposal);
    std::memcpy(m_bytes.data(), header.data(), kBatchHeaderBytes);
    m_bytes.resize(aligned(m_bytes.size()), '\0');
    const uint32_t crc = crc32c(std::string_view(m_bytes).substr(kCrcEnd));
    std::memcpy(m_bytes.data() + 4, &crc, sizeof crc);
    m_view = {epoch, firstSeq, m_count, origin, proposal, {}, m_bytes.size()};
    return m_bytes;
}

void BatchBuilder::clear()
{
    if (m_bytes.capacity() > kKeptBytes)
        release(m_bytes);
    m_bytes.assign(kBatchHeaderBytes, '\0');
    m_count = 0;
}

uint64_t BatchBuilder::bytesWith(uint64_t payloadBytes) const
{
    return aligned(m_bytes.size() + kEntryHeaderBytes + payloadBytes);
}

std::optional<BatchView> readBatch(std::string_view bytes, uint64_t epoch)
{
    if (bytes.size() < kBatchHeaderBytes)
        return std::nullopt;
    ByteReader in(bytes.substr(0, kBatchHeaderBytes));
    const uint32_t magic = in.u32();
    const uint32_t crc = in.u32();
    BatchView batch;
    batch.epoch = in.u64();
    batch.firstSeq = in.u64();
    batch.count = in.u32();
    const uint32_t length = in.u32();
    batch.origin = in.u32();
    in.u32();
    batch.proposal = in.u64();
    batch.bytes = aligned(uint64_t{kBatchHeaderBytes} + length);
    if (magic != kBatchMagic || batch.epoch != epoch || batch.count == 0 ||
        batch.bytes > bytes.size())
        return std::nullopt;
    if (crc32c(bytes.substr(kCrcEnd, batch.bytes - kCrcEnd)) != crc)
        return std::nullopt;
    batch.entries = bytes.substr(kBatchHeaderBytes, length);
    ByteReader entries(batch.entries);
    Entry entry;
    for (uint32_t i = 0; i < batch.count; ++i) {
        if (!takeEntry(entries, entry))
            return std::nullopt;
    }
    if (!entries.atEnd())
        return std::nullopt;
    return batch;
}

uint64_t claimedBatchBytes(std::string_view bytes, uint64_t epoch)
{
    ByteReader in(bytes.substr(0, kBatchHeaderBytes));
    const uint32_t magic = in.u32();
    in.u32();
    const uint64_t found = in.u64();
    in.u64();
    in.u32();
    const uint32_t length = in.u32();
    if (bytes.size() < kBatchHeaderBytes || magic != kBatchMagic || found != epoch)
        return 0;
    return aligned(uint64_t{kBatchHeaderBytes} + length);
}

bool EntryCursor::next(uint64_t& seq, Entry& entry)
{
    if (m_rest.empty())
        return false;
    ByteReader in(m_rest);
    takeEntry(in, entry);
    m_rest.remove_prefix(in.position());
    seq = m_seq++;
    return true;
}

} // namespace fluxion
