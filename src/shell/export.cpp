#include "shell/transfer.h"

#include <algorithm>

#include "shell/export_folder.h"
#include "shell/progress.h"
#include "shell/reconnect.h"
#include "shell/reply_text.h"
#include "shell/transfer_text.h"

namespace fluxion::shell {

namespace {

class Exporter {
  public:
    Exporter(Connection& connection, const Invocation& invocation, const Style& style)
        : m_connection(connection), m_style(style), m_wanted(wantedCollections(invocation)),
          m_folder(std::string(invocation.argument("DIR").value_or(""))),
          m_progress("exported", style.form != Form::Json)
    {
    }

    Outcome run()
    {
        if (Status status = m_connection.open(); !status)
            return failed(status.error());
        if (Status status = m_folder.prepare(m_wanted); !status)
            return failed(status.error());
        for (;;) {
            const End end = attempt();
            m_progress.clear();
            if (end == End::Complete)
                return finish();
            if (end == End::Failed)
                return stop(m_outcome);
            // What has come goes on the disk, and is where to go on.
            if (Status status = m_folder.save(); !status) {
                (void)diskFailed(status.error());
                return m_outcome;
            }
            if (!m_losses.again(m_folder.figures().bytes))
                return stop(failed(m_lost));
            if (Status status = reconnect(m_connection, m_lost); !status)
                return stop(failed(status.error()));
            m_folder.rewind();
        }
    }

  private:
    enum class End : unsigned char { Complete, Lost, Failed }; // Failed: m_outcome says how

    End attempt()
    {
        std::vector<std::string> collections;
        if (const auto end = holdCut(collections))
            return *end;
        const ExportState place = m_folder.state();
        for (const std::string& col : collections) {
            if (col < place.collection)
                continue;
            const bool here = col == place.collection;
            for (const bool documents : {false, true}) {
                if (here && !documents && place.inDocuments)
                    continue;
                const bool from = here && documents == place.inDocuments;
                if (const auto end = readPart(col, documents, from ? place : ExportState()))
                    return *end;
            }
            m_folder.endCollection();
        }
        return End::Complete;
    }

    // Nothing to go on, here and below.
    std::optional<End> holdCut(std::vector<std::string>& collections)
    {
        for (;;) {
            const std::string& cut = m_folder.state().cut;
            std::string data = "{";
            if (!cut.empty())
                appendJsonString(data += "\"cut\":", cut);
            const auto reply = m_connection.call({"cut", data + "}"});
            if (!reply)
                return lostOr(reply.error());
            const JsonValue value = reply.value().value;
            if (!cut.empty() && memberText(value, "code") == token(Code::NotFound)) {
                complain("the server has let go the state that this export is of: it begins anew");
                if (Status status = m_folder.begin("", 0, ""); !status)
                    return diskFailed(status.error());
                continue;
            }
            if (member(value, "error").exists())
                return fail(refused(memberText(value, "code"), memberText(value, "error")));
            if (const auto end = choose(value, collections)) {
                letGo(std::string(memberText(value, "cut")));
                return end;
            }
            if (!cut.empty())
                return std::nullopt;
            const auto seq = parseDecimalInteger(memberText(value, "seq")).value_or(0);
            const Status status =
                m_folder.begin(std::string(memberText(value, "log")), static_cast<uint64_t>(seq),
                               std::string(memberText(value, "cut")));
            return status ? std::nullopt : std::optional(diskFailed(status.error()));
        }
    }

    std::optional<End> choose(JsonValue reply, std::vector<std::string>& collections)
    {
        if (const JsonValue names = member(reply, "collections"); names.isArray()) {
            for (const JsonValue name : names.elements())
                collections.emplace_back(name.isString() ? name.text() : "");
        }
        std::ranges::sort(collections);
        for (const std::string& name : m_wanted) {
            if (!std::ranges::binary_search(collections, name))
                return fail(refused(token(Code::NotFound), "there is no collection " + name));
        }
        if (!m_wanted.empty())
            collections = m_wanted;
        return std::nullopt;
    }

    std::optional<End> readPart(const std::string& col, bool documents, const ExportState& from)
    {
        if (Status status = m_folder.beginPart(col, documents); !status)
            return diskFailed(status.error());
        const auto reply = m_connection.call({"sub", subscription(col, documents, from)});
        if (!reply)
            return lostOr(reply.error());
        if (member(reply.value().value, "error").exists())
            return fail(refused(memberText(reply.value().value, "code"),
                                memberText(reply.value().value, "error")));
        const std::string id(memberText(reply.value().value, "id"));
        for (;;) {
            const auto message = m_connection.receive(m_connection.timeout());
            if (!message)
                return lostOr(message.error());
            const JsonValue frame = message.value().value;
            if (memberText(frame, "sub") != id)
                continue;
            if (const std::string_view code = memberText(frame, "code"); !code.empty())
                return fail(refused(code, memberText(frame, "error")));
            if (!memberIsTrue(frame, "more"))
                break;
            if (Status status = take(member(frame, "events"), documents); !status)
                return diskFailed(status.error());
        }
        const Status status = m_folder.endPart();
        return status ? std::nullopt : std::optional(diskFailed(status.error()));
    }

    std::string subscription(const std::string& col, bool documents, const ExportState& from) const
    {
        std::string data = documents ? R"({"kind":"docs","history":true,"fields":["data"])"
                                     : R"({"kind":"keys","fields":["value","expires"])";
        appendJsonMember(data, "col", col);
        appendJsonMember(data, "cut", m_folder.state().cut);
        if (!from.name.empty())
            appendJsonMember(data, "start", from.name);
        if (documents && from.ts)
            appendJsonMember(data, "start_ts", *from.ts);
        return data += '}';
    }

    Status take(JsonValue events, bool documents)
    {
        if (!events.isArray())
            return {};
        for (const JsonValue event : events.elements()) {
            m_line.clear();
            if (Status status = documents ? takeRecord(event) : takeKey(event); !status)
                return status;
        }
        const ExportFigures& now = m_folder.figures();
        m_progress.update(now.records, now.keys, now.bytes);
        return m_folder.saveSometimes();
    }

    Status takeRecord(JsonValue event)
    {
        const std::string_view document = memberText(event, "doc");
        const int64_t ts = parseDecimalInteger(memberText(event, "ts")).value_or(0);
        m_line += "{\"ts\":";
        appendJsonInt(m_line, ts);
        appendJsonMember(m_line, "doc", document);
        appendJsonMember(m_line, "data", memberText(event, "data"));
        return m_folder.addRecord(document, ts, m_line += '}');
    }

    Status takeKey(JsonValue event)
    {
        const std::string_view key = memberText(event, "key");
        appendJsonString(m_line += "{\"key\":", key);
        appendJsonMember(m_line, "value", memberText(event, "value"));
        m_line.append(",\"ver\":").append(memberText(event, "ver"));
        if (const auto expires = memberText(event, "expires"); !expires.empty())
            m_line.append(",\"expires\":").append(expires);
        return m_folder.addKey(key, m_line += '}');
    }

    Outcome finish()
    {
        if (Status status = m_folder.finish(); !status) {
            (void)diskFailed(status.error());
            return m_outcome;
        }
        letGo(m_folder.state().cut);
        const TransferSummary summary{"exported", m_folder.figures(), m_folder.state().seq, {}};
        return print(summaryText(summary, m_style)) ? Outcome::Done : outputFailed();
    }

    // Best effort: the server lets it go after a while anyway.
    void letGo(const std::string& cut)
    {
        std::string data;
        appendJsonString(data += "{\"cut\":", cut);
        (void)m_connection.call({"cut", data + ",\"end\":true}"});
    }

    // What there is stays, for the next run.
    Outcome stop(Outcome outcome)
    {
        if (m_folder.state().cut.empty() || m_diskFailed)
            return outcome;
        if (Status status = m_folder.save(); !status) {
            (void)diskFailed(status.error());
            return m_outcome;
        }
        complain("stopped; the same command goes on where it was");
        return outcome;
    }

    End fail(Outcome outcome)
    {
        m_outcome = outcome;
        return End::Failed;
    }

    End diskFailed(const Error& error)
    {
        m_progress.clear();
        m_diskFailed = true;
        return fail(refused(token(error.code), error.text));
    }

    End lostOr(const Error& error)
    {
        m_progress.clear();
        if (m_connection.interrupted())
            return fail(Outcome::Refused);
        if (error.code != Code::Io)
            return fail(failed(error));
        m_lost = error;
        return End::Lost;
    }

    Connection& m_connection;
    const Style& m_style;
    const std::vector<std::string> m_wanted;
    ExportFolder m_folder;
    Progress m_progress;
    std::string m_line;
    Error m_lost;
    Losses m_losses;
    Outcome m_outcome = Outcome::Done;
    bool m_diskFailed = false;
};

} // namespace

Outcome exportData(Connection& connection, const Invocation& invocation, const Style& style)
{
    return Exporter(connection, invocation, style).run();
}

} // namespace fluxion::shell
