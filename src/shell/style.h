#pragma once

// How results are written.

#include <string>
#include <string_view>

namespace fluxion::shell {

// Human: for eyes, on a terminal. Plain: for programs, fields separated by tabs, texts byte for
// byte. Json: as the server sent it, one line each.
enum class Form : unsigned char { Human, Plain, Json };

enum class Paint : unsigned char { None, Name, Value, Note, Trouble };

struct Style {
    Form form = Form::Plain;
    bool colours = false; // only of Human

    bool human() const { return form == Form::Human; }
};

// Appends `text` painted; in the Human form with its control characters made visible (\x1b), so
// that no stored text can steer a terminal. `keepLines`: except for tabs and line feeds.
void appendText(std::string& out, const Style& style, Paint paint, std::string_view text,
                bool keepLines = false);

// The text with its control characters made visible.
std::string visible(std::string_view text, bool keepLines = false);

} // namespace fluxion::shell
