#include "engine/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <unistd.h>

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

// Goes to the disk as one: what a write to the log may have to wait for.
constexpr uint64_t kSliceBytes = 1024 * 1024;
// So much may be on its way to the disk, when nothing waits for it.
constexpr uint64_t kAheadBytes = 16 * kSliceBytes;

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
    FrameWriter(File& file, const CheckpointPace& pace) : m_file(file), m_pace(pace) {}

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
        if (status && m_offset - m_begun >= kSliceBytes)
            writeBack();
        return status;
    }
    uint64_t count() const { return m_number; }
    uint64_t bytes() const { return m_offset; }

  private:
    // While the next slices are made the disk writes this one; or, beside writes, it has written it
    // and rests.
    void writeBack()
    {
        m_file.startWriteBack(m_begun, m_offset - m_begun);
        if (m_pace.rest) {
            m_file.awaitWriteBack(m_begun, m_offset - m_begun);
            m_pace.rest();
        } else if (m_begun > m_awaited + kAheadBytes) {
            const uint64_t end = m_begun - kAheadBytes;
            m_file.awaitWriteBack(m_awaited, end - m_awaited);
            m_awaited = end;
        }
        m_begun = m_offset;
    }

    File& m_file;
    const CheckpointPace& m_pace;
    std::string m_frame;
    uint64_t m_number = 0;
    uint64_t m_offset = 0;
    uint64_t m_begun = 0;   // up to here it is on its way to the medium,
    uint64_t m_awaited = 0; // and up to here it has arrived
};

struct Frame {
    FrameKind kind{};
    std::string_view payload; // until the next one is read
};

class FrameReader {
  public:
    explicit FrameReader(File& file) : m_file(file) {}

    enum class Blocks : uint8_t { Read, Skip };

    // Of a block that is skipped only the head, unchecked.
    Result<Frame> next(Blocks blocks = Blocks::Read)
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
        m_frameAt = m_offset;
        if (frame.kind == FrameKind::Block && blocks == Blocks::Skip) {
            ++m_number;
            m_offset += kFrameHeaderBytes + length;
            return frame;
        }
        if (m_buffer.size() < length)
            m_buffer.resize(length);
        got = m_file.readAt(m_offset + kFrameHeaderBytes, m_buffer.data(), length);
        if (!got)
            return got.error();
        if (got.value() < length)
            return damaged("cut short");
        frame.payload = std::string_view(m_buffer).substr(0, length);
        if (frameCrc(m_number, frame.kind, frame.payload) != crc)
            return damaged("checksum does not match");
        ++m_number;
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
    // Whole, but of another version of the server.
    Error unknown(const std::string& what) const
    {
        return {Code::Usage,
                m_file.path() + ": " + what +
                    " that this version of the server does not know: start the one that wrote it"};
    }
    uint64_t count() const { return m_number; }
    uint64_t offset() const { return m_offset; }

  private:
    File& m_file;
    uint64_t m_number = 0;
    uint64_t m_offset = 0;
    uint64_t m_frameAt = 0;
    std::string m_buffer;
};

// One view's way into and out of a checkpoint.
struct ViewCodec {
    View view;
    ViewFormat format;
    Status (*save)(const Cut& cut, const BlockSink& sink);
    Status (Store::*load)(std::string_view block);
};

// When a view's blocks change, its version in store/views.h rises: a start then leaves the blocks
// of the version before alone and takes the view from the log (engine/start_views).
constexpr ViewCodec kViews[] = {
    {View::Series, kSeriesView, &Store::saveSeries, &Store::loadSeriesBlock},
    {View::Values, kValuesView, &Store::saveValues, &Store::loadValuesBlock},
    {View::ApiKeys, kApiKeysView, &Store::saveApiKeys, &Store::loadApiKeysBlock},
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
    if (!bytes.ok() || magic != kMagic || frame.value().kind != FrameKind::Header)
        return in.wrong("not a checkpoint");
    if (format != kFormat)
        return in.unknown("a checkpoint of format " + std::to_string(format) + ",");
    if (!bytes.atEnd())
        return in.wrong("the header is too long");
    std::memcpy(info.history.data(), history.data(), history.size());
    return info;
}

Status writeFrames(File& file, const CheckpointInfo& info, const Cut& cut,
                   const CheckpointPace& pace, uint64_t& bytes)
{
    FrameWriter out(file, pace);
    Status status = out.write(FrameKind::Header, encodeHeader(info));
    for (const ViewCodec& codec : kViews) {
        if (!status)
            return status;
        std::string name;
        ByteWriter(name).text(codec.format.name);
        ByteWriter(name).u32(codec.format.version);
        status = out.write(FrameKind::View, name);
        if (status)
            status = codec.save(cut, [&](std::string_view block) {
                if (pace.between)
                    pace.between();
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

// What a View frame announces.
struct Announced {
    const ViewCodec* codec = nullptr;
    uint32_t version = 0;

    bool isRead() const { return version == codec->format.version; }
};

Result<Announced> readAnnounced(const FrameReader& in, std::string_view payload)
{
    ByteReader bytes(payload);
    const std::string_view name = bytes.text();
    const uint32_t version = bytes.u32();
    if (!bytes.ok() || !bytes.atEnd())
        return in.wrong("a view's name cannot be read");
    for (const ViewCodec& codec : kViews) {
        if (name == codec.format.name)
            return Announced{&codec, version};
    }
    return in.unknown("holds a view \"" + std::string(name) + "\"");
}

// One walk over a checkpoint's frames behind the header, up to its end.
Status readFrames(FrameReader& in, File& file, Store& store, ViewSet wanted,
                  LoadedCheckpoint& loaded)
{
    const ViewCodec* view = nullptr; // whose blocks come; null before the first
    bool skipping = false;           // these blocks
    loaded.missing = wanted;
    while (true) {
        const uint64_t before = in.count();
        auto frame = in.next();
        if (!frame)
            return frame.status();
        const std::string_view payload = frame.value().payload;
        if (frame.value().kind == FrameKind::View) {
            const auto announced = readAnnounced(in, payload);
            if (!announced)
                return announced.status();
            view = announced.value().codec;
            const bool isWanted = wanted.has(view->view);
            skipping = !isWanted || !announced.value().isRead();
            if (!skipping)
                loaded.missing.remove(view->view);
            else if (isWanted)
                loaded.foreign += (loaded.foreign.empty() ? "" : ", ") +
                                  std::string(view->format.name) + " of version " +
                                  std::to_string(announced.value().version);
        } else if (frame.value().kind == FrameKind::Block && view) {
            const Status status = skipping ? Status() : (store.*view->load)(payload);
            if (!status)
                return in.wrong(status.error().text);
        } else if (frame.value().kind == FrameKind::End) {
            ByteReader bytes(payload);
            auto size = file.size();
            if (!size)
                return size.status();
            if (bytes.u64() != before || !bytes.atEnd() || size.value() != in.offset())
                return in.wrong("the end does not stand at the end");
            return {};
        } else {
            return in.wrong("a frame stands where it must not");
        }
    }
}

// Whether this code reads all views in there. Looks at the frames' heads and at the names of views,
// not at the blocks. Code::Damaged as far as that tells.
Result<bool> isReadable(Directory& directory, const std::string& name)
{
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    FrameReader in(*file.value());
    if (const auto info = readHeader(in); !info)
        return info.error();
    ViewSet read;
    while (true) {
        auto frame = in.next(FrameReader::Blocks::Skip);
        if (!frame)
            return frame.error();
        if (frame.value().kind == FrameKind::End)
            return read == ViewSet::all();
        if (frame.value().kind != FrameKind::View)
            continue;
        const auto announced = readAnnounced(in, frame.value().payload);
        if (!announced)
            return announced.error().code == Code::Usage ? Result<bool>(false) : announced.error();
        if (announced.value().isRead())
            read.add(announced.value().codec->view);
    }
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
                                 const CheckpointPace& pace)
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
        status = writeFrames(*file.value(), info, cut, pace, bytes);
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

Result<LoadedCheckpoint> loadCheckpoint(Directory& directory, const std::string& name, Store& store,
                                        ViewSet wanted)
{
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    FrameReader in(*file.value());
    auto info = readHeader(in);
    if (!info)
        return info.error();
    LoadedCheckpoint loaded;
    static_cast<CheckpointInfo&>(loaded) = info.value();
    if (Status status = readFrames(in, *file.value(), store, wanted, loaded); !status)
        return status.error();
    store.loaded(loaded.seq, loaded.lastTimeUs);
    return loaded;
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
        const bool isOurs = info && info.value().history == history && kept < keep;
        const auto readable = isOurs ? isReadable(directory, name) : Result<bool>(false);
        if (!readable && readable.error().code != Code::Damaged)
            return readable.error();
        if (readable && readable.value()) {
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
