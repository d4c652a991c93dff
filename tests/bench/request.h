#pragma once

// A request as wire bytes whose numbers change from one to the next: made once, then only digits
// are written, so that the client costs next to nothing beside the server that is measured.

#include <cstdint>
#include <string>
#include <vector>

namespace fluxion::bench {

enum class Wire { WebSocket, Resp, Nats };
enum class Frame : unsigned char { Text = 0x81, Binary = 0x82 };

class Request {
  public:
    // In the text, a run of `#` stands for the number of the request, of `@` for that of the
    // connection, of `~` for that of the key: as many digits, with zeros in front.
    struct Keys {
        uint64_t count = 1000; // as many, taken in turn
        uint64_t requests = 1; // in a row, of each
    };
    static Request webSocket(Frame frame, const std::string& payload, Keys keys = {1000, 1});
    static Request resp(const std::vector<std::string>& words, Keys keys = {1000, 1});
    // As it is, without numbers.
    static Request plain(Wire wire, const std::string& bytes);

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
    Request(Wire wire, std::string bytes, size_t start, Keys keys);

    Wire m_wire;
    std::string m_bytes;
    Keys m_keys;
    uint64_t m_distinctIds = UINT64_MAX;
    std::vector<Place> m_places;
};

} // namespace fluxion::bench
