#pragma once

// JSON of objects, plain strings and numbers, read, merged and written without any care for speed:
// the meaning of a patch, told a second time.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxion {

struct NaiveJson {
    using Field = std::pair<std::string, NaiveJson>;

    bool object = false;
    std::string text; // of all but objects
    std::vector<Field> fields;

    // Without white space, escapes, or a name given twice. Nothing if the text is no JSON.
    static std::optional<NaiveJson> read(std::string_view text)
    {
        auto value = take(text);
        return text.empty() ? value : std::nullopt;
    }
    std::string write() const
    {
        if (!object)
            return text;
        std::string out = "{";
        for (const Field& field : fields)
            out += (out.size() > 1 ? ",\"" : "\"") + field.first + "\":" + field.second.write();
        return out + "}";
    }
    void merge(const NaiveJson& patch, bool deleteNulls)
    {
        if (!patch.object) {
            *this = patch;
            return;
        }
        if (!object)
            *this = NaiveJson{true, "", {}};
        for (const auto& [name, value] : patch.fields) {
            auto at = std::find_if(fields.begin(), fields.end(),
                                   [&](const Field& field) { return field.first == name; });
            if (deleteNulls && value.text == "null") {
                if (at != fields.end())
                    fields.erase(at);
                continue;
            }
            if (at == fields.end())
                at = fields.insert(at, {name, NaiveJson()});
            at->second.merge(value, deleteNulls);
        }
    }

  private:
    static std::optional<NaiveJson> take(std::string_view& in)
    {
        if (!in.starts_with('{')) {
            const size_t end = std::min(in.find_first_of(",}"), in.size());
            NaiveJson scalar{false, std::string(in.substr(0, end)), {}};
            in.remove_prefix(end);
            constexpr std::string_view kFirst = "\"-0123456789n";
            const bool json = !scalar.text.empty() && kFirst.find(scalar.text[0]) != kFirst.npos;
            return json ? std::optional(scalar) : std::nullopt;
        }
        NaiveJson read{true, "", {}};
        in.remove_prefix(1);
        while (!in.empty() && in[0] != '}') {
            in.remove_prefix(in[0] == ',' ? 2 : 1);
            const size_t quote = in.find('"');
            if (quote == std::string_view::npos)
                return std::nullopt;
            const std::string name(in.substr(0, quote));
            in.remove_prefix(quote + 2); // and the colon
            auto value = take(in);
            if (!value)
                return std::nullopt;
            read.fields.emplace_back(name, std::move(*value));
        }
        if (in.empty())
            return std::nullopt;
        in.remove_prefix(1);
        return read;
    }
};

} // namespace fluxion
