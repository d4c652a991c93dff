#include "log/segment.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace fluxion {

namespace {

constexpr uint64_t kMaxSegmentBytes = uint64_t{1} << 32;
constexpr uint64_t kZeroFillBytes = 1024 * 1024; // per write

Error damaged(const File& file, uint64_t offset, const std::string& what)
{
    return {Code::Damaged,
            file.path() + ": damaged at offset " + std::to_string(offset) + ": " + what};
}

// Whether a batch header of this epoch stands at the start of `bytes`, whole or torn.
bool looksLikeBatch(std::string_view bytes, uint64_t epoch)
{
    ByteReader in(bytes.substr(0, kBatchHeaderBytes));
    const uint32_t magic = in.u32();
    in.u32();
    const uint64_t found = in.u64();
    return in.ok() && magic == kBatchMagic && found == epoch;
}

uint64_t findCountingBatch(std::string_view bytes, uint64_t from, uint64_t epoch)
{
    for (uint64_t at = from; at + kBatchHeaderBytes <= bytes.size(); at += kBatchAlignment) {
        const std::string_view rest = bytes.substr(at);
        if (looksLikeBatch(rest, epoch) && readBatch(rest, epoch))
            return at;
    }
    return 0;
}

} // namespace

std::string encodeSegmentHeader(const SegmentHeader& header)
{
    std::string bytes;
    ByteWriter out(bytes);
    out.u64(kSegmentMagic);
    out.u32(kFormatVersion);
    out.u32(0);
    out.u64(header.epoch);
    out.raw(header.history.data(), header.history.size());
    out.u64(header.firstSeq);
    out.i64(header.firstTimeUs);
    out.u64(header.segmentBytes);
    out.u32(crc32c(bytes));
    bytes.resize(kSegmentHeaderBytes, '\0');
    return bytes;
}

Result<SegmentHeader> readSegmentHeader(File& file)
{
    std::string bytes(kSegmentHeaderBytes, '\0');
    auto got = file.readAt(0, bytes.data(), bytes.size());
    if (!got)
        return got.error();
    if (got.value() < bytes.size())
        return damaged(file, got.value(), "the segment header is cut short");
    ByteReader in(bytes);
    const uint64_t magic = in.u64();
    const uint32_t format = in.u32();
    in.u32();
    SegmentHeader header;
    header.epoch = in.u64();
    std::memcpy(header.history.data(), in.raw(header.history.size()).data(), header.history.size());
    header.firstSeq = in.u64();
    header.firstTimeUs = in.i64();
    header.segmentBytes = in.u64();
    const uint32_t crc = in.u32();
    if (crc32c(std::string_view(bytes).substr(0, kSegmentHeaderUsed)) != crc ||
        magic != kSegmentMagic)
        return damaged(file, 0, "the segment header's checksum does not match");
    if (std::any_of(bytes.begin() + kSegmentHeaderUsed + 4, bytes.end(), [](char c) { return c; }))
        return damaged(file, kSegmentHeaderUsed + 4,
                       "the segment header is not zero where it must be");
    if (format != kFormatVersion)
        return damaged(file, 8,
                       "format " + std::to_string(format) + " is not known to this version");
    auto size = file.size();
    if (!size)
        return size.error();
    if (size.value() != header.segmentBytes || header.segmentBytes > kMaxSegmentBytes)
        return damaged(file, std::min(size.value(), header.segmentBytes),
                       "the file has " + std::to_string(size.value()) + " bytes, its header says " +
                           std::to_string(header.segmentBytes));
    return header;
}

Result<SegmentEnd> readSegment(File& file, const SegmentHeader& header, bool lookBehind,
                               const std::function<Status(const BatchView&)>& visit)
{
    auto content = readWhole(file, kMaxSegmentBytes);
    if (!content)
        return content.error();
    const std::string_view bytes = content.value();
    SegmentEnd end;
    end.nextSeq = header.firstSeq;
    end.offset = kSegmentHeaderBytes;
    while (end.offset < bytes.size()) {
        const auto batch = readBatch(bytes.substr(end.offset), header.epoch);
        if (!batch || batch->firstSeq != end.nextSeq)
            break;
        if (Status status = visit(*batch); !status) {
            const Error& error = status.error();
            // Its checksum holds, but what it says cannot be.
            return error.code == Code::Damaged ? damaged(file, end.offset, error.text) : error;
        }
        end.nextSeq += batch->count;
        end.offset += batch->bytes;
    }
    if (end.offset < bytes.size()) {
        end.torn = looksLikeBatch(bytes.substr(end.offset), header.epoch);
        if (lookBehind)
            end.countingBatchAt = findCountingBatch(bytes, end.offset, header.epoch);
    }
    return end;
}

Status createSpare(Directory& directory, const std::string& name, uint64_t bytes)
{
    auto file = directory.open(name, OpenMode::Create);
    if (!file)
        return file.error();
    const std::string zeros(std::min(bytes, kZeroFillBytes), '\0');
    Status status;
    for (uint64_t at = 0; at < bytes && status; at += zeros.size()) {
        const uint64_t size = std::min<uint64_t>(zeros.size(), bytes - at);
        status = writeFully(*file.value(), at, std::string_view(zeros).substr(0, size));
        // Piece by piece to the disk: a batch's write must not wait behind a whole segment.
        file.value()->startWriteBack(at, size);
        file.value()->awaitWriteBack(at, size);
    }
    if (status)
        status = file.value()->sync();
    if (!status && !directory.remove(name)) {
        // The half-made spare stays; the next start removes it.
    }
    return status;
}

} // namespace fluxion
