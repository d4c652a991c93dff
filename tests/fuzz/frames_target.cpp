// The reader of WebSocket frames. However the bytes come in pieces, the same messages and the same
// end come of them; and messages that are framed here come out as they went in.

#include "fuzz/check.h"
#include "fuzz/strict_json.h"
#include "net/frame_reader.h"

using namespace fluxion;

namespace {

using Kind = FrameReader::Kind;

constexpr uint64_t kMaxMessageBytes = 300; // small, so that inputs reach it
constexpr uint64_t kMaxHeadBytes = 14;
constexpr size_t kMaxControlBytes = 125;

bool mayBeSent(int code)
{
    const bool named = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
    return named || (code >= 3000 && code <= 4999);
}

void checkEvent(const FrameReader::Event& event)
{
    switch (event.kind) {
    case Kind::NeedMore:
        return;
    case Kind::Message:
        FUZZ_CHECK(event.bytes.size() <= kMaxMessageBytes, std::to_string(event.bytes.size()));
        FUZZ_CHECK(event.frameKind == FrameKind::Binary || fuzz::isStrictUtf8(event.bytes),
                   event.bytes);
        return;
    case Kind::Ping:
    case Kind::Pong:
        FUZZ_CHECK(event.bytes.size() <= kMaxControlBytes, std::to_string(event.bytes.size()));
        return;
    case Kind::Close:
        FUZZ_CHECK(event.closeCode == kCloseWithoutCode || mayBeSent(event.closeCode),
                   std::to_string(event.closeCode));
        FUZZ_CHECK(fuzz::isStrictUtf8(event.bytes), event.bytes);
        return;
    case Kind::Broken:
        FUZZ_CHECK(event.closeCode == 1002 || event.closeCode == 1007 || event.closeCode == 1009,
                   std::to_string(event.closeCode));
        FUZZ_CHECK(!event.bytes.empty(), "a close without words");
        return;
    }
}

std::string told(const FrameReader::Event& event)
{
    return std::to_string(static_cast<int>(event.kind)) + ":" +
           std::to_string(static_cast<int>(event.frameKind)) + ":" +
           std::to_string(event.closeCode) + ":" + std::to_string(event.bytes.size()) + "'" +
           std::string(event.bytes) + "'\n";
}

// Everything that comes of the bytes, in pieces of 1 to `maxPiece` that `random` chooses.
std::string read(std::string_view bytes, size_t maxPiece, uint32_t random)
{
    FrameReader reader(kMaxMessageBytes);
    std::string out;
    bool ended = false;
    while (!bytes.empty()) {
        random = random * 1664525 + 1013904223;
        const std::string_view piece = bytes.substr(0, 1 + (random >> 8) % maxPiece);
        bytes.remove_prefix(piece.size());
        reader.feed(piece);
        while (true) {
            const FrameReader::Event event = reader.next();
            if (event.kind == Kind::NeedMore)
                break;
            checkEvent(event);
            FUZZ_CHECK(!ended, "something came after the end: " + told(event));
            ended = event.kind == Kind::Close || event.kind == Kind::Broken;
            out += told(event);
        }
        FUZZ_CHECK(ended || reader.heldBytes() <= 2 * kMaxMessageBytes + kMaxHeadBytes,
                   std::to_string(reader.heldBytes()));
    }
    return out;
}

void appendFrame(std::string& out, unsigned first, std::string_view payload, uint32_t mask)
{
    out += static_cast<char>(first);
    if (payload.size() < 126) {
        out += static_cast<char>(0x80 | payload.size());
    } else {
        out += static_cast<char>(0x80 | 126);
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size() & 0xff);
    }
    char key[4];
    for (int i = 0; i < 4; ++i)
        key[i] = static_cast<char>(mask >> (8 * i));
    out.append(key, 4);
    for (size_t i = 0; i < payload.size(); ++i)
        out += static_cast<char>(payload[i] ^ key[i % 4]);
}

// Messages as a client may send them: in fragments, with pings between these.
void checkFraming(fuzz::Input& input)
{
    std::string bytes;
    std::string expected;
    const uint32_t random = static_cast<uint32_t>(input.number(2));
    while (!input.empty()) {
        const uint8_t head = input.byte();
        const std::string message(input.bytes(input.byte() % (kMaxMessageBytes + 1)));
        const bool text = (head & 1) != 0 && fuzz::isStrictUtf8(message);
        const auto mask = static_cast<uint32_t>(head * 0x9e3779b1u);
        const size_t fragments = 1 + (head >> 1) % 4;
        for (size_t i = 0; i < fragments; ++i) {
            const size_t from = message.size() * i / fragments;
            const size_t to = message.size() * (i + 1) / fragments;
            const unsigned opcode = i > 0 ? 0 : text ? 1 : 2;
            const unsigned last = i + 1 == fragments ? 0x80 : 0;
            appendFrame(bytes, last | opcode, message.substr(from, to - from), mask);
            if (head & 0x40 && !last) {
                appendFrame(bytes, 0x89, "ping", mask);
                expected += told({Kind::Ping, FrameKind::Text, "ping", 0});
            }
        }
        expected += told({Kind::Message, text ? FrameKind::Text : FrameKind::Binary, message, 0});
    }
    const std::string found = read(bytes, kMaxMessageBytes, random);
    FUZZ_CHECK(found == expected, "expected:\n" + expected + "found:\n" + found);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input input(data, size);
    const uint8_t mode = input.byte();
    if (mode % 2 == 1) {
        checkFraming(input);
        return 0;
    }
    const std::string_view bytes = input.rest();
    const std::string byByte = read(bytes, 1, 0);
    for (const size_t maxPiece : {size_t{7}, size_t{64}, kMaxMessageBytes}) {
        const std::string other = read(bytes, maxPiece, mode);
        FUZZ_CHECK(other == byByte, "byte by byte:\n" + byByte + "in pieces:\n" + other);
    }
    return 0;
}
