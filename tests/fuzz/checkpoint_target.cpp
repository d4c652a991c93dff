// Bytes as a checkpoint. Some inputs are the file as it is; in most, frames are made of them with
// checksums that hold, so that the structure behind these is reached:
//   u8 kind (0 header, 1 to 3 a view, 4 and up a block), u16 length, payload;
// the payload of kind 5 describes documents whose chunks are whole, but stand as they like.
//
// What loads can be read in every way, merged, written again and loaded with the same content; what
// does not is refused with file and offset, or as another version's.

#include <iterator>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "engine/checkpoint.h"
#include "fuzz/check.h"
#include "fuzz/simulated_folder.h"
#include "log/identity.h"

using namespace fluxion;

namespace {

constexpr CheckpointInfo kInfo{{'f', 'u', 'z', 'z'}, 9, 1'700'000'000'000'000};

enum Flag : uint8_t {
    kRaw = 1,      // the rest is the file as it is
    kHeadless = 2, // no header of ours before the frames
    kEndless = 4,  // no end of ours behind them
    kForeign = 8,  // views in another version
    kPartial = 16, // views that no frame names are not there
};

enum Kind : uint32_t { kHeader = 1, kView = 2, kBlock = 3, kEnd = 4 };

class Frames {
  public:
    void add(uint32_t kind, std::string_view payload)
    {
        std::string head;
        ByteWriter sum(head);
        sum.u64(m_count++);
        sum.u32(kind);
        sum.u32(static_cast<uint32_t>(payload.size()));
        ByteWriter out(m_bytes);
        out.u32(kind);
        out.u32(static_cast<uint32_t>(payload.size()));
        out.u32(crc32c(payload, crc32c(head)));
        out.raw(payload);
    }
    uint64_t count() const { return m_count; }
    const std::string& bytes() const { return m_bytes; }

  private:
    std::string m_bytes;
    uint64_t m_count = 0;
};

std::string header()
{
    std::string bytes;
    ByteWriter out(bytes);
    out.u64(0x54504b43584c46); // "FLXCKPT"
    out.u32(1);
    out.raw(kInfo.history.data(), kInfo.history.size());
    out.u64(kInfo.seq);
    out.i64(kInfo.lastTimeUs);
    return bytes;
}

std::string view(const ViewFormat& format)
{
    std::string bytes;
    ByteWriter(bytes).text(format.name);
    ByteWriter(bytes).u32(format.version);
    return bytes;
}

// A whole chunk of a few records in even steps.
void buildChunk(fuzz::Input& input, ByteWriter& out)
{
    const uint8_t head = input.byte();
    ChunkBuilder builder;
    int64_t ts = static_cast<int8_t>(input.byte());
    for (int left = 1 + (head >> 1) % 8; left > 0; --left) {
        builder.add(ts, std::string(head >> 6, static_cast<char>('a' + left)));
        ts += 1 + (head >> 4) % 4;
    }
    builder.finish(head & 1 ? ChunkCodec::Zstd : ChunkCodec::Raw, head)->save(out);
}

std::string buildDocuments(fuzz::Input input)
{
    std::string block;
    ByteWriter out(block);
    out.varint(input.byte() % 2);
    out.text("c");
    const uint8_t documents = 1 + input.byte() % 4;
    out.varint(documents);
    for (int d = 0; d < documents; ++d) {
        const uint8_t head = input.byte();
        out.text(std::string(1, static_cast<char>('a' + head % 4)));
        out.u8(head >> 2 & 1); // a further part
        out.u8(head >> 3 & 1); // more parts follow
        for (const int places : {4, 3}) {
            const auto chunks = static_cast<uint8_t>(input.byte() % places);
            out.varint(chunks);
            for (int i = 0; i < chunks; ++i)
                buildChunk(input, out);
        }
        out.varint(head);
        const uint8_t open = head >> 5;
        out.varint(open);
        for (int i = 0; i < open; ++i) {
            out.i64(static_cast<int8_t>(input.byte()));
            out.text("o");
        }
    }
    return block;
}

std::string framed(fuzz::Input& input, uint8_t flags)
{
    constexpr ViewFormat kViews[] = {kSeriesView, kValuesView, kApiKeysView};
    Frames frames;
    bool named[std::size(kViews)] = {};
    if (!(flags & kHeadless))
        frames.add(kHeader, header());
    while (!input.empty()) {
        const uint8_t kind = input.byte();
        const std::string_view payload = input.bytes(input.number(2));
        if (kind == 0)
            frames.add(kHeader, payload);
        else if (kind <= 3) {
            ViewFormat format = kViews[kind - 1];
            format.version += flags & kForeign ? 1 : 0;
            frames.add(kView, view(format));
            named[kind - 1] = true;
        } else if (kind == 5)
            frames.add(kBlock, buildDocuments({reinterpret_cast<const uint8_t*>(payload.data()),
                                               payload.size()}));
        else
            frames.add(kBlock, payload);
    }
    for (size_t i = 0; i < std::size(kViews) && !(flags & kPartial); ++i) {
        if (!named[i])
            frames.add(kView, view(kViews[i]));
    }
    if (!(flags & kEndless)) {
        std::string count;
        ByteWriter(count).u64(frames.count());
        frames.add(kEnd, count);
    }
    return frames.bytes();
}

// Written from one store and loaded into another, nothing changes.
void checkAgain(const CheckpointInfo& info, const Store& store)
{
    const auto disk = SimDisk::create();
    const auto directory = disk->directory();
    const Cut cut = store.openCut();
    const Status written = writeCheckpoint(*directory, info, cut).status();
    FUZZ_CHECK(written.ok(), written.error().text);
    Store again;
    const auto loaded = loadCheckpoint(*directory, checkpointName(info), again);
    FUZZ_CHECK(loaded.ok(), loaded.error().text);
    FUZZ_CHECK(contentHash(again.openCut()) == contentHash(cut), "other content");
    FUZZ_CHECK(again.appliedSeq() == info.seq && again.appliedTimeUs() == info.lastTimeUs,
               std::to_string(again.appliedSeq()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input input(data, size);
    const uint8_t flags = input.byte();
    const std::string file = flags & kRaw ? std::string(input.rest()) : framed(input, flags);
    const std::string name = checkpointName(kInfo);
    const auto disk = SimDisk::create();
    disk->setContents(name, file);
    const auto directory = disk->directory();

    Store store;
    const auto info = loadCheckpoint(*directory, name, store);
    if (!info) {
        fuzz::checkRefusal(info.error(), directory->path() + "/" + name);
    } else {
        fuzz::readAll(store);
        checkAgain(info.value(), store);
    }
    // A start with it: no log yet, so that a checkpoint of this history is ahead of the log.
    (void)writeIdentity(*directory, {kInfo.history, kInfo.seq, false});
    const fuzz::Found first = fuzz::startOn(disk, Durability::Always, true);
    if (first.ok) {
        FUZZ_CHECK(info.ok() && first.seq == info.value().seq, std::to_string(first.seq));
        const fuzz::Found second = fuzz::startOn(disk->afterKill(), Durability::Always, false);
        FUZZ_CHECK(first == second, std::to_string(second.seq));
    }
    return 0;
}
