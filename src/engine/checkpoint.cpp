#include "engine/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/bytes.h"
#include "engine/checkpoint_frames.h"
#include "log/identity.h"

namespace fluxion {

namespace {

constexpr uint64_t kMagic = 0x54504b43584c46ull; // "FLXCKPT"
constexpr uint32_t kFormat = 1;
const std::string kPrefix = "checkpoint-";
const std::string kTemporary = "checkpoint.tmp";

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

// The frame passed its checks, but says what it must not.
Error wrong(const File& file, const CheckpointFrame& frame, const std::string& what)
{
    return {Code::Damaged,
            file.path() + ": damaged at offset " + std::to_string(frame.offset) + ": " + what};
}

// Whole, but of another version of the server.
Error unknown(const File& file, const std::string& what)
{
    return {Code::Usage,
            file.path() + ": " + what +
                " that this version of the server does not know: start the one that wrote it"};
}

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

Result<CheckpointInfo> readHeader(const File& file, CheckpointReader& in)
{
    CheckpointFrame frame;
    if (const Status status = in.next(frame); !status)
        return status.error();
    ByteReader bytes(frame.payload());
    CheckpointInfo info;
    const uint64_t magic = bytes.u64();
    const uint32_t format = bytes.u32();
    const std::string_view history = bytes.raw(info.history.size());
    info.seq = bytes.u64();
    info.lastTimeUs = bytes.i64();
    if (!bytes.ok() || magic != kMagic || frame.kind != CheckpointFrameKind::Header)
        return wrong(file, frame, "not a checkpoint");
    if (format != kFormat)
        return unknown(file, "a checkpoint of format " + std::to_string(format) + ",");
    if (!bytes.atEnd())
        return wrong(file, frame, "the header is too long");
    std::memcpy(info.history.data(), history.data(), history.size());
    return info;
}

Status writeFrames(File& file, const CheckpointInfo& info, const Cut& cut,
                   const CheckpointPace& pace, uint64_t& bytes)
{
    CheckpointWriter out(file, pace);
    Status status = out.write(CheckpointFrameKind::Header, encodeHeader(info));
    for (const ViewCodec& codec : kViews) {
        if (!status)
            return status;
        std::string name;
        ByteWriter(name).text(codec.format.name);
        ByteWriter(name).u32(codec.format.version);
        status = out.write(CheckpointFrameKind::View, name);
        if (status)
            status = codec.save(cut, [&](std::string_view block) {
                if (pace.between)
                    pace.between();
                return out.write(CheckpointFrameKind::Block, block);
            });
    }
    if (!status)
        return status;
    std::string count;
    ByteWriter(count).u64(out.count());
    status = out.write(CheckpointFrameKind::End, count);
    if (status)
        status = out.finish();
    bytes = out.bytes();
    return status ? file.sync() : status;
}

// What a View frame announces.
struct Announced {
    const ViewCodec* codec = nullptr;
    uint32_t version = 0;

    bool isRead() const { return version == codec->format.version; }
};

Result<Announced> readAnnounced(const File& file, const CheckpointFrame& frame)
{
    ByteReader bytes(frame.payload());
    const std::string_view name = bytes.text();
    const uint32_t version = bytes.u32();
    if (!bytes.ok() || !bytes.atEnd())
        return wrong(file, frame, "a view's name cannot be read");
    for (const ViewCodec& codec : kViews) {
        if (name == codec.format.name)
            return Announced{&codec, version};
    }
    return unknown(file, "holds a view \"" + std::string(name) + "\"");
}

// One walk over a checkpoint's frames behind the header, up to its end.
Status readFrames(CheckpointReader& reader, File& file, Store& store, ViewSet wanted,
                  LoadedCheckpoint& loaded)
{
    const auto size = file.size();
    if (!size)
        return size.status();
    CheckpointReadAhead in(reader, size.value());
    const ViewCodec* view = nullptr; // whose blocks come; null before the first
    bool skipping = false;           // these blocks
    loaded.missing = wanted;
    while (true) {
        const auto next = in.next();
        if (!next)
            return next.status();
        const CheckpointFrame& frame = *next.value();
        if (frame.kind == CheckpointFrameKind::View) {
            const auto announced = readAnnounced(file, frame);
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
        } else if (frame.kind == CheckpointFrameKind::Block && view) {
            const Status status = skipping ? Status() : (store.*view->load)(frame.payload());
            if (!status)
                return wrong(file, frame, status.error().text);
        } else if (frame.kind == CheckpointFrameKind::End) {
            ByteReader bytes(frame.payload());
            if (bytes.u64() != frame.number || !bytes.atEnd() || size.value() != frame.end)
                return wrong(file, frame, "the end does not stand at the end");
            return {};
        } else {
            return wrong(file, frame, "a frame stands where it must not");
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
    CheckpointReader in(*file.value());
    if (const auto info = readHeader(*file.value(), in); !info)
        return info.error();
    ViewSet read;
    CheckpointFrame frame;
    while (true) {
        if (const Status status = in.next(frame, CheckpointReader::Blocks::Skip); !status)
            return status.error();
        if (frame.kind == CheckpointFrameKind::End)
            return read == ViewSet::all();
        if (frame.kind != CheckpointFrameKind::View)
            continue;
        const auto announced = readAnnounced(*file.value(), frame);
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
    CheckpointReader in(*file.value());
    return readHeader(*file.value(), in);
}

Result<LoadedCheckpoint> loadCheckpoint(Directory& directory, const std::string& name, Store& store,
                                        ViewSet wanted)
{
    auto file = directory.open(name, OpenMode::Read);
    if (!file)
        return file.error();
    CheckpointReader in(*file.value());
    auto info = readHeader(*file.value(), in);
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
