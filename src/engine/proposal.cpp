#include "engine/proposal.h"

namespace fluxion {

namespace {

struct Sizes {
    uint64_t operator()(const InsertProposal& w) const
    {
        uint64_t bytes = w.payload.size();
        for (const auto& c : w.collections)
            bytes += c.size() + sizeof c;
        return bytes;
    }
    uint64_t operator()(const DeleteRecordsProposal& w) const
    {
        uint64_t bytes = 0;
        for (const auto& item : w.items)
            bytes += sizeof item + item.collection.size() + item.doc.size();
        return bytes;
    }
    uint64_t operator()(const DeleteRangeProposal& w) const
    {
        return w.collection.size() + w.doc.size();
    }
    uint64_t operator()(const DeleteDocumentProposal& w) const
    {
        return w.doc.size() + (w.collection ? w.collection->size() : 0);
    }
    uint64_t operator()(const DropCollectionProposal& w) const { return w.collection.size(); }
    uint64_t operator()(const SetKeyProposal& w) const
    {
        return w.collection.size() + w.key.size() + w.value.size();
    }
    uint64_t operator()(const RemoveKeyProposal& w) const
    {
        return w.collection.size() + w.key.size();
    }
    uint64_t operator()(const PatchKeyProposal& w) const
    {
        return w.collection.size() + w.key.size() + w.patch.size();
    }
    uint64_t operator()(const WriteKeysProposal& w) const
    {
        uint64_t bytes = w.collection.size();
        for (const auto& write : w.writes)
            bytes += sizeof write + write.key.size() + write.value.size();
        return bytes;
    }
    uint64_t operator()(const ForgetKeysProposal& w) const
    {
        uint64_t bytes = w.collection.size();
        for (const auto& tombstone : w.tombstones)
            bytes += sizeof tombstone + tombstone.key.size();
        return bytes;
    }
    uint64_t operator()(const SetApiKeyProposal& w) const { return w.hint.size(); }
    uint64_t operator()(const RemoveApiKeyProposal&) const { return 0; }
};

} // namespace

uint64_t sizeOf(const Wish& wish)
{
    return sizeof(Proposal) + std::visit(Sizes{}, wish);
}

} // namespace fluxion
