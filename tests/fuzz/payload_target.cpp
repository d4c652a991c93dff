// The first byte picks one of the types, the rest is its payload. As JSON text in a string and
// inline it means the same, or is refused for the same reason; and so does what was read, written
// anew.

#include "base/json.h"
#include "fuzz/check.h"
#include "fuzz/requests.h"
#include "fuzz/strict_json.h"

using namespace fluxion;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input input(data, size);
    const auto commands = allCommands();
    const CommandSpec& command = commands[input.byte() % commands.size()];
    const std::string_view payload = input.rest();

    static RequestReader reader;
    // The levels of the inline form count from the message.
    const auto strict = fuzz::readStrictJson(payload, kMaxJsonDepth - 1);
    if (!strict) {
        (void)fuzz::decoded(reader, fuzz::message(command.type, payload));
        if (!fuzz::isStrictUtf8(payload)) {
            const std::string verdict =
                fuzz::decoded(reader, fuzz::textForm(command.type, payload));
            FUZZ_CHECK(verdict.starts_with("bad_json "), verdict);
        }
        const bool taken = payload.empty() && command.shape == PayloadShape::None;
        const std::string verdict = fuzz::decoded(reader, fuzz::textForm(command.type, payload));
        const bool deep = fuzz::readStrictJson(payload, kMaxJsonDepth).has_value();
        FUZZ_CHECK(deep || verdict.starts_with(taken ? "ok" : "bad_json "), verdict);
        return 0;
    }
    const std::string text = fuzz::decoded(reader, fuzz::textForm(command.type, payload));
    // A string inline is the text form of what it holds.
    if (!strict->text.starts_with('"')) {
        const std::string inlined = fuzz::decoded(reader, fuzz::message(command.type, payload));
        FUZZ_CHECK(inlined == text, "text form: " + text + "\ninline:    " + inlined);
    }
    const std::string again = fuzz::decoded(reader, fuzz::textForm(command.type, strict->text));
    FUZZ_CHECK(again == text, "as it came: " + text + "\nanew:       " + again);
    FUZZ_CHECK(!text.starts_with("bad_json") && !text.starts_with("internal"), text);
    reader.trim();
    return 0;
}
