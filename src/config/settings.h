#pragma once

// Everything that can be set, with its value. What each means, its range and its default stand in
// settings_table.cpp, once.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fluxion {

enum class Durability : unsigned char { Always, Interval, None };

// Plain values; defaults come from the table (see defaultSettings()). Bytes and milliseconds are
// named so.
struct Settings {
    std::string config; // path
    std::string secretKey;
    std::string secretKeyFile; // path; read into secretKey by loadSettings()
    std::string data;          // path of the folder; empty: in memory
    std::string host;
    int64_t port = 0;      // 0: any free one
    int64_t ioThreads = 0; // after loading never 0
    Durability durability = Durability::Always;
    int64_t durabilityIntervalMs = 0;

    bool salvage = false;
    int64_t segmentBytes = 0;
    int64_t logRetainBytes = 0; // 0: what recovery needs
    int64_t logRetainHours = 0; // 0: no limit by age
    int64_t checkpointIntervalMs = 0;
    int64_t checkpointBytes = 0;

    int64_t maxMessageBytes = 0;
    int64_t maxConnections = 0;
    int64_t maxInFlight = 0;
    int64_t maxPendingBytes = 0;
    int64_t maxReplyMemoryBytes = 0;
    int64_t maxQueueBytes = 0;
    int64_t maxQueueHardBytes = 0;
    int64_t maxPatternBytes = 0;
    int64_t maxPatternSteps = 0;
    int64_t patternMemoryBytes = 0;
    int64_t maxCollections = 0;
    int64_t maxNameBytes = 0;
    int64_t maxSubscriptions = 0;
    int64_t maxQueueEvents = 0;
    int64_t maxQueueEventBytes = 0;
    int64_t maxEventMemoryBytes = 0;
    int64_t slowSubscriberTimeoutMs = 0;
    int64_t maxCatchUps = 0;
    int64_t catchUpStallTimeoutMs = 0;
    int64_t maxCuts = 0;
    int64_t cutIdleTimeoutMs = 0;
    int64_t bookmarkIntervalMs = 0;
    int64_t maxKeys = 0;

    int64_t headerTimeoutMs = 0;
    int64_t pingIntervalMs = 0;
    int64_t pongTimeoutMs = 0;
    int64_t closeTimeoutMs = 0;
    int64_t drainTimeoutMs = 0;
    int64_t stallTimeoutMs = 0;
    int64_t minSeqTimeoutMs = 0;

    std::string allowOrigins; // comma-separated; empty: any
    std::string tlsCert;      // path, PEM
    std::string tlsKey;       // path, PEM
};

// What the variables begin with that mean Fluxion.
inline constexpr std::string_view kVariablePrefix = "FLUXION_";

// The table's defaults.
Settings defaultSettings();

// Where settings come from; the callbacks do what config/ does not: reading files and the
// environment.
struct SettingsSources {
    // Without the program's name and without a word such as `serve`.
    std::vector<std::string> arguments;
    // The value of an environment variable.
    std::function<std::optional<std::string>(const std::string& variable)> environment;
    // The names of all environment variables that begin with kVariablePrefix.
    std::vector<std::string> variables = {};
    // The content of a file.
    std::function<Result<std::string>(const std::string& path)> readFile;
};

// What the command line asks for.
enum class StartAction : unsigned char { Run, Help, Version, Describe };

struct LoadedSettings {
    Settings settings;
    StartAction action = StartAction::Run;
};

// Defaults, then the file named by --config (lines `name = value`; `#` starts a comment line), then
// FLUXION_... variables (an empty one counts as unset; one of no setting is an error, but for those
// of the shell, FLUXION_URL and FLUXION_KEY), then `--name value`, `--name=value` or, for
// a switch, `--name`. The later wins. Of secret-key and secret-key-file the later wins too; the
// file's content, less one line end, becomes secretKey. --help, --version and --describe end it
// with defaults. Every error is Code::Usage, one line, and never shows a secret.
Result<LoadedSettings> loadSettings(const SettingsSources& sources);

// What only a server needs: a secret key, and settings that fit each other. Code::Usage, one line.
Status checkForServing(const Settings& settings);

// Overwrites the values of secret flags in the arguments of the process, where other users can read
// them. Whoever needs the values has copied them before.
void hideSecretArguments(std::span<char* const> arguments);

} // namespace fluxion
