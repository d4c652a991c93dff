#include "shell/shell.h"

#include <unistd.h>

#include "shell/editor.h"
#include "shell/execute.h"
#include "shell/line_input.h"
#include "shell/reply_text.h"
#include "shell/transfer.h"
#include "shell/watch.h"

namespace fluxion::shell {

namespace {

// What asking for names on Tab may cost; beyond that there is nothing to offer.
constexpr std::chrono::milliseconds kNamesTimeout{1000};
constexpr quint64 kMaxNamesBytes = quint64(4) << 20U;
constexpr size_t kMaxLineBytes = size_t(64) << 20U;

class ShellSession {
  public:
    ShellSession(Connection& connection, Interrupt& interrupt, const Style& style)
        : m_connection(connection), m_interrupt(interrupt), m_style(style)
    {
    }

    // Asks for lines until the end.
    void runTerminal()
    {
        Editor editor(m_connection, historyPath(),
                      [this](std::string_view before) { return complete(before); });
        while (!m_over) {
            std::string line;
            switch (editor.read(m_context.col + "> ", line)) {
            case Editor::Read::Line:
                runLine(line);
                break;
            case Editor::Read::Cancelled:
                m_over = !print("\n");
                break;
            case Editor::Read::End:
                m_over = true;
                (void)print("\n");
                break;
            }
            m_interrupt.clear();
        }
    }

    // False if a line failed.
    bool runInput()
    {
        LineInput input(STDIN_FILENO, kMaxLineBytes, m_connection);
        bool allDone = true;
        while (!m_over) {
            const auto line = input.next();
            if (!line) {
                complain("error: " + line.error().text);
                return false;
            }
            if (!line.value())
                break;
            allDone &= runLine(*line.value()) == Outcome::Done;
        }
        return allDone;
    }

  private:
    Outcome runLine(std::string_view text)
    {
        const auto line = splitLine(text);
        if (!line)
            return failed(line.error());
        if (!line.value().command)
            return Outcome::Done;
        const auto parsed = parseWords(*line.value().command, line.value().words, Place::Shell);
        if (!parsed) {
            const Command& command = *line.value().command;
            return failed(
                {Code::Usage, parsed.error().text + "; it is " + usage(command, Place::Shell)});
        }
        return run(parsed.value());
    }

    Outcome run(const Invocation& invocation)
    {
        switch (invocation.command->verb) {
        case Verb::Exit:
            m_over = true;
            return Outcome::Done;
        case Verb::Help:
            return help(invocation.argument("COMMAND"));
        case Verb::Use:
            return use(invocation.argument("COL").value_or(""));
        case Verb::Watch: {
            const Outcome outcome = watch(m_connection, invocation, m_context, m_style);
            // With it goes the subscription. The next command opens another one.
            m_connection.close();
            m_interrupt.clear();
            return outcome;
        }
        case Verb::Export:
        case Verb::Import: {
            const Outcome outcome = transfer(m_connection, invocation, m_style);
            if (m_interrupt.raised()) // replies may be on their way
                m_connection.close();
            m_interrupt.clear();
            return outcome;
        }
        default:
            break;
        }
        for (const char* name : {"VALUE", "JSON", "DATA"}) {
            if (Status status = checkJson(invocation.argument(name)); !status)
                return failed(status.error());
        }
        m_context.nowMs = nowMs();
        const Outcome outcome = execute(m_connection, invocation, m_context, m_style);
        m_over = m_over || std::ferror(stdout) != 0;
        if (invocation.command->verb == Verb::Request)
            m_connection.close(); // with what it may have subscribed to
        return outcome;
    }

    static Status checkJson(std::optional<std::string_view> text)
    {
        JsonReader reader;
        if (!text)
            return {};
        const auto parsed = reader.parse(*text);
        if (parsed)
            return {};
        std::string why = parsed.error().text +
                          ". The value must be JSON, such as 21, {\"age\":21} or, for a text, "
                          "\"hello\" with its quotes";
        if (text->find("--") != std::string_view::npos)
            why += "; options stand before the first name";
        return {Code::Usage, std::move(why)};
    }

    Outcome use(std::string_view col)
    {
        if (col.empty())
            return failed({Code::Usage, "the name of a collection is not empty"});
        m_context.col = col;
        return Outcome::Done;
    }

    static Outcome help(std::optional<std::string_view> name)
    {
        const Command* command = name ? findCommand(*name, Place::Shell) : nullptr;
        if (name && !command)
            return failed({Code::Usage, "there is no command " + std::string(*name)});
        return print(command ? commandHelp(*command, Place::Shell) : shellHelp()) ? Outcome::Done
                                                                                  : outputFailed();
    }

    Completions complete(std::string_view before)
    {
        return completeLine(before, [this](Completion kind) { return names(kind); });
    }

    // Over a connection of its own, so that an answer which is late or large can be cut off.
    std::vector<std::string> names(Completion kind)
    {
        Connection asked(m_connection.endpoint(), kNamesTimeout, &m_interrupt);
        asked.limitAnswers(kMaxNamesBytes);
        if (!asked.open())
            return {};
        const bool keys = kind == Completion::Key;
        Invocation invocation;
        invocation.command = findCommand(keys ? "keys" : "cols", Place::Shell);
        const auto reply = asked.call(makeRequest(invocation, m_context));
        const JsonValue list =
            reply ? member(reply.value().value, keys ? "keys" : "collections") : JsonValue();
        std::vector<std::string> out;
        if (list.isArray()) {
            for (const JsonValue name : list.elements())
                out.emplace_back(name.isString() ? name.text() : "");
        }
        return out;
    }

    Connection& m_connection;
    Interrupt& m_interrupt;
    const Style& m_style;
    RequestContext m_context;
    bool m_over = false;
};

} // namespace

Outcome runShell(Connection& connection, Interrupt& interrupt, const Style& style)
{
    if (Status status = connection.open(); !status)
        return failed(status.error());
    ShellSession session(connection, interrupt, style);
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
        return session.runInput() ? Outcome::Done : Outcome::Refused;
    const std::string how = connection.endpoint().local ? "Opened " : "Connected to ";
    if (!print(how + connection.endpoint().shown + ". HELP lists the commands.\n"))
        return outputFailed();
    session.runTerminal();
    return Outcome::Done;
}

} // namespace fluxion::shell
