#include "linear/client.h"

#include <charconv>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace fluxion::linear {

namespace {

constexpr uint64_t kIdsOfAClient = uint64_t{1} << 40;

struct Nonsense : std::runtime_error {
    using std::runtime_error::runtime_error;
};

} // namespace

int64_t nowNs()
{
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::string keyName(uint32_t key)
{
    return "k" + std::to_string(key);
}

uint64_t numberAfter(std::string_view text, std::string_view name)
{
    const size_t at = text.find(name);
    uint64_t value = 0;
    if (at != std::string_view::npos)
        std::from_chars(text.data() + at + name.size(), text.data() + text.size(), value);
    return value;
}

Content contentOf(std::string_view text)
{
    return {numberAfter(text, R"(\"s\":)"), numberAfter(text, R"(\"p\":)")};
}

void Client::run()
{
    while (!m_course.enough) {
        const uint16_t port = m_course.port;
        if (port == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            continue;
        }
        try {
            bench::Connection connection(bench::Wire::WebSocket, port, kSecret);
            ++m_connections;
            serve(connection);
        } catch (const Nonsense& nonsense) {
            m_failure = nonsense.what();
            m_course.enough = true;
        } catch (const std::runtime_error&) {
            // The server was killed: what was under way was done before, or never will be.
        }
        const int64_t now = nowNs();
        for (const auto& [id, at] : m_open)
            m_operations[at].answered = now;
        m_open.clear();
    }
}

// Ends with all answered, or throws.
void Client::serve(bench::Connection& connection)
{
    ask(connection, m_inFlight);
    while (!m_open.empty()) {
        connection.receive();
        const int64_t now = nowNs();
        size_t replies = 0;
        std::string_view reply;
        while (connection.next(reply)) {
            answer(reply, now);
            ++replies;
        }
        m_course.answered += replies;
        if (!m_course.enough && replies > 0)
            ask(connection, replies);
    }
}

void Client::ask(bench::Connection& connection, size_t count)
{
    const size_t first = m_operations.size();
    std::string out;
    for (size_t i = 0; i < count; ++i)
        bench::Request::webSocket(bench::Frame::Text, next()).append(out, 0, 0);
    const int64_t now = nowNs();
    for (size_t at = first; at < m_operations.size(); ++at)
        m_operations[at].asked = now;
    connection.send(out);
}

std::string Client::next()
{
    Operation op;
    op.id = m_number * kIdsOfAClient + m_operations.size() + 1;
    op.key = below(2) == 0 ? below(kHotKeys) : below(kKeys);
    op.connection = m_number << 16 | m_connections;
    const uint32_t draw = below(100);
    op.kind = draw < 35   ? Kind::Read
              : draw < 70 ? Kind::Set
              : draw < 90 ? Kind::Patch
                          : Kind::Remove;
    if (op.kind != Kind::Read && below(2) == 0) {
        const uint32_t guess = below(20); // some are wrong
        op.expected = guess == 0 ? 0 : m_seen[op.key] + (guess == 1) - (guess == 2);
        if (*op.expected > kIdsOfAClient) // below 0
            op.expected = 0;
    }
    static const char* const kTypes[] = {"gval", "sval", "pval", "rval"};
    const std::string id = std::to_string(op.id);
    std::string out = "{\"id\":\"" + id + "\",\"type\":\"" + kTypes[static_cast<int>(op.kind)] +
                      R"(","data":{"col":"l","key":")" + keyName(op.key) + '"';
    if (op.kind == Kind::Set)
        out += R"(,"value":"{\"s\":)" + id + R"(,\"p\":0}")";
    else if (op.kind == Kind::Patch)
        out += R"(,"value":"{\"p\":)" + id + "}\"";
    if (op.expected)
        out += ",\"ver\":" + std::to_string(*op.expected);
    m_open.emplace(op.id, m_operations.size());
    m_operations.push_back(op);
    return out + "}}";
}

void Client::answer(std::string_view reply, int64_t now)
{
    const auto open = m_open.find(numberAfter(reply, "{\"id\":\""));
    if (open == m_open.end())
        throw Nonsense("answers nothing: " + std::string(reply));
    Operation& op = m_operations[open->second];
    m_open.erase(open);
    op.answered = now;
    op.result = Result::Done;
    if (reply.find("\"error\":") != std::string_view::npos) {
        if (reply.find("\"code\":\"conflict\"") == std::string_view::npos || !op.expected)
            throw Nonsense(std::string(reply));
        op.result = Result::Conflict;
    }
    const bool told = reply.find("\"ver\":") != std::string_view::npos;
    if (!told && op.kind == Kind::Remove && op.result == Result::Done)
        return; // there was nothing to remove
    if (!told)
        throw Nonsense("no version: " + std::string(reply));
    op.version = numberAfter(reply, "\"ver\":");
    if (op.kind == Kind::Read || op.result == Result::Conflict) {
        op.found = reply.find("\"found\":true") != std::string_view::npos;
        op.content = contentOf(reply);
    }
    m_seen[op.key] = op.version;
}

} // namespace fluxion::linear
