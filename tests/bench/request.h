#pragma once

// A request as wire bytes whose numbers change from one to the next: made once, then only digits
// are written, so that the client costs next to nothing beside the server that is measured.

#include <cstdint>
#include <string>
#include <vector>

namespace fluxion::bench {

enum class Wire { WebSocket, Resp };
enum class Frame : unsigned char { Text = 0x81, Binary = 0x82 };

class Request {
  public:
    // In the text, a run of `#` stands for the number of the request, of `@` for that of the
    // connection, of `~` for that of the key (request modulo `keys`): as many digits, with zeros
    // in front.
    static Request webSocket(Frame frame, const std::string& payload, uint64_t keys = 1000);
    static Request resp(const std::vector<std::string>& words, uint64_t keys = 1000);

    Wire wire() const { return m_wire; }
    size_t bytes() const { return m_bytes.size(); }
    // How far apart two requests must be for their numbers to be the same.
    uint64_t distinctIds() const { return m_distinctIds; }
    void append(std::string& out, uint64_t connection, uint64_t number) const;

  private:
    struct Place {
        size_t at;
        size_t digits;
        char kind;
    };

    // Numbers are looked for from `start` on: a frame's head may hold any byte.
    Request(Wire wire, std::string bytes, size_t start, uint64_t keys);

    Wire m_wire;
    std::string m_bytes;
    uint64_t m_keys;
    uint64_t m_distinctIds = UINT64_MAX;
    std::vector<Place> m_places;
};

} // namespace fluxion::bench
