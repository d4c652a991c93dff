// A dripped empty chunk would fail an assertion of Beast 1.74.
#define BOOST_DISABLE_ASSERTS
#include "net/http_head.h"

#include <algorithm>
#include <cctype>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace fluxion {

namespace {

namespace http = boost::beast::http;

bool equalNoCase(std::string_view a, std::string_view b)
{
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return std::tolower(static_cast<unsigned char>(x)) ==
                      std::tolower(static_cast<unsigned char>(y));
           });
}

// Whether a comma-separated list holds the word.
bool listHas(std::string_view list, std::string_view word)
{
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        std::string_view item = list.substr(0, comma);
        list.remove_prefix(std::min(comma + 1, list.size()));
        while (!item.empty() && (item.front() == ' ' || item.front() == '\t'))
            item.remove_prefix(1);
        while (!item.empty() && (item.back() == ' ' || item.back() == '\t'))
            item.remove_suffix(1);
        if (equalNoCase(item, word))
            return true;
    }
    return false;
}

HeadVerdict refuse(int status, std::string reason)
{
    HeadVerdict verdict;
    verdict.kind = HeadVerdict::Kind::Refused;
    verdict.status = status;
    verdict.reason = std::move(reason);
    return verdict;
}

HeadVerdict tooLarge()
{
    return refuse(431,
                  "the request head is larger than " + std::to_string(kMaxHeadBytes) + " bytes");
}

// Beast joins folded lines, passes two equal lengths and any transfer coding: we do not.
std::string fault(std::string_view bytes, const HttpHead& head)
{
    const std::string_view lines = bytes.substr(0, head.bytes); // a body may begin with a blank
    if (lines.find("\r\n ") != lines.npos || lines.find("\r\n\t") != lines.npos)
        return "folded header lines are not taken";
    const auto count = [&](std::string_view name) {
        return std::count_if(head.fields.begin(), head.fields.end(),
                             [&](const auto& f) { return equalNoCase(f.first, name); });
    };
    if (count("Host") != 1)
        return "exactly one Host header is needed";
    if (count("Content-Length") + count("Transfer-Encoding") > 1)
        return "the length of the body is given twice";
    // A list of equal ones is allowed (RFC 9110 section 8.6), and read differently by others.
    const auto length = head.field("Content-Length");
    if (length && length->find_first_not_of("0123456789") != std::string_view::npos)
        return "the length of the body is not a number";
    const auto coding = head.field("Transfer-Encoding");
    if (coding && !equalNoCase(*coding, "chunked"))
        return "only chunked is taken as a transfer encoding";
    return {};
}

} // namespace

std::string_view HttpHead::path() const
{
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view HttpHead::query() const
{
    const size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
}

std::optional<std::string_view> HttpHead::field(std::string_view name) const
{
    for (const auto& [key, value] : fields) {
        if (equalNoCase(key, name))
            return value;
    }
    return std::nullopt;
}

bool headIsWhole(std::string_view bytes, size_t& from)
{
    const size_t at = bytes.find("\r\n\r\n", from);
    from = bytes.size() < 3 ? 0 : bytes.size() - 3;
    return at != std::string_view::npos;
}

HeadVerdict readHead(std::string_view bytes)
{
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxHeadBytes);
    parser.skip(true); // the body is not ours to parse here
    boost::beast::error_code error;
    size_t used = 0;
    if (!bytes.empty())
        used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    if (error == http::error::header_limit)
        return tooLarge();
    if (error && error != http::error::need_more)
        return refuse(400, "this is not an HTTP request");
    if (!parser.is_header_done()) {
        // Beast waits for the bytes of the shortest version, even where the head has ended.
        size_t from = 0;
        if (headIsWhole(bytes, from))
            return refuse(400, "this is not an HTTP request");
        return bytes.size() > kMaxHeadBytes ? tooLarge() : HeadVerdict();
    }
    HeadVerdict verdict;
    verdict.kind = HeadVerdict::Kind::Head;
    const auto& message = parser.get();
    verdict.head.method = std::string(message.method_string());
    verdict.head.target = std::string(message.target());
    verdict.head.bytes = used;
    for (const auto& f : message)
        verdict.head.fields.emplace_back(std::string(f.name_string()), std::string(f.value()));
    if (std::string reason = fault(bytes, verdict.head); !reason.empty())
        return refuse(400, std::move(reason));
    const auto upgrade = verdict.head.field("Upgrade");
    const auto connection = verdict.head.field("Connection");
    verdict.head.upgradesToWebSocket = message.version() == 11 && upgrade &&
                                       listHas(*upgrade, "websocket") && connection &&
                                       listHas(*connection, "upgrade");
    return verdict;
}

} // namespace fluxion
