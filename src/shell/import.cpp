#include <algorithm>
#include <deque>

#include "shell/execute.h"
#include "shell/import_batch.h"
#include "shell/progress.h"
#include "shell/reconnect.h"
#include "shell/record_line.h"
#include "shell/reply_text.h"
#include "shell/transfer.h"
#include "shell/transfer_text.h"

namespace fluxion::shell {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kBusyDelay{250};
constexpr milliseconds kSyncEvery{1000};

class Importer {
  public:
    Importer(Connection& connection, const Invocation& invocation, const Style& style)
        : m_connection(connection), m_style(style), m_wanted(wantedCollections(invocation)),
          m_source(std::string(invocation.argument("DIR").value_or(""))),
          m_statePath(
              invocation.option("progress").value_or(m_source.path() + "/" + kImportStateName)),
          m_progress("imported", style.form != Form::Json)
    {
    }

    Outcome run()
    {
        if (Status status = m_source.prepare(m_wanted); !status)
            return failed(status.error());
        const auto lock = lockFolder(m_source.path());
        if (!lock)
            return failed({Code::Usage, lock.error().text});
        if (Status status = m_connection.open(); !status)
            return failed(status.error());
        for (;;) {
            const End end = attempt();
            m_progress.clear();
            if (end == End::Complete)
                return finish();
            if (end == End::Failed)
                return m_outcome;
            if (!m_losses.again(m_stored.figures.records + m_stored.figures.keys))
                return stop(failed(m_lost));
            if (Status status = reconnect(m_connection, m_lost); !status)
                return stop(failed(status.error()));
        }
    }

  private:
    enum class End : unsigned char { Complete, Lost, Failed }; // Failed: m_outcome says how

    struct Sent {
        std::string id;
        ImportBatch batch;
        bool stored = false;
    };

    End attempt()
    {
        m_sent.clear();
        m_batch = {};
        m_atEnd = false;
        if (const auto end = begin())
            return *end;
        for (;;) {
            while (!m_atEnd && m_sent.size() < kImportRequests) {
                if (const auto end = readMore())
                    return *end;
            }
            if (m_sent.empty())
                return m_badLine.empty() ? End::Complete : badLine();
            if (const auto end = takeReply())
                return *end;
        }
    }

    // Nothing to go on, here and below.
    std::optional<End> begin()
    {
        ImportState state;
        state.log = m_connection.log();
        state.fingerprint = m_source.fingerprint();
        if (auto before = ImportState::load(m_statePath)) {
            if (before->log == state.log && before->fingerprint == state.fingerprint)
                state = std::move(*before);
            else
                complain(before->log == state.log
                             ? "the files are not those of the import that was cut off: it begins "
                               "anew"
                             : "the server has another history than when the import was cut off: "
                               "it begins anew");
        }
        if (Status status = m_source.seek(state.place); !status)
            return fail(refused(token(status.error().code), status.error().text));
        m_stored = m_read = state;
        m_documentsBefore = state.figures.documents;
        // Where it cannot be kept, nothing is begun.
        if (Status status = m_stored.save(m_statePath, true); !status)
            return fail(failed({Code::Usage, status.error().text + "; --progress FILE keeps it "
                                                                   "elsewhere"}));
        m_nextSync = steady_clock::now() + kSyncEvery;
        return std::nullopt;
    }

    // Lines, until a request is sent.
    std::optional<End> readMore()
    {
        for (;;) {
            const auto line = m_source.next();
            if (!line || !line.value()) {
                m_atEnd = true;
                if (!line)
                    m_badLine = line.error().text;
                return m_batch.empty() ? std::nullopt : sendBatch();
            }
            std::string key;
            const auto item = line.value()->isKey ? keyItem(line.value()->text, key)
                                                  : recordItem(line.value()->text);
            if (!item) {
                m_atEnd = true;
                m_badLine = m_source.position() + ": " + item.error().text;
                return m_batch.empty() ? std::nullopt : sendBatch();
            }
            std::optional<End> end;
            bool sent = false;
            if (!item.value().empty()) {
                const std::string& col = m_source.collection();
                sent = !m_batch.takes(col, key, item.value().size());
                if (sent)
                    end = sendBatch();
                m_batch.add(col, key, item.value(), m_source.position());
            }
            m_read.place = m_source.place();
            m_read.figures.documents = m_documentsBefore + m_source.documents();
            m_read.figures.bytes += line.value()->text.size() + 1;
            m_batch.after = m_read;
            if (end || sent)
                return end;
        }
    }

    Result<std::string> recordItem(std::string_view line)
    {
        auto item = readRecord(m_reader, line, {m_source.collection(), {}, {}});
        m_read.figures.records += item ? 1 : 0;
        return item;
    }

    // Empty of a key that is over.
    Result<std::string> keyItem(std::string_view line, std::string& key)
    {
        auto entry = readKey(m_reader, line);
        if (!entry)
            return entry.error();
        std::string out = "{\"op\":\"set\",\"key\":";
        appendJsonString(out, entry.value().key);
        appendJsonMember(out, "value", entry.value().value);
        if (entry.value().expiresMs) {
            const int64_t left = *entry.value().expiresMs - nowMs();
            if (left <= 0) {
                ++m_read.expired;
                return std::string();
            }
            appendJsonMember(out, "ttl", left);
        }
        ++m_read.figures.keys;
        key = std::move(entry.value().key);
        return out += '}';
    }

    std::optional<End> sendBatch()
    {
        m_sent.push_back({{}, std::exchange(m_batch, {}), false});
        return send(m_sent.back());
    }

    std::optional<End> send(Sent& sent)
    {
        sent.id = "i" + std::to_string(++m_lastId);
        const Status status = m_connection.send(sent.id, sent.batch.request());
        return status ? std::nullopt : std::optional(lostOr(status.error()));
    }

    std::optional<End> takeReply()
    {
        const auto message = m_connection.receive(m_connection.timeout());
        if (!message)
            return lostOr(message.error());
        const JsonValue reply = message.value().value;
        const auto sent = std::ranges::find(m_sent, memberText(reply, "id"), &Sent::id);
        if (sent == m_sent.end())
            return std::nullopt;
        if (member(reply, "error").exists())
            return takeRefusal(*sent, memberText(reply, "code"), memberText(reply, "error"));
        sent->stored = true;
        return store();
    }

    std::optional<End> takeRefusal(Sent& sent, std::string_view code, std::string_view text)
    {
        if (code == token(Code::Busy)) { // nothing of it was done
            if (m_connection.wait(kBusyDelay, [] { return false; }) || m_connection.interrupted())
                return lostOr({Code::Timeout, "cancelled"});
            return send(sent);
        }
        if (code == token(Code::TooLarge) && sent.batch.size() > 1) {
            return sendHalves(sent);
        }
        m_progress.clear();
        return fail(stop(refused(code, sent.batch.positions() + ": " + std::string(text))));
    }

    std::optional<End> sendHalves(Sent& sent)
    {
        ImportBatch latter = sent.batch.splitOff();
        if (const auto end = send(sent))
            return end;
        const auto at = std::ranges::find(m_sent, sent.id, &Sent::id);
        return send(*m_sent.insert(at + 1, {{}, std::move(latter), false}));
    }

    // Notes what is stored with all before it.
    std::optional<End> store()
    {
        bool any = false;
        for (; !m_sent.empty() && m_sent.front().stored; m_sent.pop_front()) {
            if (m_sent.front().batch.after)
                m_stored = *m_sent.front().batch.after;
            any = true;
        }
        m_progress.update(m_stored.figures.records, m_stored.figures.keys, m_stored.figures.bytes);
        const bool sync = steady_clock::now() >= m_nextSync;
        if (sync)
            m_nextSync = steady_clock::now() + kSyncEvery;
        const Status status = any ? m_stored.save(m_statePath, sync) : Status();
        if (status)
            return std::nullopt;
        m_progress.clear();
        return fail(refused(token(status.error().code), status.error().text));
    }

    End badLine()
    {
        m_progress.clear();
        return fail(stop(failed({Code::Usage, m_badLine})));
    }

    Outcome finish()
    {
        if (Status status = removePath(m_statePath); !status)
            return refused(token(status.error().code), status.error().text);
        ExportFigures figures = m_read.figures;
        figures.collections = m_source.collectionCount();
        const TransferSummary summary{"imported", figures, {}, m_read.expired};
        return print(summaryText(summary, m_style)) ? Outcome::Done : outputFailed();
    }

    Outcome stop(Outcome outcome) const
    {
        complain("stopped after " + std::to_string(m_stored.figures.records) + " records and " +
                 std::to_string(m_stored.figures.keys) + " keys; the same command goes on");
        return outcome;
    }

    End fail(Outcome outcome)
    {
        m_outcome = outcome;
        return End::Failed;
    }

    End lostOr(const Error& error)
    {
        m_progress.clear();
        if (m_connection.interrupted())
            return fail(stop(Outcome::Refused));
        if (error.code != Code::Io)
            return fail(stop(failed(error)));
        m_lost = error;
        return End::Lost;
    }

    Connection& m_connection;
    const Style& m_style;
    const std::vector<std::string> m_wanted;
    ImportSource m_source;
    const std::string m_statePath;
    Progress m_progress;
    JsonReader m_reader;
    ImportState m_read;             // with all that was read
    ImportState m_stored;           // with all that the server has said to be stored
    uint64_t m_documentsBefore = 0; // of runs before
    ImportBatch m_batch;            // under way
    std::deque<Sent> m_sent;
    bool m_atEnd = false;
    std::string m_badLine;
    steady_clock::time_point m_nextSync;
    uint64_t m_lastId = 0;
    Error m_lost;
    Losses m_losses;
    Outcome m_outcome = Outcome::Done;
};

} // namespace

Outcome importData(Connection& connection, const Invocation& invocation, const Style& style)
{
    return Importer(connection, invocation, style).run();
}

} // namespace fluxion::shell
