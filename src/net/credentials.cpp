#include "net/credentials.h"

#include <algorithm>
#include <cctype>

#include <QByteArray>
#include <QString>

namespace fluxion {

namespace {

constexpr std::string_view kBearer = "bearer ";
constexpr std::string_view kKeyProtocol = "fluxion.key.";

int hexDigit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

// A percent sign that no two digits follow stands for itself.
std::string decoded(std::string_view text, bool plusIsSpace)
{
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hexDigit(text[i + 1]) >= 0 &&
            hexDigit(text[i + 2]) >= 0) {
            out.push_back(static_cast<char>(hexDigit(text[i + 1]) * 16 + hexDigit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(text[i] == '+' && plusIsSpace ? ' ' : text[i]);
        }
    }
    return out;
}

std::optional<std::string> bearer(const HttpHead& head)
{
    const auto field = head.field("Authorization");
    if (!field || field->size() <= kBearer.size())
        return std::nullopt;
    std::string scheme(field->substr(0, kBearer.size()));
    for (char& c : scheme)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (scheme != kBearer)
        return std::nullopt;
    return std::string(field->substr(kBearer.size()));
}

// All that the client offers, of all header lines.
std::vector<std::string_view> subprotocols(const HttpHead& head)
{
    std::vector<std::string_view> all;
    for (const auto& [name, value] : head.fields) {
        if (QByteArray(name.data(), static_cast<qsizetype>(name.size()))
                .compare("Sec-WebSocket-Protocol", Qt::CaseInsensitive) != 0)
            continue;
        std::string_view rest = value;
        while (!rest.empty()) {
            const size_t comma = std::min(rest.find(','), rest.size());
            std::string_view item = rest.substr(0, comma);
            rest.remove_prefix(std::min(comma + 1, rest.size()));
            while (!item.empty() && item.front() == ' ')
                item.remove_prefix(1);
            while (!item.empty() && item.back() == ' ')
                item.remove_suffix(1);
            all.push_back(item);
        }
    }
    return all;
}

// Browsers cannot set headers, but may name subprotocols.
std::optional<std::string> keyProtocol(const HttpHead& head)
{
    for (std::string_view item : subprotocols(head)) {
        if (!item.starts_with(kKeyProtocol))
            continue;
        item.remove_prefix(kKeyProtocol.size());
        const QByteArray encoded(item.data(), static_cast<qsizetype>(item.size()));
        return QByteArray::fromBase64(encoded, QByteArray::Base64UrlEncoding).toStdString();
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string> queryParameter(std::string_view query, std::string_view name,
                                          bool plusIsSpace)
{
    while (!query.empty()) {
        const size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const size_t equals = std::min(pair.find('='), pair.size());
        if (decoded(pair.substr(0, equals), plusIsSpace) == name)
            return decoded(pair.substr(std::min(equals + 1, pair.size())), plusIsSpace);
    }
    return std::nullopt;
}

std::vector<std::string> shownKeys(const HttpHead& head)
{
    if (auto key = bearer(head))
        return {*key};
    if (auto key = keyProtocol(head))
        return {*key};
    const auto plain = queryParameter(head.query(), "api-key", false);
    if (!plain || plain->empty())
        return {};
    const auto spaced = queryParameter(head.query(), "api-key", true);
    if (spaced && *spaced != *plain)
        return {*plain, *spaced};
    return {*plain};
}

bool offersSubprotocol(const HttpHead& head)
{
    const auto all = subprotocols(head);
    return std::find(all.begin(), all.end(), kSubprotocol) != all.end();
}

std::optional<std::string> shownName(const HttpHead& head)
{
    auto name = queryParameter(head.query(), "name", true);
    if (!name || name->empty())
        return std::nullopt;
    // It goes out as JSON again: bytes that are not UTF-8 are replaced.
    return QString::fromStdString(*name).toStdString();
}

} // namespace fluxion
