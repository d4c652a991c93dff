#include "engine/replay.h"

namespace fluxion {

namespace {

Error at(uint64_t seq, const Error& error)
{
    return {error.code, "seq " + std::to_string(seq) + ": " + error.text};
}

} // namespace

Result<Fact> factOf(uint64_t seq, const Entry& entry)
{
    auto fact = decodeFact(entry.type, entry.payload);
    return fact ? std::move(fact) : Result<Fact>(at(seq, fact.error()));
}

Status applyBatch(Store& store, const BatchView& batch, const BeforeEntry& before)
{
    EntryCursor cursor(batch);
    uint64_t seq = 0;
    Entry entry;
    while (cursor.next(seq, entry)) {
        if (seq <= store.appliedSeq())
            continue; // a checkpoint holds it already
        const auto fact = factOf(seq, entry);
        if (!fact)
            return fact.status();
        if (before)
            before(seq, entry, fact.value());
        if (Status status = store.apply(entry.tenant, seq, entry.timeUs, fact.value()); !status)
            return at(seq, status.error());
    }
    return {};
}

} // namespace fluxion
