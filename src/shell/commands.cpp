#include "shell/commands.h"

#include <algorithm>
#include <array>

namespace fluxion::shell {

namespace {

constexpr OptionType kSwitch = OptionType::Switch;
constexpr OptionType kText = OptionType::Text;
constexpr OptionType kInteger = OptionType::Integer;

constexpr ArgumentSpec kKey{"KEY", true, Completion::Key};
constexpr ArgumentSpec kCollection{"COL", true, Completion::Collection, true};

constexpr OptionSpec kCol{"col", kText, "COL", "The collection; without it: default."};
constexpr OptionSpec kVer{"ver", kInteger, "N",
                          "Only if this is the key's version; 0: only if there is no such key.", 0};
constexpr OptionSpec kTtl{"ttl", kInteger, "MS",
                          "The key expires after so many milliseconds; 0: it does not.", 0};
constexpr OptionSpec kLimit{"limit", kInteger, "N", "At most so many.", 1};
constexpr OptionSpec kWhere{"where", kText, "PATTERN",
                            "Only what contains this text or matches this /regex/."};
constexpr OptionSpec kFilter{"filter", kText, "PATTERN",
                             "Not what contains this text or matches this /regex/."};

constexpr std::array kGetArguments{kKey};
constexpr std::array kGetOptions{kCol};

constexpr std::array kSetArguments{
    kKey, ArgumentSpec{"VALUE", false, Completion::None, false, true, true}};
constexpr std::array kSetOptions{kCol, kVer, kTtl};

constexpr std::array kPatchArguments{
    kKey, ArgumentSpec{"JSON", false, Completion::None, false, true, true}};
constexpr std::array kPatchOptions{
    kCol, kVer, kTtl,
    OptionSpec{"delete-nulls", kSwitch, "", "A null removes the field instead of being stored."}};

constexpr std::array kDelOptions{kCol, kVer};

constexpr std::array kKeysArguments{ArgumentSpec{"PATTERN", false, Completion::Key, false, false}};

constexpr std::array kHistoryOptions{
    kCol, kLimit, OptionSpec{"before", kInteger, "N", "Only versions below this one.", 0}};

constexpr std::array kWatchArguments{ArgumentSpec{"PATTERN", false, Completion::Key, false, false}};
constexpr std::array kWatchOptions{
    OptionSpec{"col", kText, "COL", "The collection; without it: default; with \"\": all."},
    OptionSpec{"kind", kText, "keys|docs", "What to watch; without it: keys."},
    OptionSpec{"match", kText, "PATTERN", "Another way to give PATTERN."},
    kWhere,
    kFilter,
    OptionSpec{"from", kText, "POS", "Begin after this position: SEQ, or LOG:SEQ."},
    OptionSpec{"snapshot", kSwitch, "", "What is there now comes first."},
    OptionSpec{"previous", kSwitch, "", "Previous values, too (keys)."},
    OptionSpec{"limit", kInteger, "N", "End after so many events.", 1}};

constexpr std::array kInsArguments{
    ArgumentSpec{"COL", false, Completion::Collection, true}, ArgumentSpec{"DOC", false},
    ArgumentSpec{"DATA", false, Completion::None, false, true, true}};
constexpr std::array kInsOptions{
    OptionSpec{"ts", kInteger, "N", "The timestamp; without it: now, in milliseconds since 1970."}};

constexpr std::array kQryArguments{kCollection,
                                   ArgumentSpec{"DOC", false, Completion::None, false, false}};
constexpr std::array kQryOptions{
    OptionSpec{"ts", kInteger, "N", "The latest up to this timestamp; without it: of all."},
    OptionSpec{"from", kInteger, "N", "Only if not older than this timestamp."},
    OptionSpec{"doc", kText, "PATTERN", "Another way to give DOC, a name or a /regex/."}, kWhere,
    kFilter};

constexpr std::array kQdocArguments{kCollection, ArgumentSpec{"DOC"}};
constexpr std::array kQdocOptions{
    OptionSpec{"from", kInteger, "N", "The first timestamp; without it: the oldest."},
    OptionSpec{"to", kInteger, "N", "The last timestamp; without it: the newest."},
    kLimit,
    OptionSpec{"reverse", kSwitch, "", "The newest first."},
    kWhere,
    kFilter};

constexpr std::array kFolderArguments{ArgumentSpec{"DIR"}};
constexpr OptionSpec kOnlyCol{"col",
                              kText,
                              "COL",
                              "Only this collection; may be given several "
                              "times. Without it: all.",
                              INT64_MIN,
                              true};
constexpr std::array kExportOptions{kOnlyCol};
constexpr std::array kImportOptions{
    kOnlyCol, OptionSpec{"progress", kText, "FILE",
                         "Where to keep how far it is; without it: .fluxion-import.json in DIR."}};

constexpr std::array kRequestArguments{
    ArgumentSpec{"TYPE"}, ArgumentSpec{"DATA", false, Completion::None, false, false, true}};

constexpr std::array kShellArguments{ArgumentSpec{"URL", false}};
constexpr std::array kUseArguments{ArgumentSpec{"COL", true, Completion::Collection}};
constexpr std::array kHelpArguments{
    ArgumentSpec{"COMMAND", false, Completion::Command, false, false}};

constexpr std::string_view kStandardInput =
    "Without VALUE it is read from standard input, to its end, less one line feed.";

constexpr std::array kCommands{
    Command{Verb::Shell,
            "shell",
            "",
            Place::CommandLine,
            kShellArguments,
            {},
            "Opens the interactive shell; HELP in it lists its commands.",
            "Lines from a pipe or a file work, too; then the exit code is 1 if one failed."},
    Command{Verb::Get, "get", "", Place::Both, kGetArguments, kGetOptions,
            "Prints the value of a key.", "A key that is not there prints nothing."},
    Command{Verb::Set, "set", "", Place::Both, kSetArguments, kSetOptions,
            "Sets the value of a key; in the shell it must be JSON.", kStandardInput},
    Command{Verb::Patch, "patch", "", Place::Both, kPatchArguments, kPatchOptions,
            "Merges JSON into the value of a key.",
            "Objects are merged field by field, all else is replaced. Without JSON it is read from "
            "standard input, to its end, less one line feed."},
    Command{Verb::Del, "del", "delete", Place::Both, kGetArguments, kDelOptions, "Removes a key.",
            ""},
    Command{Verb::Keys, "keys", "", Place::Both, kKeysArguments, kGetOptions,
            "Lists the keys: all, this one, or those that match a /regex/.", ""},
    Command{Verb::History, "history", "", Place::Both, kGetArguments, kHistoryOptions,
            "Lists the versions of a key that the log still holds, newest first.", ""},
    Command{Verb::Watch, "watch", "", Place::Both, kWatchArguments, kWatchOptions,
            "Prints each change as it happens, until Ctrl-C.",
            "PATTERN is the name of a key or document, or a /regex/. After a lost connection it "
            "goes on by itself where it was."},
    Command{Verb::Cols, "cols", "", Place::Both, {}, {}, "Lists the collections.", ""},
    Command{Verb::Ins, "ins", "", Place::Both, kInsArguments, kInsOptions,
            "Inserts a record into a document.",
            "Without DATA, records are read from standard input, one JSON object a line: "
            "{\"ts\":1,\"doc\":\"d\",\"data\":\"...\",\"col\":\"c\"}. COL, DOC and --ts stand for "
            "what a line leaves out; data that is not a string is stored as JSON."},
    Command{Verb::Qry, "qry", "", Place::Both, kQryArguments, kQryOptions,
            "Prints the latest record of each document.", "DOC is a name or a /regex/."},
    Command{Verb::Qdoc, "qdoc", "", Place::Both, kQdocArguments, kQdocOptions,
            "Prints the records of one document.", ""},
    Command{Verb::Conn, "conn", "", Place::Both, {}, {}, "Lists the open connections.", ""},
    Command{Verb::Stat, "stat", "", Place::Both, {}, {}, "Prints the server's statistics.", ""},
    Command{Verb::Snap, "snap", "checkpoint", Place::Both, {}, {}, "Makes a checkpoint now.", ""},
    Command{Verb::Export, "export", "", Place::Both, kFolderArguments, kExportOptions,
            "Writes all records and keys of one moment into a folder.",
            "DIR/<col>/<doc>.jsonl and DIR/<col>/key_value.json. DIR is new or empty; or holds an "
            "export that was cut off, which goes on."},
    Command{Verb::Import, "import", "", Place::Both, kFolderArguments, kImportOptions,
            "Inserts what an export has written.",
            "An import that was cut off goes on where it was when the same command is given "
            "again."},
    Command{
        Verb::Request,
        "request",
        "",
        Place::Both,
        kRequestArguments,
        {},
        "Sends any request of the protocol; prints the reply.",
        "TYPE and DATA, which is JSON, as docs/protocol.md has them: request ddoc "
        "'{\"doc\":\"d\"}'. The reply is printed as the server sent it. For sub there is watch."},
    Command{Verb::Use,
            "use",
            "",
            Place::Shell,
            kUseArguments,
            {},
            "Changes the collection that the commands work on.",
            ""},
    Command{Verb::Help,
            "help",
            "",
            Place::Shell,
            kHelpArguments,
            {},
            "Lists the commands, or explains one.",
            ""},
    Command{Verb::Exit, "exit", "quit", Place::Shell, {}, {}, "Leaves; so does Ctrl-D.", ""},
};

constexpr std::array kCommonOptions{
    OptionSpec{"url", kText, "URL",
               "The server. Or FLUXION_URL; without both: ws://127.0.0.1:8080."},
    OptionSpec{"data", kText, "DIR",
               "Opens this data folder itself, without a server, which must not be running."},
    OptionSpec{"key", kText, "KEY", "The API key. Safer in FLUXION_KEY than on a command line."},
    OptionSpec{"ca", kText, "FILE", "Certificates (PEM) to trust as well, for wss."},
    OptionSpec{"timeout", kInteger, "SECONDS",
               "Longest wait for the connection and for a reply; without it: 30.", 1},
    OptionSpec{"json", kSwitch, "", "Prints each reply or event as the server sent it."},
    OptionSpec{"help", kSwitch, "", "This text."},
};

} // namespace

std::span<const Command> allCommands()
{
    return kCommands;
}

std::span<const OptionSpec> commonOptions()
{
    return kCommonOptions;
}

const Command* findCommand(std::string_view name, Place place)
{
    const auto same = [&](std::string_view known) {
        const auto equal = [&](char typed, char letter) {
            const bool upper = place == Place::Shell && typed >= 'A' && typed <= 'Z';
            return (upper ? static_cast<char>(typed - 'A' + 'a') : typed) == letter;
        };
        return !known.empty() &&
               std::equal(name.begin(), name.end(), known.begin(), known.end(), equal);
    };
    for (const Command& command : kCommands) {
        const bool here = command.place == Place::Both || command.place == place;
        if (here && (same(command.name) || (place == Place::Shell && same(command.otherName))))
            return &command;
    }
    return nullptr;
}

bool takesRestOfLine(const Command& command)
{
    return !command.arguments.empty() && command.arguments.back().restOfLine;
}

} // namespace fluxion::shell
