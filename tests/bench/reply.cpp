#include "bench/reply.h"

#include <charconv>
#include <stdexcept>
#include <string>

namespace fluxion::bench {

void answersNothing(std::string_view reply)
{
    throw std::runtime_error("a reply to no request: " + std::string(reply.substr(0, 200)));
}

uint64_t idOf(std::string_view reply)
{
    constexpr std::string_view kBefore = "\"id\":\"";
    const size_t at = reply.find(kBefore);
    if (at == std::string_view::npos)
        answersNothing(reply);
    const std::string_view id = reply.substr(at + kBefore.size());
    uint64_t number = 0;
    const auto [end, fault] = std::from_chars(id.data(), id.data() + id.size(), number);
    if (fault != std::errc() || end == id.data() + id.size() || *end != '"')
        answersNothing(reply);
    return number;
}

bool isError(Wire wire, std::string_view reply)
{
    return wire == Wire::WebSocket ? reply.find("\"error\":") != std::string_view::npos
                                   : reply.starts_with('-');
}

} // namespace fluxion::bench
