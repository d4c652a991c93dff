// What a simulated disk holds after the power was cut.

#include "io/sim.h"

#include <algorithm>
#include <set>
#include <sstream>

namespace fluxion {

std::string describe(const Survival& survival)
{
    static const char* const unsynced[] = {"lost", "kept", "size only", "last only"};
    static const char* const running[] = {"lost", "kept", "prefix", "lost sector", "only sector"};
    std::ostringstream text;
    text << "unsynced=" << unsynced[static_cast<size_t>(survival.unsynced)]
         << " running=" << running[static_cast<size_t>(survival.running)];
    if (survival.running >= Survival::Running::Prefix)
        text << " " << survival.at;
    text << " names=0x" << std::hex << survival.names;
    return text.str();
}

std::vector<SimDisk::NameOp> SimDisk::openNameOps() const
{
    std::vector<NameOp> ops = m_nameOps;
    for (const Running& running : m_running) {
        if (running.nameOp)
            ops.push_back(*running.nameOp);
    }
    return ops;
}

const SimDisk::Running* SimDisk::torn() const
{
    for (auto it = m_running.rbegin(); it != m_running.rend(); ++it) {
        if (!it->writes.empty())
            return &*it;
    }
    return nullptr;
}

std::vector<bool> SimDisk::takenPlace(const std::vector<NameOp>& ops, uint64_t mask)
{
    std::vector<bool> kept(ops.size());
    for (size_t i = 0; i < ops.size(); ++i) {
        kept[i] = (mask >> std::min<size_t>(i, 63)) & 1;
        for (size_t j = 0; j < i; ++j) {
            if (shareName(ops[j], ops[i]))
                kept[i] = kept[i] && kept[j];
        }
    }
    return kept;
}

std::vector<uint64_t> SimDisk::nameMasks(const std::vector<NameOp>& ops, size_t maxCombined)
{
    const size_t bits = std::min<size_t>(ops.size(), 64);
    const auto bit = [](size_t i) { return uint64_t{1} << i; };
    const uint64_t all = bits == 64 ? Survival::kAllNames : bit(bits) - 1;
    std::vector<uint64_t> wanted{0, all};
    if (bits <= maxCombined && bits < 64) {
        for (uint64_t mask = 0; mask < all; ++mask)
            wanted.push_back(mask);
    } else {
        for (size_t i = 0; i < bits; ++i) {
            wanted.push_back(bit(i) - 1);
            wanted.push_back(all & ~bit(i));
            wanted.push_back(bit(i));
        }
    }
    // Different wishes may come to the same.
    std::set<std::vector<bool>> seen;
    std::vector<uint64_t> masks;
    for (const uint64_t mask : wanted) {
        const std::vector<bool> kept = takenPlace(ops, mask);
        if (!seen.insert(kept).second)
            continue;
        uint64_t normal = 0;
        for (size_t i = 0; i < kept.size(); ++i)
            normal |= kept[i] ? bit(std::min<size_t>(i, 63)) : 0;
        masks.push_back(ops.size() > 64 ? mask : normal);
    }
    return masks;
}

std::vector<Survival::Unsynced> SimDisk::unsyncedModes() const
{
    std::set<const Node*> nodes;
    for (const auto& [name, node] : m_live)
        nodes.insert(node.get());
    for (const auto& [name, node] : m_durable)
        nodes.insert(node.get());
    for (const NameOp& op : m_nameOps)
        nodes.insert(op.node.get());

    const Running* running = torn();
    size_t most = m_running.size() > 1 ? 1 : 0;
    for (const Node* node : nodes) {
        const uint64_t covered = running && running->node.get() == node ? running->upTo : 0;
        const auto free = std::count_if(node->pending.begin(), node->pending.end(),
                                        [&](const PendingWrite& w) { return w.id > covered; });
        most = std::max(most, static_cast<size_t>(free));
    }
    using enum Survival::Unsynced;
    if (most == 0)
        return {Lost};
    if (most == 1)
        return {Lost, Kept, SizeOnly};
    return {Lost, Kept, SizeOnly, LastOnly};
}

std::vector<uint64_t> SimDisk::sectorsOf(const Running& running)
{
    std::set<uint64_t> sectors;
    for (const PendingWrite& w : running.writes) {
        const uint64_t end = w.offset + w.bytes->text.size();
        for (uint64_t s = w.offset / kSectorBytes; s * kSectorBytes < end; ++s)
            sectors.insert(s);
    }
    return {sectors.begin(), sectors.end()};
}

void SimDisk::addTorn(std::vector<Survival>& out, Survival rest, const Running& running,
                      const SurvivalOptions& options)
{
    size_t total = 0;
    std::set<size_t> prefixes;
    for (const PendingWrite& w : running.writes) {
        const size_t size = w.bytes->text.size();
        for (size_t at = kSectorBytes - w.offset % kSectorBytes; at < size; at += kSectorBytes)
            prefixes.insert(total + at);
        total += size;
    }
    const size_t most = std::max<size_t>(options.maxPrefixes, 1);
    const size_t step = std::max<size_t>({options.prefixStep, (total + most - 1) / most, 1});
    for (size_t at = options.prefixPhase % step; at < total; at += step)
        prefixes.insert(at);
    prefixes.insert({1, total - 1});
    for (const size_t at : prefixes) {
        if (at == 0 || at >= total) // Lost and Kept
            continue;
        rest.running = Survival::Running::Prefix;
        rest.at = at;
        out.push_back(rest);
    }

    // Of a single sector only the growth of the file remains; of two, one lost is the other alone.
    const size_t sectors = sectorsOf(running).size();
    const size_t shown = std::min(sectors, std::max<size_t>(options.maxSectors, 2));
    for (size_t i = 0; i < shown; ++i) {
        rest.at = shown == 1 ? 0 : i * (sectors - 1) / (shown - 1);
        rest.running = Survival::Running::LostSector;
        out.push_back(rest);
        rest.running = Survival::Running::OnlySector;
        if (sectors > 2)
            out.push_back(rest);
    }
}

std::vector<Survival> SimDisk::survivals(const SurvivalOptions& options) const
{
    const std::lock_guard lock(m_mutex);
    const std::vector<uint64_t> masks = nameMasks(openNameOps(), options.maxNamesCombined);
    const std::vector<Survival::Unsynced> modes = unsyncedModes();
    const Running* running = torn();
    std::vector<Survival> all;
    for (const uint64_t names : masks) {
        for (const Survival::Unsynced unsynced : modes) {
            all.push_back({unsynced, Survival::Running::Lost, 0, names});
            if (running)
                all.push_back({unsynced, Survival::Running::Kept, 0, names});
        }
    }
    if (!running)
        return all;
    // Torn ones with nothing else kept, and with all else kept: nameMasks() leads with those two.
    const auto named = [&](const auto& entry) { return entry.second == running->node; };
    const bool lasting = std::any_of(m_durable.begin(), m_durable.end(), named);
    const size_t maskCount = std::min<size_t>(masks.size(), 2);
    for (size_t i = lasting ? 0 : maskCount - 1; i < maskCount; ++i) {
        for (size_t j = 0; j < std::min<size_t>(modes.size(), 2); ++j)
            addTorn(all, {modes[j], Survival::Running::Lost, 0, masks[i]}, *running, options);
    }
    return all;
}

Ref<SimDisk::Bytes> SimDisk::arrived(const Ref<Bytes>& before, const Running& running,
                                     const Survival& survival)
{
    using enum Survival::Running;
    Ref<Bytes> after = before;
    uint64_t left = survival.running == Prefix ? survival.at : ~uint64_t{0};
    for (const PendingWrite& w : running.writes) {
        const std::string_view bytes = w.bytes->text;
        const auto part = bytes.substr(0, std::min<uint64_t>(left, bytes.size()));
        overwrite(after, w.offset, part);
        left -= part.size();
    }
    if (survival.running == Kept || survival.running == Prefix)
        return after;

    // One sector from here, the rest from there; what never stood there is zero.
    const std::vector<uint64_t> sectors = sectorsOf(running);
    std::string old = before->text;
    old.resize(after->text.size());
    const bool lone = survival.running == OnlySector;
    auto mixed = Ref<Bytes>::make();
    mixed->text = lone ? old : after->text;
    if (survival.at < sectors.size()) {
        const uint64_t from = sectors[survival.at] * kSectorBytes;
        const std::string& source = lone ? after->text : old;
        mixed->text.replace(from, kSectorBytes, source, from, kSectorBytes);
    }
    return mixed;
}

Ref<SimDisk::Bytes> SimDisk::contentAfter(const NodePtr& node, const Survival& survival) const
{
    using enum Survival::Unsynced;
    const Running* chosen = torn();
    std::vector<PendingWrite> writes;
    for (const PendingWrite& w : node->pending) {
        if (!chosen || chosen->node != node || w.id > chosen->upTo)
            writes.push_back(w);
    }
    for (const Running& other : m_running) { // of other threads, under way as well
        if (&other != chosen && other.node == node && other.upTo == 0)
            writes.insert(writes.end(), other.writes.begin(), other.writes.end());
    }

    Ref<Bytes> content = node->durable;
    for (size_t i = 0; i < writes.size(); ++i) {
        const PendingWrite& w = writes[i];
        const uint64_t end = w.offset + w.bytes->text.size();
        const bool last = survival.unsynced == LastOnly && i + 1 == writes.size();
        if (survival.unsynced == Kept || last)
            overwrite(content, w.offset, w.bytes->text);
        else if (survival.unsynced == SizeOnly && end > content->text.size())
            content.writable().text.resize(end);
    }
    if (chosen && chosen->node == node && survival.running != Survival::Running::Lost)
        content = arrived(content, *chosen, survival);
    return content;
}

std::shared_ptr<SimDisk> SimDisk::afterCrash(const Survival& survival) const
{
    const std::lock_guard lock(m_mutex);
    const std::vector<NameOp> ops = openNameOps();
    const std::vector<bool> kept = takenPlace(ops, survival.names);
    Names found = m_durable;
    for (size_t i = 0; i < ops.size(); ++i) {
        if (kept[i])
            apply(found, ops[i]);
    }
    const std::shared_ptr<SimDisk> disk = create();
    std::map<const Node*, NodePtr> copies; // a file may have several names
    for (const auto& [name, node] : found) {
        NodePtr& made = copies[node.get()];
        if (!made) {
            made = std::make_shared<Node>();
            made->live = made->durable = contentAfter(node, survival);
        }
        disk->m_live.emplace_hint(disk->m_live.end(), name, made);
    }
    disk->m_durable = disk->m_live;
    return disk;
}

std::shared_ptr<SimDisk> SimDisk::copy(bool withRunning) const
{
    const std::lock_guard lock(m_mutex);
    const std::shared_ptr<SimDisk> disk = create();
    std::map<const Node*, NodePtr> copies;
    const auto copyOf = [&](const NodePtr& node) {
        NodePtr& made = copies[node.get()];
        if (node && !made)
            made = std::make_shared<Node>(*node);
        return made;
    };
    for (const auto& [name, node] : m_live)
        disk->m_live.emplace_hint(disk->m_live.end(), name, copyOf(node));
    for (const auto& [name, node] : m_durable)
        disk->m_durable.emplace_hint(disk->m_durable.end(), name, copyOf(node));
    disk->m_nameOps = m_nameOps;
    for (NameOp& op : disk->m_nameOps)
        op.node = copyOf(op.node);
    disk->m_lastId = m_lastId;
    if (!withRunning)
        return disk;
    disk->m_running = m_running;
    for (Running& running : disk->m_running) {
        running.node = copyOf(running.node);
        if (running.nameOp)
            running.nameOp->node = copyOf(running.nameOp->node);
    }
    disk->m_off = m_off;
    return disk;
}

std::shared_ptr<SimDisk> SimDisk::afterKill() const
{
    return copy(false);
}

std::shared_ptr<SimDisk> SimDisk::clone() const
{
    return copy(true);
}

} // namespace fluxion
