#include "shell/style.h"

#include <array>

namespace fluxion::shell {

namespace {

// Escape sequences of ECMA-48, section 8.3.117.
constexpr std::array<std::string_view, 5> kColours = {"", "\x1b[36m", "\x1b[32m", "\x1b[2m",
                                                      "\x1b[31m"};
constexpr std::string_view kReset = "\x1b[0m";

void appendEscape(std::string& out, unsigned char byte)
{
    constexpr std::string_view kDigits = "0123456789abcdef";
    out.append("\\x");
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
}

} // namespace

std::string visible(std::string_view text, bool keepLines)
{
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
        if (keepLines && (byte == '\n' || byte == '\t')) {
            out += text[i];
        } else if (byte < 0x20 || byte == 0x7f) {
            appendEscape(out, byte);
        } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) { // U+0080 to U+009F
            appendEscape(out, next);
            ++i;
        } else {
            out += text[i];
        }
    }
    return out;
}

void appendText(std::string& out, const Style& style, Paint paint, std::string_view text,
                bool keepLines)
{
    if (!style.human()) {
        out.append(text);
        return;
    }
    const bool painted = style.colours && paint != Paint::None && !text.empty();
    if (painted)
        out.append(kColours[static_cast<size_t>(paint)]);
    out.append(visible(text, keepLines));
    if (painted)
        out.append(kReset);
}

} // namespace fluxion::shell
