// Bytes as segments of a log, through recovery. Most inputs are the batches of one or two segments
// whose checksums are set right, so that what stands behind the checksums is reached; some are a
// segment file as it is.
//
// The log hands out exactly the batches that a second, plain reader of the format finds, or refuses
// with file and offset; and what one start found, the next one finds again.

#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/log_sink.h"
#include "base/sim_clock.h"
#include "fuzz/check.h"
#include "fuzz/simulated_folder.h"
#include "log/file_log.h"

using namespace fluxion;

namespace {

constexpr uint64_t kEpoch = 0x0102030405060708;
constexpr HistoryId kHistory{'f', 'u', 'z', 'z'};

enum Flag : uint8_t {
    kRaw = 1,      // the rest is a segment file as it is
    kClosed = 2,   // closed in order, after the seq that the next byte says
    kLax = 4,      // by a server that did not sync every batch
    kSetHeads = 8, // magic, epoch and seq of every batch are set right, too
    kTwo = 16,     // two segments; a byte each says where the second begins, and its first seq
    kStarted = 32, // the history began after a seq, without a checkpoint of it
};

void put(std::string& bytes, size_t at, const void* from, size_t size)
{
    std::memcpy(bytes.data() + at, from, size);
}

// Sets right what a reader checks of each batch in turn, as far as they follow each other.
void mend(std::string& batches, bool heads, uint64_t& nextSeq)
{
    for (size_t at = 0; at + kBatchHeaderBytes <= batches.size();) {
        if (heads) {
            put(batches, at, &kBatchMagic, 4);
            put(batches, at + 8, &kEpoch, 8);
            put(batches, at + 16, &nextSeq, 8);
        }
        uint32_t count = 0;
        uint32_t length = 0;
        std::memcpy(&count, batches.data() + at + 24, 4);
        std::memcpy(&length, batches.data() + at + 28, 4);
        const uint64_t bytes = (uint64_t{kBatchHeaderBytes} + length + 7) / 8 * 8;
        if (bytes > batches.size() - at)
            return;
        const uint32_t crc = crc32c(std::string_view(batches).substr(at + 8, bytes - 8));
        put(batches, at + 4, &crc, 4);
        nextSeq += count;
        at += bytes;
    }
}

std::string segment(uint64_t firstSeq, const std::string& batches)
{
    constexpr size_t kRoom = 64; // zeros behind the last batch
    SegmentHeader header{kEpoch, kHistory, firstSeq, 0, 0};
    header.segmentBytes = kSegmentHeaderBytes + batches.size() + kRoom;
    return encodeSegmentHeader(header) + batches + std::string(kRoom, '\0');
}

struct PlainBatch {
    uint64_t firstSeq = 0;
    std::string entries;

    bool operator==(const PlainBatch&) const = default;
};

// The format as docs/log-format.md has it, read in the plainest way.
std::vector<PlainBatch> plainBatches(std::string_view file, uint64_t epoch, uint64_t nextSeq)
{
    std::vector<PlainBatch> found;
    size_t at = kSegmentHeaderBytes;
    while (at + kBatchHeaderBytes <= file.size()) {
        ByteReader in(file.substr(at));
        const bool magic = in.u32() == kBatchMagic;
        const uint32_t crc = in.u32();
        const bool mine = in.u64() == epoch && in.u64() == nextSeq;
        const uint32_t count = in.u32();
        const uint32_t length = in.u32();
        in.raw(16);
        const std::string_view entries = in.raw(length);
        const size_t padding = (8 - (kBatchHeaderBytes + length) % 8) % 8;
        in.raw(padding);
        if (!in.ok() || !magic || !mine || count == 0 ||
            crc32cPortable(file.data() + at + 8, in.position() - 8) != crc)
            break;
        ByteReader walk(entries);
        for (uint32_t i = 0; i < count; ++i) {
            walk.raw(12);
            const uint32_t payload = walk.u32();
            walk.raw(8);
            walk.raw(payload);
            if (!walk.ok())
                return found;
        }
        if (!walk.atEnd())
            break;
        found.push_back({nextSeq, std::string(entries)});
        nextSeq += count;
        at += in.position();
    }
    return found;
}

uint64_t epochOf(std::string_view file)
{
    ByteReader in(file);
    in.raw(16);
    return in.u64();
}

// The log alone: what it hands out is what stands there.
void checkReplay(const std::shared_ptr<SimDisk>& disk, const std::string& file)
{
    SimClock clock;
    const auto directory = disk->directory();
    auto log =
        FileLog::open(*directory, fuzz::smallOptions(Durability::Always).log, clock, nullSink());
    FUZZ_CHECK(log.ok(), log.status().error().text);
    std::vector<PlainBatch> visited;
    const Status status = log.value()->replay(0, [&](const BatchView& batch) {
        visited.push_back({batch.firstSeq, std::string(batch.entries)});
        EntryCursor cursor(batch);
        uint64_t seq = 0;
        Entry entry;
        uint32_t count = 0;
        while (cursor.next(seq, entry))
            FUZZ_CHECK(seq == batch.firstSeq + count++, std::to_string(seq));
        FUZZ_CHECK(count == batch.count, std::to_string(count));
        return Status();
    });
    if (!status) {
        FUZZ_CHECK(status.error().code == Code::Damaged, status.error().text);
        FUZZ_CHECK(status.error().text.find("damaged at offset ") != std::string::npos ||
                       status.error().text.find(".seg: missing") != std::string::npos,
                   status.error().text);
    }
    if (file.empty() || visited.empty())
        return;
    const std::string bytes = *disk->contents(file);
    const auto expected = plainBatches(bytes, epochOf(bytes), visited.front().firstSeq);
    FUZZ_CHECK(visited == expected, std::to_string(visited.size()) + " batches handed out, " +
                                        std::to_string(expected.size()) + " there");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input input(data, size);
    const uint8_t flags = input.byte();
    const auto disk = SimDisk::create();
    const auto directory = disk->directory();
    const bool lax = (flags & kLax) != 0;
    const uint64_t startSeq = flags & kStarted ? input.byte() : 0;
    (void)writeIdentity(*directory, {kHistory, startSeq, lax});
    if (flags & kClosed)
        (void)writeClosedMark(*directory, {kHistory, input.byte()});

    std::string only; // the one segment there is
    if (flags & kRaw) {
        only = segmentName(1);
        disk->setContents(only, input.rest());
    } else {
        const bool heads = (flags & kSetHeads) != 0;
        const uint64_t firstSeq = startSeq + 1;
        uint64_t nextSeq = firstSeq;
        if (flags & kTwo) {
            const size_t cut = size_t{input.byte()} * 8;
            const uint64_t shift = input.byte();
            std::string first(input.bytes(cut));
            std::string second(input.rest());
            mend(first, heads, nextSeq);
            nextSeq += shift;
            const uint64_t secondSeq = nextSeq;
            mend(second, heads, nextSeq);
            disk->setContents(segmentName(firstSeq), segment(firstSeq, first));
            disk->setContents(segmentName(secondSeq), segment(secondSeq, second));
        } else {
            std::string batches(input.rest());
            mend(batches, heads, nextSeq);
            only = segmentName(firstSeq);
            disk->setContents(only, segment(firstSeq, batches));
        }
    }

    checkReplay(disk->clone(), only);
    const Durability durability = lax ? Durability::Interval : Durability::Always;
    const fuzz::Found first = fuzz::startOn(disk, durability, true);
    if (first.ok) {
        const fuzz::Found second = fuzz::startOn(disk->afterKill(), durability, false);
        FUZZ_CHECK(first == second,
                   std::to_string(first.seq) + " then " + std::to_string(second.seq));
    }
    return 0;
}
