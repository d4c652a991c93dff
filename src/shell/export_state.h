#pragma once

// What an export has done so far, kept in its folder: with it a run that was cut off goes on.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "io/plain_file.h"

namespace fluxion::shell {

// No collection's folder has such a name: see fileNameOf().
inline constexpr const char* kExportStateName = ".fluxion-export.json";
// In a collection's folder, whose own name could not be read back.
inline constexpr const char* kCollectionName = ".collection.json";
inline constexpr const char* kKeysName = "key_value.json";
inline constexpr const char* kRecordsSuffix = ".jsonl";
// Of a file that is not complete.
inline constexpr const char* kPartSuffix = ".part";

struct ExportFigures {
    uint64_t collections = 0;
    uint64_t documents = 0;
    uint64_t records = 0;
    uint64_t keys = 0;
    uint64_t bytes = 0; // of the files
};

// Figures as members of the JSON in which a run keeps how far it is. Missing ones are 0.
void appendFigure(std::string& out, std::string_view name, uint64_t value);
void appendFigures(std::string& out, const ExportFigures& figures);
uint64_t figure(JsonValue object, std::string_view name);
ExportFigures figuresOf(JsonValue object);

// The place: within `collection` its keys, or its documents, of which those before `name` are
// complete; of the file under way the first `fileBytes` bytes, which end before the line of `name`
// or `ts`.
struct ExportState {
    std::vector<std::string> wanted; // empty: all collections
    std::string log;
    uint64_t seq = 0;
    std::string cut; // as the server calls it
    std::string collection;
    bool inDocuments = false;
    std::string name; // the key or document; empty: the first
    std::optional<int64_t> ts;
    uint64_t fileBytes = 0;
    ExportFigures figures; // of all before that place
    bool done = false;

    // Nothing when there is none. Code::BadJson for one that cannot be read.
    static Result<std::optional<ExportState>> load(const std::string& folder);
    Status save(const std::string& folder, bool sync) const;
};

} // namespace fluxion::shell
