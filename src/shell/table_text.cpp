#include "shell/table_text.h"

#include <algorithm>

namespace fluxion::shell {

namespace {

// Characters, taking each code point for one.
size_t width(std::string_view text)
{
    return static_cast<size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

} // namespace

void TableText::write(std::string& out) const
{
    std::vector<size_t> widths;
    for (const auto& row : m_rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; m_style.human() && i + 1 < row.size(); ++i)
            widths[i] = std::max(widths[i], std::min(width(visible(row[i].text)), kMaxColumn));
    }
    for (const auto& row : m_rows) {
        for (size_t i = 0; i < row.size(); ++i) {
            appendText(out, m_style, row[i].paint, row[i].text);
            if (i + 1 == row.size())
                break;
            if (!m_style.human()) {
                out += '\t';
                continue;
            }
            const size_t used = width(visible(row[i].text));
            out.append(2 + (used < widths[i] ? widths[i] - used : 0), ' ');
        }
        out += '\n';
    }
}

} // namespace fluxion::shell
