#include "shell/client.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include <QCoreApplication>

#include "shell/execute.h"
#include "shell/insert_lines.h"
#include "shell/line_input.h"
#include "shell/local_server.h"
#include "shell/shell.h"
#include "shell/transfer.h"
#include "shell/watch.h"

namespace fluxion::shell {

namespace {

constexpr const char* kDefaultUrl = "ws://127.0.0.1:8080";
constexpr int64_t kDefaultTimeoutSeconds = 30;
constexpr int64_t kMaxTimeoutSeconds = 24 * 3600;
// Of a value from standard input; a server takes 16 MiB by default.
constexpr size_t kMaxInputBytes = size_t(1) << 29U;

std::string environment(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

void hide(char* text, size_t size)
{
    std::memset(text, '*', size);
}

// Overwrites what --key says, and `api-key=` in a URL.
void hideKeys(int argc, char** argv)
{
    constexpr std::string_view kFlag = "--key";
    constexpr std::string_view kParameter = "api-key=";
    for (int i = 1; i < argc; ++i) {
        const std::string_view text = argv[i];
        if (text == kFlag && i + 1 < argc) {
            ++i;
            hide(argv[i], std::strlen(argv[i]));
        } else if (text.starts_with("--key=")) {
            hide(argv[i] + kFlag.size() + 1, text.size() - kFlag.size() - 1);
        } else if (const size_t at = text.find(kParameter); at != std::string_view::npos) {
            const size_t begin = at + kParameter.size();
            hide(argv[i] + begin, std::min(text.find('&', begin), text.size()) - begin);
        }
    }
}

// What holds for all commands of this run.
struct Run {
    Endpoint endpoint;
    std::string folder; // to open without a server; empty: none
    std::chrono::milliseconds timeout;
    Style style;
};

// Colours as https://no-color.org has it.
Style chooseStyle(const Invocation& invocation)
{
    Style style;
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    if (invocation.has("json"))
        style.form = Form::Json;
    else if (terminal || invocation.command->verb == Verb::Shell)
        style.form = Form::Human;
    style.colours = terminal && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
    return style;
}

// A folder instead of a server.
Result<std::string> dataFolder(const Invocation& invocation)
{
    const auto folder = invocation.option("data");
    if (!folder)
        return std::string();
    if (folder->empty())
        return {Code::Usage, "--data needs a folder"};
    for (const char* other : {"url", "key", "ca"}) {
        if (invocation.has(other))
            return {Code::Usage, std::string("--data is without a server: not with --") + other};
    }
    if (invocation.argument("URL"))
        return {Code::Usage, "--data is without a server: not with a URL"};
    return std::string(*folder);
}

Result<Run> prepare(const Invocation& invocation)
{
    auto folder = dataFolder(invocation);
    if (!folder)
        return folder.error();
    std::string url(invocation.option("url").value_or(""));
    if (const auto argument = invocation.argument("URL")) {
        if (!url.empty())
            return {Code::Usage, "the URL is given twice"};
        url = *argument;
    }
    if (url.empty() && folder.value().empty())
        url = environment("FLUXION_URL");
    std::string key(invocation.option("key").value_or(""));
    if (key.empty())
        key = environment("FLUXION_KEY");
    const int64_t seconds = invocation.integer("timeout").value_or(kDefaultTimeoutSeconds);
    if (seconds > kMaxTimeoutSeconds)
        return {Code::Usage, "--timeout must be at most " + std::to_string(kMaxTimeoutSeconds)};
    auto endpoint = makeEndpoint(url.empty() ? kDefaultUrl : url, key,
                                 std::string(invocation.option("ca").value_or("")),
                                 "fluxion " + std::string(invocation.command->name));
    if (!endpoint)
        return endpoint.error();
    return Run{std::move(endpoint.value()), std::move(folder.value()),
               std::chrono::seconds(seconds), chooseStyle(invocation)};
}

// Without it a forgotten argument looks like a server that does not answer.
void announceInput(std::string_view what)
{
    if (::isatty(STDIN_FILENO) != 0)
        complain("reading " + std::string(what) + "; Ctrl-D ends it");
}

Outcome runCommand(const Invocation& invocation, Run run)
{
    RequestContext context;
    context.nowMs = nowMs();
    if (readsInput(invocation)) {
        announceInput("the value");
        auto input = readAll(STDIN_FILENO, kMaxInputBytes);
        if (!input)
            return failed({Code::Usage, input.error().text});
        context.input = std::move(input.value());
        // The line end of `echo` and of editors is not part of the value.
        if (context.input.ends_with('\n'))
            context.input.pop_back();
    }
    const Verb verb = invocation.command->verb;
    if (verb == Verb::Shell || verb == Verb::Watch || isTransfer(verb)) {
        Interrupt interrupt;
        Connection connection(std::move(run.endpoint), run.timeout, &interrupt);
        if (verb == Verb::Shell)
            return runShell(connection, interrupt, run.style);
        return verb == Verb::Watch ? watch(connection, invocation, context, run.style)
                                   : transfer(connection, invocation, run.style);
    }
    Connection connection(std::move(run.endpoint), run.timeout, nullptr);
    if (verb == Verb::Ins && !invocation.argument("DATA")) {
        announceInput("records, a JSON object in each line");
        return insertLines(connection, invocation, run.style);
    }
    return execute(connection, invocation, context, run.style);
}

// The same without a server.
Outcome runInFolder(const Invocation& invocation, Run run, std::string_view version)
{
    auto server = LocalServer::open(run.folder, version);
    if (!server) {
        const Error& error = server.error();
        return error.code == Code::Usage ? failed(error) : refused(token(error.code), error.text);
    }
    run.endpoint.local = server.value().get();
    run.endpoint.shown = run.folder;
    const Outcome outcome = runCommand(invocation, std::move(run));
    const Status status = server.value()->stop();
    return status ? outcome : refused(token(status.error().code), status.error().text);
}

} // namespace

bool isClientCommand(std::string_view word)
{
    return findCommand(word, Place::CommandLine) != nullptr;
}

int runClient(int argc, char** argv, std::string_view version)
{
    const Command& command = *findCommand(argv[1], Place::CommandLine);
    std::vector<Word> words;
    for (int i = 2; i < argc; ++i)
        words.push_back({argv[i], false});
    hideKeys(argc, argv);
    const QCoreApplication application(argc, argv);
    const auto wrong = [&](const Error& error) {
        complain("fluxion " + std::string(command.name) + ": " + error.text + "; see fluxion " +
                 std::string(command.name) + " --help");
        return static_cast<int>(Outcome::WrongUsage);
    };
    const auto invocation = parseWords(command, words, Place::CommandLine);
    if (!invocation)
        return wrong(invocation.error());
    if (invocation.value().has("help"))
        return static_cast<int>(print(commandHelp(command, Place::CommandLine)) ? Outcome::Done
                                                                                : outputFailed());
    auto run = prepare(invocation.value());
    if (!run)
        return wrong(run.error());
    const bool folder = !run.value().folder.empty();
    return static_cast<int>(folder
                                ? runInFolder(invocation.value(), std::move(run.value()), version)
                                : runCommand(invocation.value(), std::move(run.value())));
}

} // namespace fluxion::shell
