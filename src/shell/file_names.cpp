#include "shell/file_names.h"

#include <QCryptographicHash>

namespace fluxion::shell {

namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";
constexpr std::string_view kCutMark = "%~";
constexpr size_t kHashDigits = 32;

bool staysItself(char c, bool first)
{
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '-' || c == '_' || (c == '.' && !first);
}

} // namespace

std::string fileNameOf(std::string_view name)
{
    std::string out;
    size_t kept = 0; // as much as stands before a hash
    for (const char c : name) {
        if (staysItself(c, out.empty())) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.append({'%', kDigits[byte >> 4U], kDigits[byte & 15U]});
        }
        if (out.size() <= kMaxFileNameBytes - kCutMark.size() - kHashDigits)
            kept = out.size();
    }
    if (out.size() <= kMaxFileNameBytes)
        return out;
    const QByteArray bytes = QByteArray::fromRawData(name.data(), static_cast<int>(name.size()));
    const QByteArray hash = QCryptographicHash::hash(bytes, QCryptographicHash::Sha256).toHex();
    out.resize(kept);
    return out.append(kCutMark).append(hash.constData(), kHashDigits);
}

std::optional<std::string> nameOfFile(std::string_view fileName)
{
    std::string out;
    for (size_t i = 0; i < fileName.size(); ++i) {
        if (fileName[i] != '%') {
            out += fileName[i];
            continue;
        }
        const size_t high =
            i + 1 < fileName.size() ? kDigits.find(fileName[i + 1]) : std::string_view::npos;
        const size_t low =
            i + 2 < fileName.size() ? kDigits.find(fileName[i + 2]) : std::string_view::npos;
        if (high == std::string_view::npos || low == std::string_view::npos)
            return std::nullopt;
        out += static_cast<char>(high << 4U | low);
        i += 2;
    }
    return out.empty() ? std::nullopt : std::optional(out);
}

} // namespace fluxion::shell
