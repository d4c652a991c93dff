#include "bench/request.h"

#include <algorithm>

namespace fluxion::bench {

namespace {

constexpr size_t kMaxDigits = 18;

// Masked with a zero key, so that masking costs the client nothing.
std::string headOf(Frame frame, uint64_t size)
{
    std::string out(1, static_cast<char>(frame));
    if (size < 126) {
        out += static_cast<char>(0x80 | size);
    } else {
        const int bytes = size <= 0xffff ? 2 : 8;
        out += static_cast<char>(0x80 | (bytes == 2 ? 126 : 127));
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
            out += static_cast<char>((size >> shift) & 0xff);
    }
    return out.append(4, '\0');
}

} // namespace

Request::Request(Wire wire, std::string bytes, size_t start, Keys keys)
    : m_wire(wire), m_bytes(std::move(bytes)), m_keys(keys)
{
    for (size_t at = start; at < m_bytes.size();) {
        const char kind = m_bytes[at];
        const size_t end = std::min(m_bytes.find_first_not_of(kind, at), m_bytes.size());
        if (kind == '#' || kind == '@' || kind == '~')
            m_places.push_back({at, std::min(end - at, kMaxDigits), kind});
        at = end;
    }
    for (const Place& place : m_places) {
        if (place.kind != '#')
            continue;
        m_distinctIds = 1;
        for (size_t i = 0; i < place.digits; ++i)
            m_distinctIds *= 10;
        break;
    }
}

Request Request::webSocket(Frame frame, const std::string& payload, Keys keys)
{
    const std::string head = headOf(frame, payload.size());
    return {Wire::WebSocket, head + payload, head.size(), keys};
}

Request Request::resp(const std::vector<std::string>& words, Keys keys)
{
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words)
        out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    return {Wire::Resp, out, 0, keys};
}

Request Request::plain(Wire wire, const std::string& bytes)
{
    return {wire, bytes, bytes.size(), {}};
}

void Request::append(std::string& out, uint64_t connection, uint64_t number) const
{
    const size_t begin = out.size();
    out += m_bytes;
    for (const Place& place : m_places) {
        uint64_t value = number;
        if (place.kind == '@')
            value = connection;
        else if (place.kind == '~')
            value = number / m_keys.requests % m_keys.count;
        for (size_t i = place.digits; i-- > 0; value /= 10)
            out[begin + place.at + i] = static_cast<char>('0' + value % 10);
    }
}

} // namespace fluxion::bench
