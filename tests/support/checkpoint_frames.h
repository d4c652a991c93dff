#pragma once

// A checkpoint's frames taken apart and put together again, as docs/log-format.md says: for tests
// that make one which this version of the server does not write.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace fluxion {

struct CheckpointFrame {
    enum Kind : uint32_t { Header = 1, View = 2, Block = 3, End = 4 };

    uint32_t kind = 0;
    std::string payload;

    std::string_view viewName() const { return ByteReader(payload).text(); }
};

inline std::vector<CheckpointFrame> checkpointFrames(std::string_view bytes)
{
    std::vector<CheckpointFrame> frames;
    ByteReader in(bytes);
    while (!in.atEnd() && in.ok()) {
        CheckpointFrame frame;
        frame.kind = in.u32();
        const uint32_t length = in.u32();
        (void)in.u32();
        frame.payload = in.raw(length);
        frames.push_back(std::move(frame));
    }
    return frames;
}

// With sums and the number of frames made anew.
inline std::string checkpointBytes(std::vector<CheckpointFrame> frames)
{
    std::string bytes;
    for (uint64_t number = 0; number < frames.size(); ++number) {
        CheckpointFrame& frame = frames[number];
        if (frame.kind == CheckpointFrame::End) {
            frame.payload.clear();
            ByteWriter(frame.payload).u64(number);
        }
        std::string head;
        ByteWriter head64(head);
        head64.u64(number);
        head64.u32(frame.kind);
        head64.u32(static_cast<uint32_t>(frame.payload.size()));
        ByteWriter out(bytes);
        out.u32(frame.kind);
        out.u32(static_cast<uint32_t>(frame.payload.size()));
        out.u32(crc32c(frame.payload, crc32c(head)));
        out.raw(frame.payload);
    }
    return bytes;
}

// As if written by a server whose view of that name has this version, in blocks that none of ours
// can read.
inline std::string withForeignView(std::string_view checkpoint, std::string_view view,
                                   uint32_t version)
{
    auto frames = checkpointFrames(checkpoint);
    bool foreign = false;
    for (CheckpointFrame& frame : frames) {
        if (frame.kind == CheckpointFrame::View)
            foreign = frame.viewName() == view;
        if (!foreign)
            continue;
        if (frame.kind == CheckpointFrame::View) {
            frame.payload.clear();
            ByteWriter(frame.payload).text(view);
            ByteWriter(frame.payload).u32(version);
        } else if (frame.kind == CheckpointFrame::Block) {
            frame.payload.assign(frame.payload.size(), '\xee');
        }
    }
    return checkpointBytes(std::move(frames));
}

} // namespace fluxion
