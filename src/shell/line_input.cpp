#include "shell/line_input.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <QSocketNotifier>

namespace fluxion::shell {

namespace {

constexpr size_t kReadBytes = size_t(64) << 10U;

// Appends what can be read at once; false at the end.
Result<bool> readSome(int descriptor, std::string& out)
{
    std::array<char, kReadBytes> buffer; // NOLINT: filled by read()
    for (;;) {
        const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
        if (count >= 0) {
            out.append(buffer.data(), static_cast<size_t>(count));
            return count > 0;
        }
        if (errno != EINTR)
            return {Code::Io, std::string("cannot read: ") + std::strerror(errno)};
    }
}

std::string tooLong(size_t maxBytes)
{
    return "more than " + std::to_string(maxBytes >> 20U) + " MiB";
}

} // namespace

bool waitReadable(int descriptor, Connection& connection)
{
    QSocketNotifier notifier(descriptor, QSocketNotifier::Read);
    bool readable = false;
    QObject::connect(&notifier, &QSocketNotifier::activated, &connection, [&] {
        readable = true;
        notifier.setEnabled(false);
        Q_EMIT connection.changed();
    });
    // Ctrl-C comes first: what was typed behind it belongs to the next line.
    while (!connection.interrupted()) {
        if (connection.wait(Connection::kForever, [&] { return readable; }))
            return !connection.interrupted();
    }
    return false;
}

Result<bool> LineInput::readMore()
{
    if (m_atEnd || !waitReadable(m_descriptor, m_connection))
        return false;
    m_pending.erase(0, m_taken);
    m_scanned -= m_taken;
    m_taken = 0;
    auto more = readSome(m_descriptor, m_pending);
    m_atEnd = more && !more.value();
    return more;
}

Result<std::optional<std::string>> LineInput::next()
{
    for (;;) {
        const size_t end = m_pending.find('\n', m_scanned);
        if (end != std::string::npos) {
            std::string line = m_pending.substr(m_taken, end - m_taken);
            m_taken = m_scanned = end + 1;
            ++m_number;
            return std::optional(std::move(line));
        }
        m_scanned = m_pending.size();
        if (m_pending.size() - m_taken > m_maxBytes)
            return {Code::TooLarge,
                    "line " + std::to_string(m_number + 1) + " has " + tooLong(m_maxBytes)};
        const auto more = readMore();
        if (!more)
            return more.error();
        if (more.value())
            continue;
        if (!m_atEnd || m_taken == m_pending.size())
            return std::optional<std::string>();
        std::string line = m_pending.substr(m_taken);
        m_taken = m_scanned = m_pending.size();
        ++m_number;
        return std::optional(std::move(line));
    }
}

Result<std::string> readAll(int descriptor, size_t maxBytes)
{
    std::string out;
    for (;;) {
        const auto more = readSome(descriptor, out);
        if (!more)
            return more.error();
        if (out.size() > maxBytes)
            return {Code::TooLarge, "standard input has " + tooLong(maxBytes)};
        if (!more.value())
            return out;
    }
}

} // namespace fluxion::shell
