#pragma once

// What export and import say at their end.

#include <string>
#include <utility>
#include <vector>

#include "shell/export_state.h"
#include "shell/invocation.h"
#include "shell/style.h"

namespace fluxion::shell {

// Human: a sentence. Plain: name and figure in each line. Json: one object. `seq` and `expired`
// only if there is one.
struct TransferSummary {
    std::string_view verb; // "exported"
    ExportFigures figures;
    std::optional<uint64_t> seq;
    std::optional<uint64_t> expired; // keys left out
};
std::string summaryText(const TransferSummary& summary, const Style& style);

// The collections that --col names, sorted, each once; empty: all.
std::vector<std::string> wantedCollections(const Invocation& invocation);

} // namespace fluxion::shell
