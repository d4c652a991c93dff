#include "shell/transfer_text.h"

#include <algorithm>

#include "base/json.h"
#include "shell/progress.h"

namespace fluxion::shell {

namespace {

std::string counted(uint64_t number, std::string_view one, std::string_view many)
{
    return groupedText(number) + " " + std::string(number == 1 ? one : many);
}

std::string sentence(const TransferSummary& s)
{
    std::string out(s.verb);
    out += " " + counted(s.figures.records, "record", "records") + " of " +
           counted(s.figures.documents, "document", "documents") + " and " +
           counted(s.figures.keys, "key", "keys") + " of " +
           counted(s.figures.collections, "collection", "collections") + ", " +
           bytesText(s.figures.bytes);
    if (s.seq)
        out += ", as of seq " + std::to_string(*s.seq);
    if (s.expired.value_or(0) > 0)
        out += "; " + counted(*s.expired, "expired key", "expired keys") + " left out";
    return out + "\n";
}

} // namespace

std::string summaryText(const TransferSummary& s, const Style& style)
{
    if (style.human())
        return sentence(s);
    std::vector<std::pair<std::string_view, uint64_t>> rows;
    if (s.seq)
        rows.emplace_back("seq", *s.seq);
    rows.emplace_back("collections", s.figures.collections);
    rows.emplace_back("documents", s.figures.documents);
    rows.emplace_back("records", s.figures.records);
    rows.emplace_back("keys", s.figures.keys);
    if (s.expired)
        rows.emplace_back("expired", *s.expired);
    rows.emplace_back("bytes", s.figures.bytes);
    const bool json = style.form == Form::Json;
    std::string out;
    for (const auto& [name, figure] : rows) {
        if (json)
            out.append(out.empty() ? "{\"" : ",\"").append(name).append("\":");
        else
            out.append(name).append("\t");
        out.append(std::to_string(figure)).append(json ? "" : "\n");
    }
    return json ? out + "}\n" : out;
}

std::vector<std::string> wantedCollections(const Invocation& invocation)
{
    std::vector<std::string> out = invocation.all("col");
    std::ranges::sort(out);
    const auto [first, last] = std::ranges::unique(out);
    out.erase(first, last);
    return out;
}

} // namespace fluxion::shell
