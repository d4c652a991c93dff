// The reader of request heads: any bytes, in pieces or at once.

#include <algorithm>

#include "fuzz/check.h"
#include "net/http_head.h"

using namespace fluxion;

namespace {

using Kind = HeadVerdict::Kind;

std::string told(const HeadVerdict& verdict)
{
    if (verdict.kind == Kind::Refused)
        return "refused " + std::to_string(verdict.status) + " " + verdict.reason;
    std::string out = verdict.kind == Kind::Head ? "head " : "more ";
    out += verdict.head.method + " " + verdict.head.target + " " +
           std::to_string(verdict.head.bytes) + (verdict.head.upgradesToWebSocket ? " ws" : "");
    for (const auto& [name, value] : verdict.head.fields)
        out += "\n" + name + ": " + value;
    return out;
}

bool isToken(std::string_view text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool hasControl(std::string_view text)
{
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

size_t count(const HttpHead& head, std::string_view name)
{
    return static_cast<size_t>(
        std::count_if(head.fields.begin(), head.fields.end(), [&](const auto& field) {
            return std::equal(field.first.begin(), field.first.end(), name.begin(), name.end(),
                              [](char a, char b) { return (a | 0x20) == (b | 0x20); });
        }));
}

// What a head that was taken promises to whoever reads it.
void checkHead(std::string_view bytes, const HttpHead& head)
{
    const std::string all = std::string(bytes.substr(0, head.bytes));
    FUZZ_CHECK(head.bytes <= bytes.size() && head.bytes >= 4, all);
    FUZZ_CHECK(all.ends_with("\r\n\r\n") && all.find("\r\n\r\n") == all.size() - 4, all);
    FUZZ_CHECK(isToken(head.method), head.method);
    FUZZ_CHECK(!head.target.empty() && !hasControl(head.target) &&
                   head.target.find(' ') == std::string::npos,
               head.target);
    for (const auto& [name, value] : head.fields)
        FUZZ_CHECK(isToken(name) && !hasControl(value), name + ": " + value);
    FUZZ_CHECK(count(head, "host") == 1, all);
    FUZZ_CHECK(count(head, "content-length") + count(head, "transfer-encoding") <= 1, all);
    const std::string whole = std::string(head.path()) +
                              (head.target.find('?') == std::string::npos ? "" : "?") +
                              std::string(head.query());
    FUZZ_CHECK(whole == head.target, whole);
    FUZZ_CHECK(!head.upgradesToWebSocket || (head.field("upgrade") && head.field("CONNECTION")),
               all);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input input(data, size);
    const size_t step = 1 + input.byte() % 32;
    const std::string_view bytes = input.rest();
    const HeadVerdict verdict = readHead(bytes);
    if (verdict.kind == Kind::Head)
        checkHead(bytes, verdict.head);
    if (verdict.kind == Kind::Refused)
        FUZZ_CHECK((verdict.status == 400 || verdict.status == 431) && !verdict.reason.empty(),
                   told(verdict));

    // As it drips in: the end is seen where it is, once, and nothing is taken back.
    size_t searched = 0;
    bool wasWhole = false;
    for (size_t end = std::min(step, bytes.size());; end = std::min(end + step, bytes.size())) {
        const std::string_view come = bytes.substr(0, end);
        size_t fromStart = 0;
        const bool whole = headIsWhole(come, fromStart);
        if (!wasWhole) {
            FUZZ_CHECK(headIsWhole(come, searched) == whole, std::string(come));
            if (whole) {
                const HeadVerdict now = readHead(come);
                FUZZ_CHECK(now.kind != Kind::NeedMore, told(now));
                FUZZ_CHECK(told(now) == told(verdict), told(now) + "\nat last: " + told(verdict));
            }
        }
        wasWhole |= whole;
        if (end == bytes.size())
            break;
    }
    return 0;
}
