#include "engine/replay.h"

#include "engine/checkpoint.h"

namespace fluxion {

Status applyBatch(Store& store, const BatchView& batch)
{
    EntryCursor cursor(batch);
    uint64_t seq = 0;
    Entry entry;
    while (cursor.next(seq, entry)) {
        if (seq <= store.appliedSeq())
            continue;
        auto fact = decodeFact(entry.type, entry.payload);
        Status status =
            fact ? store.apply(entry.tenant, seq, entry.timeUs, fact.value()) : fact.status();
        if (!status)
            return {status.error().code, "seq " + std::to_string(seq) + ": " + status.error().text};
    }
    return {};
}

Result<std::unique_ptr<Store>> loadNewestCheckpoint(Directory& directory, const HistoryId& history)
{
    const auto names = listCheckpoints(directory);
    if (!names)
        return names.error();
    for (const std::string& name : names.value()) {
        auto store = std::make_unique<Store>();
        const auto info = loadCheckpoint(directory, name, *store);
        if (info && info.value().history == history)
            return store;
        if (!info && info.error().code != Code::Damaged)
            return info.error();
    }
    return std::make_unique<Store>();
}

} // namespace fluxion
