#pragma once

// Rows of fields: aligned for people, separated by tabs for programs.

#include <string>
#include <vector>

#include "shell/style.h"

namespace fluxion::shell {

struct Field {
    std::string text;
    Paint paint = Paint::None;
};

class TableText {
  public:
    explicit TableText(const Style& style) : m_style(style) {}

    void add(std::vector<Field> row) { m_rows.push_back(std::move(row)); }
    bool empty() const { return m_rows.empty(); }
    // Appends a line for each row. In the Human form a field is as wide as the widest of its
    // column, up to kMaxColumn characters; the last of a row is not padded.
    void write(std::string& out) const;

    static constexpr size_t kMaxColumn = 40;

  private:
    const Style& m_style;
    std::vector<std::vector<Field>> m_rows;
};

} // namespace fluxion::shell
