#include "config/settings_table.h"

namespace fluxion {

namespace {

using enum SettingType;

constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB, kTiB = 1024 * kGiB;
constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

constexpr SettingSpec text(std::string_view name, std::string Settings::*field,
                           std::string_view value, std::string_view help)
{
    return {name, Text, field, value, 0, 0, {}, false, help};
}

constexpr SettingSpec secret(std::string_view name, std::string Settings::*field,
                             std::string_view help)
{
    return {name, Text, field, {}, 0, 0, {}, true, help};
}

constexpr SettingSpec path(std::string_view name, std::string Settings::*field,
                           std::string_view help)
{
    return {name, Path, field, {}, 0, 0, {}, false, help};
}

constexpr SettingSpec count(std::string_view name, int64_t Settings::*field, std::string_view value,
                            int64_t min, int64_t max, std::string_view unit, std::string_view help)
{
    return {name, Integer, field, value, min, max, unit, false, help};
}

constexpr SettingSpec bytes(std::string_view name, int64_t Settings::*field, std::string_view value,
                            int64_t min, int64_t max, std::string_view help)
{
    return {name, Bytes, field, value, min, max, {}, false, help};
}

constexpr SettingSpec duration(std::string_view name, int64_t Settings::*field,
                               std::string_view value, int64_t min, int64_t max,
                               std::string_view help)
{
    return {name, Duration, field, value, min, max, {}, false, help};
}

constexpr SettingSpec kSettings[] = {
    path("config", &Settings::config,
         "File of settings: lines `name = value`; a line that begins with `#` is a comment."),
    secret("secret-key", &Settings::secretKey,
           "The master key. Safer in the environment or in a file than on the command line."),
    path("secret-key-file", &Settings::secretKeyFile, "File that holds the master key."),
    path("data", &Settings::data,
         "Folder of the data, created if need be, in one that is there. Without it everything is "
         "kept in memory only."),
    text("host", &Settings::host, "127.0.0.1", "Address to listen on; 0.0.0.0 or :: for all."),
    count("port", &Settings::port, "8080", 0, 65535, "TCP port",
          "Port to listen on; 0 takes any free one."),
    count("io-threads", &Settings::ioThreads, "0", 0, 64, "threads",
          "Threads that serve connections; 0: one for each core, at most 4."),
    {"durability",
     Choice,
     &Settings::durability,
     "always",
     0,
     0,
     {},
     false,
     "When a write counts as done: always (it is on the medium), interval (synced every "
     "durability-interval), none (left to the system)."},
    duration("durability-interval", &Settings::durabilityIntervalMs, "100ms", 1, kMinute,
             "Time between syncs under `--durability interval`: what a power cut may cost."),
    {"salvage",
     Switch,
     &Settings::salvage,
     "false",
     0,
     0,
     {},
     false,
     "Starts on damaged data with the part before the damage, as a new history; what is not used "
     "any more is kept in the folder as salvaged-... files. For one start, after a copy was made."},
    bytes("segment-size", &Settings::segmentBytes, "64MiB", 4 * kKiB, kGiB,
          "Size of one file of the log."),
    bytes("log-retain-bytes", &Settings::logRetainBytes, "1GiB", 0, 1024 * kTiB,
          "Log kept for history and resumes; older files go with the next checkpoint. 0: only what "
          "a start needs. Without `data`: at most 64 MiB."),
    count("log-retain-hours", &Settings::logRetainHours, "24", 0, 1000000, "hours",
          "Time that history is kept within log-retain-bytes; 0: no limit by age."),
    duration("checkpoint-interval", &Settings::checkpointIntervalMs, "5min", kSecond, 24 * kHour,
             "Longest time between checkpoints while there are writes."),
    bytes("checkpoint-bytes", &Settings::checkpointBytes, "256MiB", 64 * kKiB, kTiB,
          "Log written since the last checkpoint that starts the next one."),
    bytes("max-message", &Settings::maxMessageBytes, "16MiB", kKiB, kGiB,
          "Largest incoming message; a larger one closes the connection with 1009."),
    count("max-connections", &Settings::maxConnections, "10000", 1, 1000000, "connections",
          "Open connections; further ones are refused."),
    count("max-in-flight", &Settings::maxInFlight, "4096", 1, 1000000, "requests",
          "Requests of one connection without a reply; reading from it pauses there."),
    bytes(
        "max-pending-bytes", &Settings::maxPendingBytes, "64MiB", 64 * kKiB, 4 * kGiB,
        "Output waiting for one connection that does not take it: more, and it is cut off. From 2 "
        "MiB on its requests wait."),
    bytes("max-reply-memory", &Settings::maxReplyMemoryBytes, "256MiB", 4 * kMiB, kTiB,
          "Replies in memory, of all connections; a request waits for its share."),
    bytes("max-queue-bytes", &Settings::maxQueueBytes, "64MiB", kMiB, kTiB,
          "Writes waiting for the log; connections that write pause there."),
    bytes("max-queue-hard-bytes", &Settings::maxQueueHardBytes, "256MiB", kMiB, kTiB,
          "Writes waiting for the log above which further ones are answered `busy`."),
    bytes("max-pattern-bytes", &Settings::maxPatternBytes, "1000B", 1, 100 * kKiB,
          "Length of a regular expression from a client."),
    count("max-pattern-steps", &Settings::maxPatternSteps, "500", 16, 1000000, "instructions",
          "Size of a compiled expression: what one byte of text may cost at worst."),
    bytes("pattern-memory", &Settings::patternMemoryBytes, "1MiB", 64 * kKiB, kGiB,
          "Memory of one compiled expression."),
    count("max-collections", &Settings::maxCollections, "10000", 1, 10000000, "collections",
          "Collections; a write that would make one more is answered `too_many`."),
    bytes("max-name-bytes", &Settings::maxNameBytes, "1024B", 1, 65535,
          "Length of the name of a collection, document or key."),
    count("max-subscriptions", &Settings::maxSubscriptions, "1000", 0, 1000000, "subscriptions",
          "Subscriptions of one connection."),
    count("max-queue-events", &Settings::maxQueueEvents, "10000", 1, 100000000, "events",
          "Events waiting for one subscriber: more, and it goes on from the log, at its own pace."),
    bytes("max-queue-event-bytes", &Settings::maxQueueEventBytes, "4MiB", kKiB, kTiB,
          "The same in bytes of events."),
    bytes("max-event-memory", &Settings::maxEventMemoryBytes, "256MiB", kMiB, kTiB,
          "Events in memory, of all subscribers: above it those who have most go on from the log."),
    duration("slow-subscriber-timeout", &Settings::slowSubscriberTimeoutMs, "1s", 100, kHour,
             "A subscriber that fell behind its queue and takes nothing for longer is evicted."),
    count("max-catch-ups", &Settings::maxCatchUps, "4", 1, 1000, "subscriptions",
          "Snapshots and resumes of one connection under way; others wait for their turn."),
    duration("catch-up-stall-timeout", &Settings::catchUpStallTimeoutMs, "30s", 100, kHour,
             "A snapshot or resume of which its client takes nothing for longer is evicted."),
    count(
        "max-cuts", &Settings::maxCuts, "8", 1, 1000, "cuts",
        "States held for clients by `cut`: each keeps what changes meanwhile in memory as it was. "
        "One API key may hold half of them."),
    duration("cut-idle-timeout", &Settings::cutIdleTimeoutMs, "10min", kSecond, 24 * kHour,
             "Time after which such a state goes when nobody reads it or asks for it."),
    duration("bookmark-interval", &Settings::bookmarkIntervalMs, "10s", 100, kHour,
             "Silence of a subscription after which it gets its position."),
    count("max-keys", &Settings::maxKeys, "100000", 1, 10000000, "API keys",
          "API keys besides the master key."),
    duration("header-timeout", &Settings::headerTimeoutMs, "10s", 100, 10 * kMinute,
             "Time for a new connection to send its request head."),
    duration("ping-interval", &Settings::pingIntervalMs, "20s", 100, kHour,
             "Silence of a connection after which it is pinged."),
    duration("pong-timeout", &Settings::pongTimeoutMs, "20s", 100, kHour,
             "Time for the answer to a ping; the connection is closed without."),
    duration("close-timeout", &Settings::closeTimeoutMs, "5s", 10, 10 * kMinute,
             "Time for a client to answer a close frame."),
    duration("drain-timeout", &Settings::drainTimeoutMs, "5s", 0, 10 * kMinute,
             "Time at shutdown for requests under way and output to leave."),
    duration("stall-timeout", &Settings::stallTimeoutMs, "30s", 100, kHour,
             "A connection that has output waiting and takes no byte so long is closed."),
    duration("min-seq-timeout", &Settings::minSeqTimeoutMs, "5s", 0, 10 * kMinute,
             "Longest wait of a read for its `min_seq`, then `timeout`."),
    text("allow-origins", &Settings::allowOrigins, "",
         "Origins of web pages that may connect, separated by commas; empty: all."),
    path("tls-cert", &Settings::tlsCert, "Certificate chain (PEM); with tls-key: serve TLS."),
    path("tls-key", &Settings::tlsKey, "Private key of the certificate (PEM)."),
};

} // namespace

std::span<const SettingSpec> allSettings()
{
    return kSettings;
}

const SettingSpec* findSetting(std::string_view name)
{
    for (const SettingSpec& spec : kSettings) {
        if (spec.name == name)
            return &spec;
    }
    return nullptr;
}

std::string environmentName(const SettingSpec& spec)
{
    std::string out = "FLUXION_";
    for (const char c : spec.name)
        out += c == '-' ? '_' : static_cast<char>(c - (c >= 'a' && c <= 'z' ? 'a' - 'A' : 0));
    return out;
}

} // namespace fluxion
