#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "config/settings_table.h"

using namespace fluxion;

namespace {

struct World {
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;
    std::map<std::string, std::string> files;

    Result<LoadedSettings> load() const
    {
        SettingsSources sources;
        sources.arguments = arguments;
        sources.environment = [this](const std::string& name) -> std::optional<std::string> {
            const auto at = environment.find(name);
            return at == environment.end() ? std::nullopt : std::optional(at->second);
        };
        for (const auto& [name, value] : environment)
            sources.variables.push_back(name);
        sources.readFile = [this](const std::string& path) -> Result<std::string> {
            const auto at = files.find(path);
            if (at == files.end())
                return Error{Code::Io, "cannot read " + path};
            return at->second;
        };
        return loadSettings(sources);
    }

    Settings settings() const
    {
        const auto loaded = load();
        REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().text));
        return loaded.value().settings;
    }

    // One line that does not end with a line feed; "" when there is none.
    std::string error() const
    {
        const auto loaded = load();
        if (loaded)
            return "";
        CHECK(loaded.error().code == Code::Usage);
        CHECK(loaded.error().text.find('\n') == std::string::npos);
        return loaded.error().text;
    }
};

std::string valueOf(const Settings& settings, const SettingSpec& spec)
{
    if (const auto text = std::get_if<std::string Settings::*>(&spec.field))
        return settings.*(*text);
    if (const auto number = std::get_if<int64_t Settings::*>(&spec.field))
        return std::to_string(settings.*(*number));
    if (const auto flag = std::get_if<bool Settings::*>(&spec.field))
        return settings.*(*flag) ? "true" : "false";
    const auto choice = std::get<Durability Settings::*>(spec.field);
    return settings.*choice == Durability::Always     ? "always"
           : settings.*choice == Durability::Interval ? "interval"
                                                      : "none";
}

bool isNumber(const SettingSpec& spec)
{
    return std::holds_alternative<int64_t Settings::*>(spec.field);
}

// Two good values that differ from the default and, read back by valueOf(), are the same.
std::string sample(const SettingSpec& spec, bool other)
{
    if (isNumber(spec))
        return std::to_string(other ? spec.max : spec.max - 1);
    if (spec.type == SettingType::Switch)
        return other ? "false" : "true";
    if (spec.type == SettingType::Choice)
        return other ? "none" : "interval";
    return other ? "other=# text" : "some text";
}

} // namespace

TEST_CASE("every setting of the table is whole, and can be set in three ways")
{
    std::set<std::string_view> names;
    for (const SettingSpec& spec : allSettings()) {
        CAPTURE(spec.name);
        CHECK(names.insert(spec.name).second);
        CHECK(findSetting(spec.name) == &spec);
        CHECK(spec.help.size() > 15);
        CHECK(spec.help.ends_with("."));
        CHECK_FALSE(describeUnit(spec).empty());
        CHECK((describeRange(spec).empty() ==
               (spec.type == SettingType::Text || spec.type == SettingType::Path)));
        CHECK(helpText().find("\n  --" + std::string(spec.name)) != std::string::npos);
        CHECK(settingsMarkdown().find("`--" + std::string(spec.name) + "`") != std::string::npos);

        Settings scratch;
        REQUIRE(assignSetting(scratch, spec, spec.defaultValue).ok());
        if (isNumber(spec))
            CHECK(spec.min < spec.max);

        const std::string first = sample(spec, false), second = sample(spec, true);
        const std::string flag = "--" + std::string(spec.name);
        const std::string variable = environmentName(spec);
        CHECK(variable.starts_with("FLUXION_"));
        const auto get = [&spec](const World& world) { return valueOf(world.settings(), spec); };
        if (spec.name == "config" || spec.name == "secret-key-file") {
            CHECK(get({{flag, "f"}, {}, {{"f", "#"}}}) == "f");
            CHECK(get({{}, {{variable, "f"}}, {{"f", "#"}}}) == "f");
            continue;
        }
        if (spec.type == SettingType::Switch)
            CHECK(get({{flag}, {}, {}}) == "true");
        else
            CHECK(get({{flag, first}, {}, {}}) == first);
        CHECK(get({{flag + "=" + first}, {}, {}}) == first);
        CHECK(get({{}, {{variable, first}}, {}}) == first);
        const std::string line =
            "\n # comment\n\t" + std::string(spec.name) + " =  " + first + " \r\n";
        CHECK(get({{"--config", "f"}, {}, {{"f", line}}}) == first);
        // The later source wins.
        CHECK(get({{"--config", "f"}, {{variable, second}}, {{"f", line}}}) == second);
        CHECK(get({{flag + "=" + second}, {{variable, first}}, {}}) == second);
        CHECK(get({{flag + "=" + first, flag + "=" + second}, {}, {}}) == second);
        // An empty variable is no variable.
        CHECK(get({{}, {{variable, ""}}, {}}) == get({}));
    }
}

TEST_CASE("every bad value is refused with the place, the range and the value")
{
    for (const SettingSpec& spec : allSettings()) {
        CAPTURE(spec.name);
        std::vector<std::string> bad = {"nonsense",
                                        "",
                                        "-1",
                                        "1.5",
                                        "1x",
                                        " 1",
                                        "0x10",
                                        "99999999999999999999",
                                        "9223372036854775807TiB"};
        if (spec.type == SettingType::Text || spec.type == SettingType::Path)
            bad = {"a\nb", std::string("a\0b", 3), "a\r"};
        if (isNumber(spec)) {
            bad.push_back(std::to_string(spec.max + 1));
            if (spec.min > 0)
                bad.push_back(std::to_string(spec.min - 1));
            Settings scratch;
            CHECK(assignSetting(scratch, spec, std::to_string(spec.min)).ok());
            CHECK(assignSetting(scratch, spec, std::to_string(spec.max)).ok());
        }
        for (const std::string& value : bad) {
            CAPTURE(value);
            Settings scratch;
            const Status status = assignSetting(scratch, spec, value);
            CHECK_FALSE(status.ok());
            CHECK(status.error().code == Code::Usage);
            CHECK(status.error().text.find(describeRange(spec)) != std::string::npos);
        }
    }
    CHECK(World{{"--port", "65536"}, {}, {}}.error() ==
          "--port: must be from 0 to 65535, not \"65536\"");
    CHECK(World{{}, {{"FLUXION_SEGMENT_SIZE", "1KiB"}}, {}}.error() ==
          "FLUXION_SEGMENT_SIZE: must be from 4 KiB to 1 GiB, written like 512KiB, 64MiB or 1GiB, "
          "not \"1KiB\"");
    CHECK(World{{"--config=f"}, {}, {{"f", "host=::\n\ndurability = often"}}}.error() ==
          "f:3: durability: must be always, interval or none, not \"often\"");
}

TEST_CASE("sizes and durations take units")
{
    const struct {
        const char* name;
        const char* value;
        int64_t number; // -1: refused
    } cases[] = {
        {"max-message", "65536", 65536},    {"max-message", "65536B", 65536},
        {"max-message", "64KiB", 65536},    {"max-message", "64 KiB", 65536},
        {"max-message", "2MiB", 2 << 20},   {"max-message", "1GiB", 1 << 30},
        {"max-message", "64KB", -1},        {"max-message", "64kib", -1},
        {"max-message", "64s", -1},         {"max-message", "KiB", -1},
        {"max-message", "64 ", -1},         {"header-timeout", "1500", 1500},
        {"header-timeout", "1500ms", 1500}, {"header-timeout", "2s", 2000},
        {"header-timeout", "1min", 60000},  {"ping-interval", "1h", 3600000},
        {"header-timeout", "1m", -1},       {"header-timeout", "1KiB", -1},
        {"max-connections", "5", 5},        {"max-connections", "5s", -1},
        {"max-connections", "+5", -1},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CAPTURE(c.value);
        Settings settings;
        const SettingSpec* spec = findSetting(c.name);
        REQUIRE(spec != nullptr);
        CHECK(assignSetting(settings, *spec, c.value).ok() == (c.number >= 0));
        if (c.number >= 0)
            CHECK(settings.*std::get<int64_t Settings::*>(spec->field) == c.number);
    }
}

TEST_CASE("the command line: what else can be wrong or asked for")
{
    const struct {
        std::vector<std::string> arguments;
        const char* error;
    } cases[] = {
        {{"--prot", "80"}, "there is no flag --prot; see fluxion --help"},
        {{"--secret-kye=hush"}, "there is no flag --secret-kye; see fluxion --help"},
        {{"serve"}, "unexpected argument \"serve\"; see fluxion --help"},
        {{"--"}, "unexpected argument \"--\"; see fluxion --help"},
        {{"-p", "80"}, "unexpected argument \"-p\"; see fluxion --help"},
        {{"--port"}, "--port: needs a value"},
        {{"--help=1"}, "--help: takes no value"},
        {{"--config", "nowhere"}, "config: cannot read nowhere"},
        {{"--secret-key-file", "nowhere"}, "secret-key-file: cannot read nowhere"},
    };
    for (const auto& c : cases)
        CHECK(World{c.arguments, {}, {}}.error() == c.error);

    const struct {
        const char* argument;
        StartAction action;
    } actions[] = {{"--help", StartAction::Help},
                   {"-h", StartAction::Help},
                   {"--version", StartAction::Version},
                   {"--describe", StartAction::Describe}};
    for (const auto& c : actions) {
        // Help is there even when the environment is wrong.
        const World world{{c.argument}, {{"FLUXION_PORT", "x"}}, {}};
        const auto loaded = world.load();
        REQUIRE(loaded.ok());
        CHECK(loaded.value().action == c.action);
    }
}

TEST_CASE("a variable of no setting is an error")
{
    const struct {
        const char* variable;
        const char* value;
        const char* error;
    } cases[] = {
        {"FLUXION_DURABILTY", "none",
         "FLUXION_DURABILTY: there is no such setting; see fluxion "
         "--help"},
        {"FLUXION_", "x", "FLUXION_: there is no such setting; see fluxion --help"},
        {"FLUXION_data", "d", "FLUXION_data: there is no such setting; see fluxion --help"},
        {"FLUXION_DURABILTY", "", ""},
        {"FLUXION_URL", "ws://h:1", ""},
        {"FLUXION_KEY", "k", ""},
        {"FLUXION_HOST", "h", ""},
    };
    for (const auto& c : cases) {
        CAPTURE(c.variable);
        CHECK(World{{}, {{c.variable, c.value}}, {}}.error() == c.error);
    }
    // Its value may be a secret in the wrong place.
    CHECK(World{{}, {{"FLUXION_SECRET", "hush"}}, {}}.error().find("hush") == std::string::npos);
}

TEST_CASE("the file: what else can be wrong")
{
    const struct {
        const char* content;
        const char* error;
    } cases[] = {
        {"", ""},
        {"# only a comment", ""},
        {"host =", ""},
        {"port", "f:1: a line must be `name = value`"},
        {"\n\nprot = 80\n", "f:3: there is no setting \"prot\""},
        {"--port = 80\n", "f:1: there is no setting \"--port\""},
        {"config = g", "f:1: there is no setting \"config\""},
        {"port=1\nport=1", "f:2: port is given twice"},
        {"port = 1 # why", "f:1: port: must be from 0 to 65535, not \"1 # why\""},
    };
    for (const auto& c : cases) {
        CAPTURE(c.content);
        CHECK(World{{}, {{"FLUXION_CONFIG", "f"}}, {{"f", c.content}}}.error() == c.error);
    }
    // The flag names the file, not the variable.
    CHECK(World{{"--config", "g"}, {{"FLUXION_CONFIG", "f"}}, {{"g", "port=5"}}}.settings().port ==
          5);
}

TEST_CASE("the secret key: from a file, the later source wins, never shown")
{
    const auto key = [](const World& world) { return world.settings().secretKey; };
    const std::map<std::string, std::string> files = {{"k", "from file\n"},
                                                      {"crlf", "from file\r\n"},
                                                      {"two", "a\nb\n"},
                                                      {"empty", "\n"},
                                                      {"c", "secret-key = from config"}};
    CHECK(key({{"--secret-key-file", "k"}, {}, files}) == "from file");
    CHECK(key({{"--secret-key-file", "crlf"}, {}, files}) == "from file");
    CHECK(key({{"--config=c"}, {}, files}) == "from config");
    CHECK(key({{"--secret-key-file", "k"}, {{"FLUXION_SECRET_KEY", "e"}}, files}) == "from file");
    CHECK(key({{"--secret-key", "a"}, {{"FLUXION_SECRET_KEY_FILE", "k"}}, files}) == "a");
    CHECK(key({{"--config=c"}, {{"FLUXION_SECRET_KEY_FILE", "k"}}, files}) == "from file");
    CHECK(World{{"--secret-key-file", "two"}, {}, files}.error() ==
          "secret-key-file: two must hold one line, the key");
    CHECK(World{{"--secret-key-file", "empty"}, {}, files}.error() ==
          "secret-key-file: empty must hold one line, the key");
    CHECK(World{{"--secret-key=hush", "--secret-key-file=k"}, {}, files}.error() ==
          "--secret-key-file: give secret-key or secret-key-file, not both");
    const std::string error = World{{"--secret-key", "hu\nsh"}, {}, {}}.error();
    CHECK(error == "--secret-key: must not contain a line end or NUL");
}

TEST_CASE("secrets are overwritten in the arguments, and nothing else")
{
    std::string texts[] = {"fluxion",      "--port",       "--secret-key",
                           "--secret-key", "hush",         "--secret-key=hush",
                           "--data",       "--secret-key", "x",
                           "--secret-key", "hush"};
    std::vector<char*> arguments;
    for (std::string& text : texts)
        arguments.push_back(text.data());
    hideSecretArguments(arguments);
    const char* const expected[] = {"fluxion",      "--port",       "--secret-key",
                                    "--secret-key", "****",         "--secret-key=****",
                                    "--data",       "--secret-key", "x",
                                    "--secret-key", "****"};
    for (size_t i = 0; i < std::size(expected); ++i)
        CHECK(texts[i] == expected[i]);
}

TEST_CASE("the defaults people rely on")
{
    const Settings settings = World{}.settings();
    CHECK(settings.host == "127.0.0.1");
    CHECK(settings.port == 8080);
    CHECK(settings.data.empty());
    CHECK(settings.durability == Durability::Always);
    CHECK(settings.segmentBytes == 64 << 20);
    CHECK(settings.maxMessageBytes == 16 << 20);
    CHECK(settings.ioThreads >= 1);
    CHECK(settings.ioThreads <= 4);
}

TEST_CASE("what only a server needs")
{
    Settings settings = defaultSettings();
    CHECK(checkForServing(settings).error().code == Code::Usage);
    settings.secretKey = "k";
    CHECK(checkForServing(settings).ok());
    settings.tlsCert = "cert.pem";
    CHECK_FALSE(checkForServing(settings).ok());
    settings.tlsKey = "key.pem";
    CHECK(checkForServing(settings).ok());
    settings.maxQueueHardBytes = settings.maxQueueBytes - 1;
    CHECK_FALSE(checkForServing(settings).ok());
    settings = defaultSettings();
    settings.secretKey = "k";
    settings.host.clear();
    CHECK_FALSE(checkForServing(settings).ok());
}
