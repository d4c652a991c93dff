#include "config/settings.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <thread>

#include "config/settings_table.h"

namespace fluxion {

namespace {

constexpr int64_t kMostDefaultIoThreads = 4;

Error usage(std::string text)
{
    return {Code::Usage, std::move(text)};
}

// One argument taken apart: --name or --name=value.
struct Flag {
    std::string_view name;
    std::optional<std::string_view> value;
};

std::optional<Flag> parseFlag(std::string_view argument)
{
    if (!argument.starts_with("--") || argument.size() == 2)
        return std::nullopt;
    argument.remove_prefix(2);
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos)
        return Flag{argument, std::nullopt};
    return Flag{argument.substr(0, equals), argument.substr(equals + 1)};
}

std::optional<StartAction> actionOf(std::string_view name)
{
    if (name == "help")
        return StartAction::Help;
    if (name == "version")
        return StartAction::Version;
    if (name == "describe")
        return StartAction::Describe;
    return std::nullopt;
}

struct GivenValue {
    const SettingSpec* spec;
    std::string value;
};

struct CommandLine {
    std::vector<GivenValue> values;
    StartAction action = StartAction::Run;
};

Result<CommandLine> parseCommandLine(const std::vector<std::string>& arguments)
{
    CommandLine line;
    for (size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] == "-h") {
            line.action = StartAction::Help;
            continue;
        }
        const auto flag = parseFlag(arguments[i]);
        if (!flag)
            return usage("unexpected argument \"" + arguments[i] + "\"; see fluxion --help");
        const std::string shown = "--" + std::string(flag->name);
        if (const auto action = actionOf(flag->name)) {
            if (flag->value)
                return usage(shown + ": takes no value");
            line.action = *action;
            continue;
        }
        const SettingSpec* spec = findSetting(flag->name);
        if (!spec)
            return usage("there is no flag " + shown + "; see fluxion --help");
        if (flag->value)
            line.values.push_back({spec, std::string(*flag->value)});
        else if (spec->type == SettingType::Switch)
            line.values.push_back({spec, "true"});
        else if (i + 1 < arguments.size())
            line.values.push_back({spec, arguments[++i]});
        else
            return usage(shown + ": needs a value");
    }
    return line;
}

std::string_view trimmed(std::string_view text)
{
    const size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Applies values from one source after the other; knows which of the two ways to give the secret
// came last.
class Loader {
  public:
    Settings settings = defaultSettings();

    void beginSource() { m_secretsHere = 0; }

    Status apply(const SettingSpec& spec, std::string_view text, const std::string& where)
    {
        const Status assigned = assignSetting(settings, spec, text);
        if (!assigned) {
            const bool show = !spec.secret && text.size() <= kMostShownBytes;
            return usage(where + ": " + assigned.error().text +
                         (show ? ", not \"" + std::string(text) + "\"" : ""));
        }
        return noteSecret(spec, where);
    }

    Status applyFile(const std::string& path, const std::string& content)
    {
        beginSource();
        std::set<std::string_view> seen;
        size_t number = 0;
        for (size_t start = 0; start < content.size();) {
            const size_t end = std::min(content.find('\n', start), content.size());
            const std::string_view line =
                trimmed(std::string_view(content).substr(start, end - start));
            start = end + 1;
            const std::string where = path + ":" + std::to_string(++number);
            if (line.empty() || line.starts_with('#'))
                continue;
            const Status applied = applyLine(line, where, seen);
            if (!applied)
                return applied;
        }
        return {};
    }

  private:
    static constexpr size_t kMostShownBytes = 80;

    Status applyLine(std::string_view line, const std::string& where,
                     std::set<std::string_view>& seen)
    {
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos)
            return usage(where + ": a line must be `name = value`");
        const SettingSpec* spec = findSetting(trimmed(line.substr(0, equals)));
        if (!spec || spec->name == "config")
            return usage(where + ": there is no setting \"" +
                         std::string(trimmed(line.substr(0, equals))) + "\"");
        if (!seen.insert(spec->name).second)
            return usage(where + ": " + std::string(spec->name) + " is given twice");
        return apply(*spec, trimmed(line.substr(equals + 1)),
                     where + ": " + std::string(spec->name));
    }

    Status noteSecret(const SettingSpec& spec, const std::string& where)
    {
        const bool key = spec.name == "secret-key";
        const bool file = spec.name == "secret-key-file";
        if (!key && !file)
            return {};
        m_secretsHere |= key ? 1 : 2;
        if (m_secretsHere == 3)
            return usage(where + ": give secret-key or secret-key-file, not both");
        (key ? settings.secretKeyFile : settings.secretKey).clear();
        return {};
    }

    unsigned m_secretsHere = 0; // of the present source: 1 the key, 2 the file
};

// The shell's: a terminal may have them for both.
constexpr std::string_view kShellVariables[] = {"FLUXION_URL", "FLUXION_KEY"};

// A name with a slip in it would leave a setting at its default, with nobody the wiser.
Status checkVariables(const SettingsSources& sources)
{
    std::set<std::string, std::less<>> known(std::begin(kShellVariables),
                                             std::end(kShellVariables));
    for (const SettingSpec& spec : allSettings())
        known.insert(environmentName(spec));
    for (const std::string& variable : sources.variables) {
        if (!known.contains(variable) && !sources.environment(variable).value_or("").empty())
            return usage(variable + ": there is no such setting; see fluxion --help");
    }
    return {};
}

Status applyEnvironment(Loader& loader, const SettingsSources& sources)
{
    if (Status status = checkVariables(sources); !status)
        return status;
    loader.beginSource();
    for (const SettingSpec& spec : allSettings()) {
        const std::string variable = environmentName(spec);
        const auto value = sources.environment(variable);
        if (!value || value->empty())
            continue;
        if (const Status applied = loader.apply(spec, *value, variable); !applied)
            return applied;
    }
    return {};
}

// The file comes first but is named by what comes later.
std::string configPath(const SettingsSources& sources, const CommandLine& line)
{
    std::string path = sources.environment("FLUXION_CONFIG").value_or("");
    for (const GivenValue& given : line.values) {
        if (given.spec->name == "config")
            path = given.value;
    }
    return path;
}

Status readSecretFile(Settings& settings, const SettingsSources& sources)
{
    if (settings.secretKeyFile.empty())
        return {};
    auto content = sources.readFile(settings.secretKeyFile);
    if (!content)
        return usage("secret-key-file: " + content.error().text);
    std::string key = std::move(content.value());
    if (key.ends_with('\n'))
        key.pop_back();
    if (key.ends_with('\r'))
        key.pop_back();
    const SettingSpec& spec = *findSetting("secret-key");
    const Status assigned = assignSetting(settings, spec, key);
    if (!assigned || key.empty())
        return usage("secret-key-file: " + settings.secretKeyFile + " must hold one line, the key");
    return {};
}

} // namespace

Settings defaultSettings()
{
    Settings settings;
    for (const SettingSpec& spec : allSettings()) {
        // A test assigns every default, so this cannot fail.
        (void)assignSetting(settings, spec, spec.defaultValue).ok();
    }
    return settings;
}

Result<LoadedSettings> loadSettings(const SettingsSources& sources)
{
    const auto line = parseCommandLine(sources.arguments);
    if (!line)
        return line.error();
    LoadedSettings loaded{defaultSettings(), line.value().action};
    if (loaded.action != StartAction::Run)
        return loaded;

    Loader loader;
    const std::string path = configPath(sources, line.value());
    if (!path.empty()) {
        const auto content = sources.readFile(path);
        if (!content)
            return usage("config: " + content.error().text);
        if (const Status applied = loader.applyFile(path, content.value()); !applied)
            return applied.error();
    }
    if (const Status applied = applyEnvironment(loader, sources); !applied)
        return applied.error();
    loader.beginSource();
    for (const GivenValue& given : line.value().values) {
        const Status applied =
            loader.apply(*given.spec, given.value, "--" + std::string(given.spec->name));
        if (!applied)
            return applied.error();
    }
    if (const Status read = readSecretFile(loader.settings, sources); !read)
        return read.error();
    if (loader.settings.ioThreads == 0) {
        const int64_t cores = std::thread::hardware_concurrency(); // 0: not known
        loader.settings.ioThreads = std::clamp<int64_t>(cores, 1, kMostDefaultIoThreads);
    }
    loaded.settings = std::move(loader.settings);
    return loaded;
}

Status checkForServing(const Settings& settings)
{
    if (settings.secretKey.empty())
        return usage("there is no secret key: give --secret-key-file, FLUXION_SECRET_KEY or "
                     "--secret-key");
    if (settings.host.empty())
        return usage("--host: must not be empty");
    if (settings.tlsCert.empty() != settings.tlsKey.empty())
        return usage("--tls-cert and --tls-key: give both or none");
    if (settings.maxQueueHardBytes < settings.maxQueueBytes)
        return usage("--max-queue-hard-bytes: must not be less than --max-queue-bytes");
    return {};
}

void hideSecretArguments(std::span<char* const> arguments)
{
    const auto hide = [](char* text) { std::memset(text, '*', std::strlen(text)); };
    for (size_t i = 0; i < arguments.size(); ++i) {
        const auto flag = parseFlag(arguments[i]);
        const SettingSpec* spec = flag ? findSetting(flag->name) : nullptr;
        if (!spec)
            continue;
        const bool nextIsValue = !flag->value && spec->type != SettingType::Switch;
        if (spec->secret && flag->value)
            hide(arguments[i] + (flag->value->data() - arguments[i]));
        if (spec->secret && nextIsValue && i + 1 < arguments.size())
            hide(arguments[i + 1]);
        if (nextIsValue)
            ++i;
    }
}

} // namespace fluxion
