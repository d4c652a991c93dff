#include "net/outbox.h"

#include <algorithm>

#include "base/release.h"

namespace fluxion {

namespace {

constexpr uint64_t kFreeBytes = 64 * 1024; // of a stream, made before it needs a share
constexpr uint64_t kShareBytes = kFragmentBytes + kWriteAheadBytes;

constexpr unsigned char kContinuation = 0x0;
constexpr unsigned char kText = 0x1;
constexpr unsigned char kBinary = 0x2;
constexpr unsigned char kLast = 0x80;

constexpr size_t kMaxReasonBytes = 123; // ours are ASCII

// Text is cut between characters only: there are clients, QWebSocket among them, that decode each
// frame by itself and refuse half a character, which RFC 6455 section 5.6 allows.
std::string_view fragmentAt(std::string_view rest, FrameKind kind)
{
    if (rest.size() <= kFragmentBytes)
        return rest;
    size_t size = kFragmentBytes;
    while (kind == FrameKind::Text && (static_cast<unsigned char>(rest[size]) & 0xc0) == 0x80)
        --size;
    return rest.substr(0, size);
}

} // namespace

Outbox::~Outbox()
{
    if (m_hasBudget)
        m_budget.giveBack(kShareBytes);
}

void Outbox::add(FrameKind kind, std::string&& message)
{
    if (m_items.empty() && message.size() <= kFragmentBytes && unsentBytes() <= kWriteAheadBytes)
        return writeFrame(kind, message, true);
    m_queuedBytes += message.size();
    m_items.push_back({kind, std::move(message)});
}

void Outbox::add(FrameKind kind, std::unique_ptr<ReplyStream> stream)
{
    m_items.push_back({kind, std::move(stream)});
}

Outbox::Pumped Outbox::pump()
{
    while (!m_items.empty() && unsentBytes() <= kWriteAheadBytes) {
        Item& item = m_items.front();
        if (std::holds_alternative<std::string>(item.content)) {
            if (!pumpWhole(item))
                return Pumped::Waiting;
        } else if (const Pumped pumped = pumpStream(item); pumped != Pumped::Waiting) {
            return pumped;
        }
    }
    return Pumped::Waiting;
}

// False: not all of it was written.
bool Outbox::pumpWhole(Item& item)
{
    const std::string_view all = std::get<std::string>(item.content);
    while (m_offset < all.size() || !m_fragmenting) {
        if (unsentBytes() > kWriteAheadBytes)
            return false;
        const std::string_view piece = fragmentAt(all.substr(m_offset), item.kind);
        m_offset += piece.size();
        writeFrame(item.kind, piece, m_offset == all.size());
        m_fragmenting = true;
    }
    m_queuedBytes -= all.size();
    finishFront();
    return true;
}

// One slice of a stream; Waiting when it is finished, or waits for the socket.
Outbox::Pumped Outbox::pumpStream(Item& item)
{
    if (!m_hasBudget && m_piece.size() >= kFreeBytes) {
        if (!m_budget.take(kShareBytes))
            return Pumped::Later;
        m_hasBudget = true;
    }
    const size_t before = m_piece.size();
    const uint64_t aim = (m_hasBudget ? kFragmentBytes : kFreeBytes) - before;
    ReplyStream& stream = *std::get<std::unique_ptr<ReplyStream>>(item.content);
    const bool more = stream.produce(m_piece, aim);
    m_queuedBytes += m_piece.size() - before;
    if (more && m_piece.size() < kFragmentBytes)
        return Pumped::Again;
    writeFrame(item.kind, m_piece, !more);
    m_queuedBytes -= m_piece.size();
    m_fragmenting = true;
    m_piece.clear();
    if (more)
        return Pumped::Again;
    release(m_piece);
    finishFront();
    return Pumped::Waiting;
}

void Outbox::finishFront()
{
    if (m_hasBudget)
        m_budget.giveBack(kShareBytes);
    m_hasBudget = false;
    m_items.pop_front();
    m_offset = 0;
    m_fragmenting = false;
}

void Outbox::sendControl(Control control, std::string_view payload)
{
    write(static_cast<unsigned char>(control) | kLast, payload);
}

void Outbox::sendClose(int code, std::string_view reason)
{
    std::string payload;
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xff);
    payload += reason.substr(0, kMaxReasonBytes);
    sendControl(Control::Close, payload);
}

void Outbox::writeFrame(FrameKind kind, std::string_view payload, bool last)
{
    const unsigned char opcode = m_fragmenting             ? kContinuation
                                 : kind == FrameKind::Text ? kText
                                                           : kBinary;
    write(static_cast<unsigned char>(opcode | (last ? kLast : 0)), payload);
}

// RFC 6455 section 5.2; a server does not mask.
void Outbox::write(unsigned char first, std::string_view payload)
{
    char head[10] = {static_cast<char>(first)};
    size_t headBytes = 2;
    const uint64_t size = payload.size();
    if (size < 126) {
        head[1] = static_cast<char>(size);
    } else {
        const int bytes = size <= 0xffff ? 2 : 8;
        head[1] = static_cast<char>(bytes == 2 ? 126 : 127);
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
            head[headBytes++] = static_cast<char>((size >> shift) & 0xff);
    }
    m_transport.write({head, headBytes});
    m_transport.write(payload);
}

} // namespace fluxion
