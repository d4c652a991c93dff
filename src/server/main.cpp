#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <QCoreApplication>

#include "config/settings_table.h"
#include "protocol/describe.h"
#include "server/server.h"
#include "server/version.h"
#include "shell/client.h"
#include "shell/commands.h"

namespace {

using namespace fluxion;

constexpr int kExitFault = 1;
constexpr int kExitUsage = 2;

int fail(const Error& error)
{
    std::fprintf(stderr, "fluxion: %s\n", error.text.c_str());
    const bool toPutRight = error.code == Code::Usage || error.code == Code::StorageFull;
    return toPutRight ? kExitUsage : kExitFault;
}

Result<std::string> readTextFile(const std::string& path)
{
    std::ifstream in(path, std::ios::binary);
    std::ostringstream content;
    // Nothing to copy counts as a failure, too.
    if (in && in.peek() == std::ifstream::traits_type::eof() && !in.bad())
        return std::string();
    if (!in || !(content << in.rdbuf()))
        return {Code::Usage, "cannot read " + path};
    return content.str();
}

std::optional<std::string> environment(const std::string& variable)
{
    const char* value = std::getenv(variable.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

std::vector<std::string> fluxionVariables()
{
    std::vector<std::string> names;
    for (char** entry = ::environ; *entry; ++entry) {
        const std::string_view variable(*entry);
        if (variable.starts_with(kVariablePrefix))
            names.emplace_back(variable.substr(0, variable.find('=')));
    }
    return names;
}

constexpr std::string_view kVerifyHelp =
    "fluxion verify DIR\n\n"
    "Reads every file of a data folder that no server uses, and changes nothing.\n"
    "A line for each file says what it holds and `ok`, or what is wrong and where; the last line\n"
    "is `ok` or the number of faults.\n\n"
    "Exit codes: 0 whole, 1 damaged, 2 it could not be read, or is in use.\n";

Error noCommand(const std::string& word)
{
    return {Code::Usage, "there is no command \"" + word + "\"; see fluxion --help"};
}

// `fluxion help`, of all or of one command.
int help(const std::string& word)
{
    std::string text;
    if (const auto* command = shell::findCommand(word, shell::Place::CommandLine))
        text = shell::commandHelp(*command, shell::Place::CommandLine);
    else if (word == "verify")
        text = kVerifyHelp;
    else if (word == "serve" || word == "health")
        text = helpText() + shell::commandsHelp();
    else
        return fail(noCommand(word));
    std::fputs(text.c_str(), stdout);
    return 0;
}

int verify(const std::vector<std::string>& arguments)
{
    if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h"))
        return help("verify");
    if (arguments.size() != 1 || arguments[0].empty() || arguments[0].starts_with("-"))
        return fail({Code::Usage, "verify wants one folder: fluxion verify DIR"});
    const auto faults = verifyData(arguments[0]);
    if (!faults) {
        fail(faults.error());
        return kExitUsage;
    }
    return faults.value() == 0 ? 0 : kExitFault;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc > 1 && shell::isClientCommand(argv[1]))
        return shell::runClient(argc, argv, kVersion);
    std::vector<std::string> arguments(argv + 1, argv + argc);
    if (!arguments.empty() && arguments[0] == "verify")
        return verify({arguments.begin() + 1, arguments.end()});
    if (!arguments.empty() && arguments[0] == "help")
        return help(arguments.size() > 1 ? arguments[1] : "serve");
    std::string command = "serve";
    if (!arguments.empty() && !arguments[0].starts_with("-")) {
        command = arguments[0];
        if (command != "serve" && command != "health")
            return fail(noCommand(command));
        arguments.erase(arguments.begin());
    }
    auto loaded = loadSettings({arguments, environment, fluxionVariables(), readTextFile});
    hideSecretArguments({argv, static_cast<size_t>(argc)});
    if (!loaded)
        return fail(loaded.error());
    const Settings& settings = loaded.value().settings;
    switch (loaded.value().action) {
    case StartAction::Help:
        return help(command);
    case StartAction::Version:
        std::printf("fluxion %s\n", kVersion);
        return 0;
    case StartAction::Describe:
        std::printf("%s\n", describeJson().c_str());
        return 0;
    case StartAction::Run:
        break;
    }
    const QCoreApplication application(argc, argv);
    if (command == "health") {
        const Status status = askHealth(settings);
        return status ? 0 : fail(status.error());
    }
    if (Status status = checkForServing(settings); !status)
        return fail(status.error());
    const Status status = serve(settings, standardErrorSink());
    return status ? 0 : fail(status.error());
}
