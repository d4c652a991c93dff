#pragma once

// The head of an HTTP/1.1 request, parsed by Boost.Beast and judged by stricter rules of ours, so
// that no two readers of the same bytes can disagree about where a request ends.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxion {

constexpr size_t kMaxHeadBytes = 16 * 1024; // more: 431

struct HttpHead {
    std::string method;
    std::string target; // as sent: path, perhaps "?" and a query
    std::vector<std::pair<std::string, std::string>> fields;
    size_t bytes = 0; // of the head, its empty line included
    bool upgradesToWebSocket = false;

    std::string_view path() const;
    std::string_view query() const;
    // The first field of that name, in any case.
    std::optional<std::string_view> field(std::string_view name) const;
};

struct HeadVerdict {
    enum class Kind { NeedMore, Head, Refused };
    Kind kind = Kind::NeedMore;
    HttpHead head;
    int status = 400;   // when Refused
    std::string reason; // plain words, when Refused
};

// Whether the head's empty line has come; `from` is where an earlier look over a prefix of the same
// bytes ended, and is moved on.
bool headIsWhole(std::string_view bytes, size_t& from);

// `bytes` from the connection's start, all that has come.
HeadVerdict readHead(std::string_view bytes);

} // namespace fluxion
