#include "engine/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/identity.h"

namespace fluxion {

namespace {

constexpr uint64_t kMagic = 0x54504b43584c46ull; // "FLXCKPT"
constexpr uint32_t kFormat = 1;
constexpr uint32_t kFrameHeaderBytes = 12;
constexpr uint32_t kMaxFrameBytes = uint32_t{1} << 30;
const std::string kPrefix = "checkpoint-";
const std::string kTemporary = "checkpoint.tmp";

enum class FrameKind : uint32_t { Header = 1, View = 2, Block = 3, End = 4 };

uint32_t frameCrc(uint64_t number, FrameKind kind, std::string_view payload)
{
    std::string head;
    ByteWriter out(head);
    out.u64(number);
    out.u32(static_cast<uint32_t>(kind));
    out.u32(static_cast<uint32_t>(payload.size()));
    return crc32c(payload, crc32c(head));
}

class FrameWriter {
  public:
    explicit FrameWriter(File& file) : m_file(file) {}

    Status write(FrameKind kind, std::string_view payload)
    {
        if (payload.size() > kMaxFrameBytes)
            return {Code::Internal, "a checkpoint block is too large"};
        m_frame.clear();
        ByteWriter out(m_frame);
        out.u32(static_cast<uint32_t>(kind));
        out.u32(static_cast<uint32_t>(payload.size()));
        out.u32(frameCrc(m_number++, kind, payload));
        out.raw(payload);
        Status status = writeFully(m_file, m_offset, m_frame);
        m_offset += m_frame.size();
        return status;
    }
    uint64_t count() const { return m_number; }
    uint64_t bytes() const { return m_offset; }

  private:
    File& m_file;
    std::string m_frame;
    uint64_t m_number = 0;
    uint64_t m_offset = 0;
};

struct Frame {
    FrameKind kind{};
    std::string payload;
};

class FrameReader {
  public:
    explicit FrameReader(File& file) : m_file(file) {}

    Result<Frame> next()
    {
        char head[kFrameHeaderBytes];
        auto got = m_file.readAt(m_offset, head, sizeof head);
        if (!got)
            return got.error();
        if (got.value() < sizeof head)
            return damaged("cut short");
        ByteReader in(std::string_view(head, sizeof head));
        Frame frame;
        frame.kind = static_cast<FrameKind>(in.u32());
        const uint32_t length = in.u32();
        const uint32_t crc = in.u32();
        auto size = m_file.size();
        if (!size)
            return size.error();
        if (length > kMaxFrameBytes || length > size.value() - m_offset - kFrameHeaderBytes)
            return damaged("cut short");
        frame.payload.resize(length);
        got = m_file.readAt(m_offset + kFrameHeaderBytes, frame.payload.data(), length);
        if (!got)
            return got.error();
        if (got.value() < length)
            return damaged("cut short");
        if (frameCrc(m_number, frame.kind, frame.payload) != crc)
            return damaged("checksum does not match");
        ++m_number;
        m_frameAt = m_offset;
        m_offset += kFrameHeaderBytes + length;
        return frame;
    }
    Error damaged(const std::string& what) const
    {
        return {Code::Damaged,
                m_file.path() + ": damaged at offset " + std::to_string(m_offset) + ": " + what};
    }
    // The frame just read passed its checks, but says what it must not.
    Error wrong(const std::string& what) const
    {
        return {Code::Damaged,
                m_file.path() + ": damaged at offset " + std::to_string(m_frameAt) + ": " + what};
    }
    uint64_t count() const { return m_number; }
    uint64_t offset() const { return m_offset; }

  private:
    File& m_file;
    uint64_t m_number = 0;
    uint64_t m_offset = 0;
    uint64_t m_frameAt = 0;
};

// One view's way into and out of a checkpoint.
struct ViewCodec {
    ViewFormat view;
    Status (*save)(const Cut& cut, const BlockSink& sink);
    Status (Store::*load)(std::string_view block);
};

constexpr ViewCodec kViews[] = {
    {kSeriesView, &Store::saveSeries, &Store::loadSeriesBlock},
    {kValuesView, &Store::saveValues, &Store::loadValuesBlock},
    {kApiKeysView, &Store::saveApiKeys, &Store::loadApiKeysBlock},
};

std::string encodeHeader(const CheckpointInfo& info)
{
    std::string bytes;
    ByteWriter out(bytes);
    out.u64(kMagic);
    out.u32(kFormat);
    out.raw(info.history.data(), info.history.size());
    out.u64(info.seq);
    out.i64(info.lastTimeUs);
    return bytes;
}

Result<CheckpointInfo> readHeader(FrameReader& in)
{
    auto frame = in.next();
    if (!frame)
        return frame.error();
    ByteReader bytes(frame.value().payload);
    CheckpointInfo info;
    const uint64_t magic = bytes.u64();
    const uint32_t format = bytes.u32();
    const std::string_view history = bytes.raw(info.history.size());
    info.seq = bytes.u64();
    info.lastTimeUs = bytes.i64();
    if (!bytes.ok() || !bytes.atEnd() || magic != kMagic || format != kFormat ||
        frame.value().kind != FrameKind::Header)
        return in.wrong("not a checkpoint of a known format");
    std::memcpy(info.history.data(), history.data(), history.size());
    return info;
}

Status writeFrames(File& file, const CheckpointInfo& info, const Cut& cut,
                   const std::function<void()>& between, uint64_t& bytes)
{
    FrameWriter out(file);
    Status status = out.write(FrameKind::Header, encodeHeader(info));
    for (const ViewCodec& codec : kViews) {
        if (!status)
            return status;
        std::string name;
        ByteWriter(name).text(codec.view.name);
        ByteWriter(name).u32(codec.view.version);
        status = out.write(FrameKind::View, name);
        if (status)
            status = codec.save(cut, [&](std::string_view block) {
                between();
                return out.write(FrameKind::Block, block);
            });
    }
    if (!status)
        return status;
    std::string count;
    ByteWriter(count).u64(out.count());
    status = out.write(FrameKind::End, count);
    bytes = out.bytes();
    return status ? file.sync() : status;
}

Result<const ViewCodec*> findView(const FrameReader& in, std::string_view payload)
{
    ByteReader bytes(payload);
    const std::string_view name = bytes.text();
    const uint32_t version = bytes.u32();
    for (const ViewCodec& codec : kViews) {
        if (bytes.ok() && bytes.atEnd() && name == codec.view.name && version == codec.view.version)
            return &codec;
    }
    return in.wrong("view " + std::string(name) + " of version " + std::to_string(version) +
                    " is not known to this version of the server");
}

} // namespace

// With the history in it, so that a new history's first never takes the place of one that the old
// history, at the same seq, may still need.
std::string checkpointName(const CheckpointInfo& info)
{
    constexpr size_t kHistoryDigits = 8;
    char digits[32];
    std::snprintf(digits, sizeof digits, "%020llu", static_cast<unsigned long long>(info.seq));
    return kPrefix + digits + "-" + toText(info.history).substr(0, kHistoryDigits);
}

Result<uint64_t> writeCheckpoint(Directory& directory, const CheckpointInfo& info, const Cut& cut,
                                 const std::function<void()>& between)
{
    auto left = directory.exists(kTemporary);
    if (!left)
        return left.error();
    if (left.value()) {
        if (Status status = directory.remove(kTemporary); !status)
            return status.error();
    }
    Status status;
    uint64_t bytes = 0;
    {
        auto file = directory.open(kTemporary, OpenMode::Create);
        if (!file)
            return file.error();
        status = writeFrames(*file.value(), info, cut, between, bytes);
    }
    if (status)
        status = directory.rename(kTemporary, checkpointName(info));
    if (!status) {
        // Best effort: what cannot be removed now goes before the next checkpoint.
        (void)directory.remove(kTemporary).ok();
        return status.error();
    }
    if (status = directory.sync(); !status)
        return status.error();
    return bytes;
}

bool isCheckpointName(const std::string& name)
{
    return name.starts_with(kPrefix);
}

Result<std::vector<std::string>> listCheckpoints(Directory& directory)
{
    auto names = directory.list();
    if (!names)
        return names.error();
    std::vector<std::string> found;
    for (const std::string& name : names.value()) {
        if (isCheckpointName(name))
            found.push_back(name);
    }
    std::sort(found.rbegin(), found.rend());
    return found;
}

Result<CheckpointInfo> readCheckpointInfo(Directory& directory, const std::string& name)
{
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    FrameReader in(*file.value());
    return readHeader(in);
}

Result<CheckpointInfo> loadCheckpoint(Directory& directory, const std::string& name, Store& store)
{
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    FrameReader in(*file.value());
    auto info = readHeader(in);
    if (!info)
        return info.error();
    const ViewCodec* view = nullptr;
    while (true) {
        const uint64_t before = in.count();
        auto frame = in.next();
        if (!frame)
            return frame.error();
        const std::string& payload = frame.value().payload;
        if (frame.value().kind == FrameKind::View) {
            auto found = findView(in, payload);
            if (!found)
                return found.error();
            view = found.value();
        } else if (frame.value().kind == FrameKind::Block && view) {
            if (Status status = (store.*view->load)(payload); !status)
                return in.wrong(status.error().text);
        } else if (frame.value().kind == FrameKind::End) {
            ByteReader bytes(payload);
            auto size = file.value()->size();
            if (!size)
                return size.error();
            if (bytes.u64() != before || !bytes.atEnd() || size.value() != in.offset())
                return in.wrong("the end does not stand at the end");
            store.loaded(info.value().seq, info.value().lastTimeUs);
            return info;
        } else {
            return in.wrong("a frame stands where it must not");
        }
    }
}

Result<uint64_t> pruneCheckpoints(Directory& directory, const HistoryId& history, size_t keep)
{
    auto names = listCheckpoints(directory);
    if (!names)
        return names.error();
    uint64_t oldest = 0;
    size_t kept = 0;
    for (const std::string& name : names.value()) {
        auto info = readCheckpointInfo(directory, name);
        if (info && info.value().history == history && kept < keep) {
            ++kept;
            oldest = info.value().seq;
            continue;
        }
        // What merely cannot be read now may be whole.
        if (!info && info.error().code != Code::Damaged)
            return info.error();
        if (Status status = directory.remove(name); !status)
            return status.error();
    }
    if (Status status = directory.sync(); !status)
        return status.error();
    return kept == keep ? oldest : 0;
}

} // namespace fluxion
