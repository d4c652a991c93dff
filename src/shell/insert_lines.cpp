#include "shell/insert_lines.h"

#include <unistd.h>

#include "shell/line_input.h"
#include "shell/record_line.h"
#include "shell/reply_text.h"

namespace fluxion::shell {

namespace {

// Collects records and sends them.
class Inserter {
  public:
    Inserter(Connection& connection, const Invocation& invocation, const Style& style)
        : m_connection(connection), m_invocation(invocation), m_style(style)
    {
    }

    // Nothing while all is well.
    std::optional<Outcome> add(std::string_view record)
    {
        const bool full = m_records == kMaxBatchRecords ||
                          (m_records > 0 && m_batch.size() + record.size() > kMaxBatchBytes);
        if (full) {
            if (const auto outcome = flush())
                return outcome;
        }
        m_batch.append(m_records++ == 0 ? "[" : ",").append(record);
        return std::nullopt;
    }

    std::optional<Outcome> flush()
    {
        if (m_records == 0)
            return std::nullopt;
        const auto reply = m_connection.call({"ins", m_batch + "]"});
        if (!reply)
            return failed(reply.error());
        if (m_style.form == Form::Json || member(reply.value().value, "error").exists()) {
            const Outcome outcome = showReply(m_invocation, reply.value(), m_style);
            if (outcome != Outcome::Done)
                return outcome;
        }
        m_inserted += m_records;
        m_records = 0;
        m_batch.clear();
        return std::nullopt;
    }

    size_t inserted() const { return m_inserted; }

  private:
    Connection& m_connection;
    const Invocation& m_invocation;
    const Style& m_style;
    std::string m_batch;
    size_t m_records = 0;
    size_t m_inserted = 0;
};

std::string countText(size_t records)
{
    return std::to_string(records) + (records == 1 ? " record" : " records");
}

} // namespace

Outcome insertLines(Connection& connection, const Invocation& invocation, const Style& style)
{
    if (Status status = connection.open(); !status)
        return failed(status.error());
    RecordDefaults defaults{std::string(invocation.argument("COL").value_or("")),
                            std::string(invocation.argument("DOC").value_or("")),
                            {}};
    Inserter inserter(connection, invocation, style);
    LineInput input(STDIN_FILENO, kMaxLineBytes, connection);
    JsonReader reader;
    std::optional<Outcome> outcome;
    while (!outcome) {
        const auto line = input.next();
        if (!line) {
            complain("error: " + line.error().text);
            outcome = Outcome::WrongUsage;
            break;
        }
        if (!line.value())
            break;
        if (line.value()->find_first_not_of(" \t\r") == std::string::npos)
            continue;
        defaults.ts = invocation.integer("ts").value_or(nowMs());
        const auto record = readRecord(reader, *line.value(), defaults);
        if (record) {
            outcome = inserter.add(record.value());
            continue;
        }
        // What stands before it is good.
        outcome = inserter.flush();
        if (!outcome) {
            complain("error: line " + std::to_string(input.number()) + ": " + record.error().text);
            outcome = Outcome::WrongUsage;
        }
    }
    if (!outcome)
        outcome = inserter.flush();
    if (outcome) {
        complain("stopped; inserted before: " + countText(inserter.inserted()));
        return *outcome;
    }
    if (style.form == Form::Json)
        return Outcome::Done;
    const std::string count =
        style.human() ? countText(inserter.inserted()) : std::to_string(inserter.inserted());
    return print(count + "\n") ? Outcome::Done : outputFailed();
}

} // namespace fluxion::shell
