// Decider's part about keys: versions, conditions, merges, expiry.

#include <algorithm>

#include "base/bytes.h"
#include "engine/decider.h"

namespace fluxion {

namespace {

using Verdict = Decision::Verdict;
using Op = WriteKeysProposal::Op;

// One name for (collection, key), whatever bytes they hold.
std::string keyId(const std::string& collection, const std::string& key)
{
    std::string id;
    ByteWriter out(id);
    out.text(collection);
    out.raw(key);
    return id;
}

Decision entry()
{
    Decision d;
    d.verdict = Verdict::Entry;
    return d;
}

} // namespace

Decider::KeyNow Decider::keyNow(const std::string& collection, const std::string& key)
{
    KeyNow now;
    now.id = keyId(collection, key);
    if (const auto it = m_keys.find(now.id); it != m_keys.end()) {
        now.state = it->second;
        now.pending = true;
        return now;
    }
    if (const Collection* const there = find(collection)) {
        const KeyHead head = there->head(key);
        now.state.version = head.version;
        now.state.seq = head.seq;
        now.state.live = head.found;
        now.state.expiryUs = head.expiryUs;
    }
    return now;
}

// Nothing if only the views will tell, once the batch is in them.
std::optional<SharedValue> Decider::valueOf(const std::string& collection, const std::string& key,
                                            const KeyNow& now)
{
    if (!now.state.live)
        return SharedValue();
    if (now.pending)
        return now.state.value;
    bool found = false;
    return find(collection)->share(key, found);
}

Decision Decider::expire(const Expiries::Key& key, uint64_t seq)
{
    if (m_batchTenant && *m_batchTenant != key.tenant)
        return Decision::split();
    m_tenant = key.tenant;
    m_seq = seq;
    KeyNow now = keyNow(key.collection, key.key);
    if (!now.state.live || now.state.expiryUs != key.expiryUs)
        return {};
    Decision d = expireKey(key.collection, key.key, std::move(now));
    d.verdict = d.verdict == Verdict::First ? Verdict::Entry : d.verdict;
    m_batchTenant = m_tenant;
    m_freed = true;
    return d;
}

Decision Decider::expireKey(const std::string& collection, const std::string& key, KeyNow now)
{
    KeyExpiredFact fact;
    fact.collection = collection;
    fact.key = key;
    fact.version = now.state.version + 1;
    fact.previousSeq = now.state.seq;
    Decision d = tell(fact);
    if (d.verdict != Verdict::Entry)
        return d;
    PendingKey& gone = m_keys[std::move(now.id)];
    gone.version = fact.version;
    gone.seq = m_seq;
    gone.live = false;
    gone.expiryUs = 0;
    gone.value.reset();
    m_values.insert(collection);
    d.verdict = Verdict::First;
    return d;
}

Decision Decider::conflict(const std::string& collection, const KeyWish& write, const KeyNow& now)
{
    std::optional<SharedValue> value = valueOf(collection, write.key, now);
    if (!value)
        return Decision::split();
    Decision d = Decision::refuse(
        Code::Conflict, *write.ifVersion == 0
                            ? "the key exists, at version " + std::to_string(now.state.version)
                            : "the key is at version " + std::to_string(now.state.version) +
                                  ", not " + std::to_string(*write.ifVersion));
    d.conflict = std::make_shared<KeyConflict>(
        KeyConflict{write.key, now.state.version, now.state.live, std::move(*value)});
    return d;
}

// Entry: the write is `outcome.write`. The batch does not know of it yet.
Decision Decider::resolve(const std::string& collection, const KeyWish& write, KeyOutcome& outcome)
{
    outcome.now = keyNow(collection, write.key);
    const PendingKey& now = outcome.now.state;
    if (now.live && now.expiryUs != 0 && now.expiryUs <= m_nowUs)
        return expireKey(collection, write.key, std::move(outcome.now));
    if (write.ifVersion) {
        const uint64_t wanted = *write.ifVersion;
        if (wanted == 0 ? now.live : wanted != now.version)
            return conflict(collection, write, outcome.now);
    }
    if (write.op == Op::Check || (write.op == Op::Remove && !now.live))
        return {};
    KeysWrittenFact::Write& fact = outcome.write;
    fact.key = write.key;
    fact.version = now.version + 1;
    fact.previousSeq = now.seq;
    fact.kind =
        write.op == Op::Remove ? KeysWrittenFact::Kind::Removed : KeysWrittenFact::Kind::Set;
    if (write.op == Op::Remove)
        return entry();
    const int64_t keptUs = write.op == Op::Patch && now.live ? now.expiryUs : 0;
    fact.expiryUs = !write.ttlUs ? keptUs : *write.ttlUs > 0 ? m_nowUs + *write.ttlUs : 0;
    if (write.op == Op::Patch)
        return resolvePatch(collection, write, outcome);
    fact.value = write.value;
    return entry();
}

Decision Decider::resolvePatch(const std::string& collection, const KeyWish& write,
                               KeyOutcome& outcome)
{
    auto patch = m_patchReader.parse(write.value);
    if (!patch)
        return Decision::refuse(Code::BadRequest, "the patch: " + patch.error().text);
    JsonValue target;
    std::optional<SharedValue> stored;
    if (outcome.now.state.live) {
        stored = valueOf(collection, write.key, outcome.now);
        if (!stored)
            return Decision::split();
        auto parsed = m_storedReader.parse(stored->view());
        if (!parsed)
            return Decision::refuse(Code::BadRequest,
                                    "the stored value is not JSON: " + parsed.error().text);
        target = parsed.value();
    }
    std::string& merged = m_merged.emplace_back();
    mergeJson(merged, target, patch.value(), write.nulls);
    outcome.write.value = merged;
    return entry();
}

uint64_t Decider::mergeBytes(const std::string& collection, const KeyWish& write)
{
    if (write.op != Op::Patch)
        return 0;
    const Collection* const there = find(collection);
    return write.value.size() + (there ? there->head(write.key).valueBytes : 0);
}

uint64_t Decider::mergeBytes(const Proposal& proposal)
{
    m_tenant = proposal.principal.tenant;
    if (const auto* one = std::get_if<PatchKeyProposal>(&proposal.wish))
        return mergeBytes(one->collection, wishOf(*one));
    uint64_t bytes = 0;
    if (const auto* several = std::get_if<WriteKeysProposal>(&proposal.wish)) {
        for (const WriteKeysProposal::Write& write : several->writes)
            bytes += mergeBytes(several->collection, wishOf(write));
    }
    return bytes;
}

void Decider::trim()
{
    m_patchReader.trim();
    m_storedReader.trim();
    m_merged.clear();
}

// From now on this batch knows of the write.
void Decider::remember(const std::string& collection, const KeyWish& write, KeyOutcome& outcome)
{
    PendingKey& key = m_keys[std::move(outcome.now.id)];
    key.version = outcome.write.version;
    key.seq = m_seq;
    key.live = outcome.write.kind == KeysWrittenFact::Kind::Set;
    m_freed |= !key.live;
    key.expiryUs = outcome.write.expiryUs;
    key.value.reset();
    // Patches follow one another; to keep every value would cost a copy of each.
    if (write.op == Op::Patch)
        key.value.emplace(std::string(outcome.write.value));
    m_values.insert(collection);
}

Decision Decider::writeKey(const std::string& collection, const KeyWish& write)
{
    if (m_dropped.contains(collection))
        return Decision::split();
    const bool created = write.op != Op::Remove && isNew(collection);
    if (!hasRoomFor(created ? 1 : 0))
        return noRoom();
    KeyOutcome outcome;
    Decision d = resolve(collection, write, outcome);
    if (d.verdict != Verdict::Entry)
        return d;
    const KeysWrittenFact::Write& w = outcome.write;
    d = w.kind == KeysWrittenFact::Kind::Set
            ? tell(KeySetFact{collection, w.key, w.value, w.version, w.expiryUs, w.previousSeq})
            : tell(KeyRemovedFact{collection, w.key, w.version, w.previousSeq});
    if (d.verdict != Verdict::Entry)
        return d; // the key stays as it is, for this batch too
    if (created)
        m_created.insert(collection);
    d.version = w.version;
    remember(collection, write, outcome);
    return d;
}

Decision Decider::on(const SetKeyProposal& wish)
{
    return writeKey(wish.collection, {Op::Set, wish.key, wish.value, wish.ifVersion, wish.ttlUs});
}

Decision Decider::on(const PatchKeyProposal& wish)
{
    return writeKey(wish.collection, wishOf(wish));
}

Decision Decider::on(const RemoveKeyProposal& wish)
{
    return writeKey(wish.collection, {Op::Remove, wish.key, {}, wish.ifVersion, {}});
}

Decider::KeyWish Decider::wishOf(const PatchKeyProposal& wish)
{
    return {Op::Patch, wish.key, wish.patch, wish.ifVersion, wish.ttlUs, wish.nulls};
}

Decider::KeyWish Decider::wishOf(const WriteKeysProposal::Write& write)
{
    return {write.op, write.key, write.value, write.ifVersion, write.ttlUs, write.nulls};
}

// True: `decision` has one of its keys expire, and the proposal comes again. Goes on where it was
// the last time, so that thousands of them cost one look at each key.
bool Decider::expireOneOf(const WriteKeysProposal& wish, Decision& decision)
{
    if (m_lookedThrough != &wish)
        m_lookedUpTo = 0;
    m_lookedThrough = &wish;
    while (m_lookedUpTo < wish.writes.size()) {
        const std::string& key = wish.writes[m_lookedUpTo++].key;
        KeyNow now = keyNow(wish.collection, key);
        if (!now.state.live || now.state.expiryUs == 0 || now.state.expiryUs > m_nowUs)
            continue;
        decision = expireKey(wish.collection, key, std::move(now));
        return true;
    }
    m_lookedThrough = nullptr;
    return false;
}

Decision Decider::on(const WriteKeysProposal& wish)
{
    if (m_dropped.contains(wish.collection))
        return Decision::split();
    if (Decision first; expireOneOf(wish, first))
        return first;
    KeysWrittenFact fact;
    fact.collection = wish.collection;
    std::vector<KeyOutcome> outcomes(wish.writes.size());
    auto versions = std::make_shared<std::vector<uint64_t>>();
    std::vector<size_t> writing; // those that change something
    for (size_t i = 0; i < wish.writes.size(); ++i) {
        Decision d = resolve(wish.collection, wishOf(wish.writes[i]), outcomes[i]);
        if (d.verdict != Verdict::Entry && d.verdict != Verdict::Nothing)
            return d;
        const bool changes = d.verdict == Verdict::Entry;
        versions->push_back(changes ? outcomes[i].write.version : outcomes[i].now.state.version);
        if (!changes)
            continue;
        fact.writes.push_back(outcomes[i].write);
        writing.push_back(i);
    }
    const bool sets = std::any_of(fact.writes.begin(), fact.writes.end(), [](const auto& w) {
        return w.kind == KeysWrittenFact::Kind::Set;
    });
    const bool created = sets && isNew(wish.collection);
    if (!hasRoomFor(created ? 1 : 0))
        return noRoom();
    Decision d;
    if (!fact.writes.empty()) {
        d = tell(fact);
        if (d.verdict != Verdict::Entry)
            return d;
        if (created)
            m_created.insert(wish.collection);
        for (const size_t i : writing)
            remember(wish.collection, wishOf(wish.writes[i]), outcomes[i]);
    }
    d.versions = std::move(versions);
    return d;
}

Decision Decider::on(const ForgetKeysProposal& wish)
{
    // What the batch has decided of the collection's keys counts from their tombstones on.
    if (m_values.contains(wish.collection))
        return Decision::split();
    const Collection* const there = find(wish.collection);
    if (!there)
        return {};
    KeysForgottenFact fact;
    fact.collection = wish.collection;
    for (const ForgetKeysProposal::Tombstone& tombstone : wish.tombstones) {
        const KeyHead head = there->head(tombstone.key);
        if (!head.tombstone || head.seq != tombstone.seq)
            continue;
        fact.keys.push_back(tombstone.key);
        fact.versionFloor = std::max(fact.versionFloor, head.version);
    }
    if (fact.keys.empty())
        return {};
    Decision d = tell(fact);
    if (d.verdict != Verdict::Entry)
        return d;
    m_values.insert(wish.collection);
    m_dropped.insert(wish.collection);
    return d;
}

} // namespace fluxion
