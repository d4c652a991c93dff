// Readers of `ins` against each other: the same records in the same order, or the same refusal.
//
// The first byte picks how the rest becomes messages: as a payload, inline and as JSON text in a
// string, escaped in one of several ways; as what stands between the quotes of `data`; or as it is.

#include "base/json.h"
#include "fuzz/check.h"
#include "fuzz/requests.h"
#include "fuzz/strict_json.h"
#include "protocol/insert_reader.h"

using namespace fluxion;

namespace {

// Reads a whole message, and says what it asks for or why it is refused: see fuzz::decoded().
struct Reading {
    const char* name;
    std::string (*read)(std::string_view message);
};

// The general way.
std::string readPlain(std::string_view message)
{
    static RequestReader reader;
    // What is no `ins` in the first 256 bytes is not read in one pass: white space puts it there.
    static std::string later;
    later.assign(256, ' ').append(message);
    std::string verdict = fuzz::decoded(reader, later);
    const Envelope envelope = reader.readEnvelope(later);
    FUZZ_CHECK(!envelope.insert, "it was read in one pass");
    verdict += envelope.id ? " id " + std::string(*envelope.id) : " no id";
    reader.trim();
    return verdict;
}
constexpr Reading kPlain{"plain", readPlain};

// Has no opinion of its own on what it gives up on.
std::string readFused(std::string_view message)
{
    static InsertReader reader(RequestLimits().maxNameBytes);
    // It does not look at short messages; white space makes this one long.
    static std::string longer;
    longer.assign(message).append(256, ' ');
    const InsertMessage* const read = reader.read(longer);
    std::string verdict =
        read ? fuzz::decoded(read->request) + " id " + std::string(read->id) : readPlain(message);
    reader.trim();
    return verdict;
}
constexpr Reading kFused{"fused", readFused};

// The one place where readers meet.
void compare(const Reading& first, std::string_view firstMessage, const Reading& second,
             std::string_view secondMessage)
{
    const std::string one = first.read(firstMessage);
    const std::string other = second.read(secondMessage);
    FUZZ_CHECK(one == other, std::string(first.name) + ": " + one + "\n" + second.name + ": " +
                                 other + "\nof: " + std::string(firstMessage) +
                                 "\nand: " + std::string(secondMessage));
}

void appendUnit(std::string& out, uint32_t unit, bool upper)
{
    const char* const digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
        out += digits[unit >> shift & 15];
}

// The text in a JSON string, each character escaped in a way that `random` chooses; ASCII only
// where it may be written as \uXXXX.
std::string escapedAtRandom(std::string_view text, uint32_t random)
{
    std::string out = "\"";
    for (const char c : text) {
        random = random * 1664525 + 1013904223;
        const uint32_t choice = random >> 28;
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && (choice < 2 || byte < 0x20)) {
            appendUnit(out, byte, choice == 0);
        } else if (c == '/' && choice < 8) {
            out += "\\/";
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else {
            out += c;
        }
    }
    return out + '"';
}

void compareForms(std::string_view payload, uint32_t random)
{
    const auto strict = fuzz::readStrictJson(payload, kMaxJsonDepth - 1);
    const std::string text = fuzz::textForm(CommandType::Ins, payload);
    const std::string inlined = fuzz::message(CommandType::Ins, payload);
    if (strict && !strict->text.starts_with('"'))
        compare(kPlain, text, kPlain, inlined);
    const std::string escaped = fuzz::message(CommandType::Ins, escapedAtRandom(payload, random));
    compare(kPlain, text, kPlain, escaped);
    for (const std::string& message : {text, inlined, escaped})
        compare(kPlain, message, kFused, message);
}

// A message as a client could write it, escaped in its own way, or wrongly.
void compareMessage(std::string_view message)
{
    compare(kPlain, message, kFused, message);
    const auto strict = fuzz::readStrictJson(message, kMaxJsonDepth);
    if (!strict)
        return;
    compare(kPlain, message, kPlain, strict->text);
    compare(kPlain, message, kFused, strict->text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input input(data, size);
    const uint8_t mode = input.byte();
    const std::string_view rest = input.rest();
    if (mode % 4 == 0)
        compareMessage(fuzz::message(CommandType::Ins, "\"" + std::string(rest) + "\""));
    else if (mode % 4 == 1)
        compareMessage(rest);
    else if (fuzz::isStrictUtf8(rest))
        compareForms(rest, mode);
    return 0;
}
