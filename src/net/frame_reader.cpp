#include "net/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <simdjson.h>

#include "base/release.h"

namespace fluxion {

namespace {

constexpr unsigned kContinuation = 0x0;
constexpr unsigned kText = 0x1;
constexpr unsigned kBinary = 0x2;
constexpr unsigned kClose = 0x8;
constexpr unsigned kPing = 0x9;
constexpr unsigned kPong = 0xa;

constexpr uint64_t kMaxControlBytes = 125;
constexpr size_t kKeptBytes = 64 * 1024; // of room, between messages

constexpr int kProtocolError = 1002;
constexpr int kNotUtf8 = 1007;
constexpr int kTooBig = 1009;

bool isControl(unsigned opcode)
{
    return opcode >= kClose;
}

bool isUtf8(std::string_view bytes)
{
    return simdjson::validate_utf8(bytes.data(), bytes.size());
}

// Section 7.4: what may stand in a close frame.
bool isCloseCode(int code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

// Eight bytes at a time: the mask repeats every four.
void unmask(char* bytes, size_t size, const unsigned char (&mask)[4])
{
    uint64_t wide = 0;
    std::memcpy(&wide, mask, 4);
    wide |= wide << 32;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word = 0;
        std::memcpy(&word, bytes + i, 8);
        word ^= wide;
        std::memcpy(bytes + i, &word, 8);
    }
    for (; i < size; ++i)
        bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ mask[i % 4]);
}

} // namespace

void FrameReader::feed(std::string_view bytes)
{
    if (m_ended)
        return;
    m_in.erase(0, m_at);
    m_at = 0;
    m_in.append(bytes);
}

// What was handed out is dealt with, and an idle connection holds no large message.
void FrameReader::forgetHandedOut()
{
    if (m_joined.capacity() > kKeptBytes)
        release(m_joined);
    if (m_at != m_in.size())
        return;
    if (m_in.capacity() > kKeptBytes)
        release(m_in);
    else
        m_in.clear();
    m_at = 0;
}

FrameReader::Event FrameReader::next()
{
    forgetHandedOut();
    Head head;
    while (!m_ended && readHead(head)) {
        if (m_fault.kind == Kind::Broken) {
            m_ended = true;
            return m_fault;
        }
        if (m_in.size() - m_at - head.bytes < head.payloadBytes)
            return {};
        const std::string_view payload = takePayload(head);
        const Event event = isControl(head.opcode) ? control(head, payload) : data(head, payload);
        if (event.kind == Kind::Close || event.kind == Kind::Broken)
            m_ended = true;
        if (event.kind != Kind::NeedMore)
            return event;
    }
    return {};
}

bool FrameReader::readHead(Head& head)
{
    const std::string_view in = std::string_view(m_in).substr(m_at);
    if (in.size() < 2)
        return false;
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(in[i]); };
    head.last = (byte(0) & 0x80) != 0;
    head.opcode = byte(0) & 0x0f;
    const bool masked = (byte(1) & 0x80) != 0;
    const unsigned length = byte(1) & 0x7f;
    const size_t lengthBytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    if ((byte(0) & 0x70) != 0) {
        m_fault = broken(kProtocolError, "a reserved bit is set");
        return true;
    }
    if (in.size() < 2 + lengthBytes)
        return false;
    head.payloadBytes = lengthBytes == 0 ? length : 0;
    for (size_t i = 0; i < lengthBytes; ++i)
        head.payloadBytes = head.payloadBytes << 8 | byte(2 + i);
    checkHead(head, masked);
    if (m_fault.kind == Kind::Broken)
        return true;
    head.bytes = 2 + lengthBytes + 4;
    if (in.size() < head.bytes)
        return false;
    std::memcpy(head.mask, in.data() + 2 + lengthBytes, 4);
    return true;
}

void FrameReader::checkHead(const Head& head, bool masked)
{
    const bool open = m_messageOpcode != 0;
    const unsigned op = head.opcode;
    if (!masked)
        m_fault = broken(kProtocolError, "a frame of a client must be masked");
    else if (op > kPong || (op > kBinary && op < kClose))
        m_fault = broken(kProtocolError, "unknown opcode");
    else if (isControl(op) && (!head.last || head.payloadBytes > kMaxControlBytes))
        m_fault = broken(kProtocolError, "a control frame must be whole and at most 125 bytes");
    else if (!isControl(op) && (op == kContinuation) != open)
        m_fault = broken(kProtocolError,
                         open ? "a message begins inside another" : "a continuation of no message");
    else if (head.payloadBytes >> 63 != 0)
        m_fault = broken(kProtocolError, "the first bit of a length must be 0");
    else if (head.payloadBytes > m_maxMessageBytes ||
             (!isControl(op) && m_message.size() + head.payloadBytes > m_maxMessageBytes))
        m_fault =
            broken(kTooBig, "a message may have " + std::to_string(m_maxMessageBytes) + " bytes");
}

std::string_view FrameReader::takePayload(const Head& head)
{
    char* const payload = m_in.data() + m_at + head.bytes;
    unmask(payload, head.payloadBytes, head.mask);
    m_at += head.bytes + head.payloadBytes;
    return {payload, head.payloadBytes};
}

FrameReader::Event FrameReader::control(const Head& head, std::string_view payload)
{
    if (head.opcode == kPing)
        return {Kind::Ping, {}, payload, 0};
    if (head.opcode == kPong)
        return {Kind::Pong, {}, payload, 0};
    if (payload.empty())
        return {Kind::Close, {}, {}, kCloseWithoutCode};
    if (payload.size() < 2)
        return broken(kProtocolError, "a close frame with half a code");
    const int code =
        static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    if (!isCloseCode(code))
        return broken(kProtocolError, "a close code that must not be sent");
    if (!isUtf8(payload.substr(2)))
        return broken(kNotUtf8, "the close reason is not UTF-8");
    return {Kind::Close, {}, payload.substr(2), code};
}

FrameReader::Event FrameReader::data(const Head& head, std::string_view payload)
{
    const bool first = m_messageOpcode == 0;
    if (first)
        m_messageOpcode = head.opcode;
    if (!head.last || !first)
        m_message += payload;
    if (!head.last)
        return {};
    const FrameKind kind = m_messageOpcode == kText ? FrameKind::Text : FrameKind::Binary;
    m_messageOpcode = 0;
    if (!first) {
        m_joined.swap(m_message);
        release(m_message);
        payload = m_joined;
    }
    if (kind == FrameKind::Text && !isUtf8(payload))
        return broken(kNotUtf8, "a text message is not UTF-8");
    return {Kind::Message, kind, payload, 0};
}

FrameReader::Event FrameReader::broken(int closeCode, std::string why)
{
    m_why = std::move(why);
    return {Kind::Broken, {}, m_why, closeCode};
}

} // namespace fluxion
