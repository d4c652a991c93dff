#pragma once

// How far an import is, in a file beside what it reads.

#include <optional>
#include <string>

#include "shell/export_state.h"
#include "shell/import_source.h"

namespace fluxion::shell {

inline constexpr const char* kImportStateName = ".fluxion-import.json";

struct ImportState {
    std::string log;          // of the server: what it has is in this history
    uint64_t fingerprint = 0; // of the files
    ImportPlace place;        // all before it was stored
    ExportFigures figures;
    uint64_t expired = 0; // keys left out

    // Nothing when there is none, or nothing that can be read.
    static std::optional<ImportState> load(const std::string& path);
    Status save(const std::string& path, bool sync) const;
};

} // namespace fluxion::shell
