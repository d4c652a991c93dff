#include "io/sim.h"

#include <algorithm>
#include <cstring>

#include "io/name.h"

namespace fluxion {

namespace {

const char* const kKindWords[SimOp::kKinds] = {"create",      "write", "sync", "rename", "remove",
                                               "sync folder", "open",  "read", "list"};
const std::string kFolder = "sim:";

std::string pathOf(const std::string& name)
{
    return name.empty() ? kFolder : kFolder + "/" + name;
}

Error failed(const SimOp& op, const char* why, Code code = Code::Io)
{
    return {code,
            std::string("cannot ") + kKindWords[op.kind] + " " + pathOf(op.name) + ": " + why};
}

Error failed(const SimOp& op, SimFailure::Fault fault)
{
    if (fault == SimFailure::Fault::NoSpace)
        return failed(op, "No space left on device", Code::StorageFull);
    return failed(op, "Input/output error");
}

Error powerCut(const SimOp& op)
{
    return failed(op, "power cut");
}

SimOp unnumbered(SimOp::Kind kind, const std::string& name = {})
{
    SimOp op;
    op.kind = kind;
    op.name = name;
    return op;
}

bool isDurable(OpenMode mode)
{
    return mode == OpenMode::WriteDurable || mode == OpenMode::CreateDurable;
}

bool creates(OpenMode mode)
{
    return mode == OpenMode::Create || mode == OpenMode::CreateDurable;
}

} // namespace

class SimFile : public File {
  public:
    SimFile(std::shared_ptr<SimDisk> disk, SimDisk::NodePtr node, std::string name, OpenMode mode)
        : m_disk(std::move(disk)), m_node(std::move(node)), m_name(std::move(name)),
          m_path(pathOf(m_name)), m_mode(mode)
    {
    }

    Result<size_t> readAt(uint64_t offset, char* out, size_t size) override
    {
        return m_disk->read(*m_node, m_name, offset, out, size);
    }
    Result<size_t> writeSome(uint64_t offset, std::string_view bytes) override
    {
        SimOp op = unnumbered(SimOp::Write, m_name);
        op.offset = offset;
        op.size = bytes.size();
        op.durable = isDurable(m_mode);
        if (m_mode == OpenMode::Read)
            return failed(op, "Bad file descriptor");
        return m_disk->write(m_node, op, bytes);
    }
    Status sync() override { return m_disk->syncFile(m_node, m_name); }
    Result<uint64_t> size() override { return m_disk->sizeOf(*m_node, m_name); }
    const std::string& path() const override { return m_path; }

  private:
    const std::shared_ptr<SimDisk> m_disk;
    const SimDisk::NodePtr m_node;
    const std::string m_name; // it was opened under
    const std::string m_path;
    const OpenMode m_mode;
};

class SimDirectory : public Directory {
  public:
    explicit SimDirectory(std::shared_ptr<SimDisk> disk) : m_disk(std::move(disk)) {}

    Result<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) override
    {
        if (!isPlainName(name))
            return notPlain(name);
        const Result<SimDisk::NodePtr> node = m_disk->openFile(name, mode);
        if (!node.ok())
            return node.error();
        return std::unique_ptr<File>(std::make_unique<SimFile>(m_disk, node.value(), name, mode));
    }
    Result<std::vector<std::string>> list() override { return m_disk->list(); }
    Result<bool> exists(const std::string& name) override
    {
        if (!isPlainName(name))
            return notPlain(name);
        return m_disk->exists(name);
    }
    Status rename(const std::string& from, const std::string& to) override
    {
        if (!isPlainName(from) || !isPlainName(to))
            return notPlain(isPlainName(from) ? to : from);
        return m_disk->changeName({SimOp::Rename, from, to, nullptr});
    }
    Status remove(const std::string& name) override
    {
        if (!isPlainName(name))
            return notPlain(name);
        return m_disk->changeName({SimOp::Remove, name, {}, nullptr});
    }
    Status sync() override { return m_disk->syncFolder(); }
    const std::string& path() const override { return kFolder; }

  private:
    static Error notPlain(const std::string& name)
    {
        return {Code::Io, "not a plain file name in " + kFolder + ": '" + name + "'"};
    }

    const std::shared_ptr<SimDisk> m_disk;
};

std::string describe(const SimOp& op)
{
    std::string text = op.number ? std::to_string(op.number) + " " : std::string();
    text += kKindWords[op.kind];
    if (!op.name.empty())
        text += " " + op.name;
    if (op.kind == SimOp::Rename)
        text += " to " + op.to;
    if (op.kind == SimOp::Write || op.kind == SimOp::Read)
        text += " +" + std::to_string(op.offset) + " " + std::to_string(op.size);
    return op.durable ? text + " durable" : text;
}

std::shared_ptr<SimDisk> SimDisk::create()
{
    return std::shared_ptr<SimDisk>(new SimDisk);
}

std::unique_ptr<Directory> SimDisk::directory()
{
    return std::make_unique<SimDirectory>(shared_from_this());
}

void SimDisk::setPlan(SimPlan plan)
{
    const std::lock_guard lock(m_mutex);
    m_failureSeen.assign(plan.failures.size(), 0);
    m_plan = std::move(plan);
    m_number = 0;
    m_counts = {};
    m_history.clear();
}

void SimDisk::setHook(Hook hook)
{
    const std::lock_guard lock(m_mutex);
    m_hook = std::move(hook);
}

uint64_t SimDisk::operations() const
{
    const std::lock_guard lock(m_mutex);
    return m_number;
}

uint64_t SimDisk::count(SimOp::Kind kind) const
{
    const std::lock_guard lock(m_mutex);
    return m_counts[kind];
}

std::vector<SimOp> SimDisk::history() const
{
    const std::lock_guard lock(m_mutex);
    return m_history;
}

void SimDisk::cutPower()
{
    const std::lock_guard lock(m_mutex);
    m_off = true;
}

bool SimDisk::powerOff() const
{
    const std::lock_guard lock(m_mutex);
    return m_off;
}

std::vector<std::string> SimDisk::names() const
{
    const std::lock_guard lock(m_mutex);
    std::vector<std::string> names;
    for (const auto& [name, node] : m_live)
        names.push_back(name);
    return names;
}

std::optional<std::string> SimDisk::contents(const std::string& name) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_live.find(name);
    if (found == m_live.end())
        return {};
    return found->second->live->text;
}

void SimDisk::setContents(const std::string& name, std::string_view bytes)
{
    const std::lock_guard lock(m_mutex);
    NodePtr& node = m_live[name];
    if (!node)
        node = std::make_shared<Node>();
    node->live = Ref<Bytes>::make();
    node->live->text = bytes;
    node->durable = node->live;
    node->pending.clear();
    m_durable = m_live;
    m_nameOps.clear();
}

void SimDisk::removeContents(const std::string& name)
{
    const std::lock_guard lock(m_mutex);
    m_live.erase(name);
    m_durable = m_live;
    m_nameOps.clear();
}

std::optional<SimFailure> SimDisk::failureOf(const SimOp& op)
{
    std::optional<SimFailure> found;
    for (size_t i = 0; i < m_plan.failures.size(); ++i) {
        const SimFailure& failure = m_plan.failures[i];
        if (failure.kind != op.kind || !op.name.starts_with(failure.nameStart))
            continue;
        const uint64_t seen = ++m_failureSeen[i];
        if (!found && (seen == failure.nth || (failure.forEver && seen > failure.nth)))
            found = failure;
    }
    return found;
}

Status SimDisk::look(const SimOp& op)
{
    ++m_counts[op.kind];
    if (m_off)
        return powerCut(op);
    if (const auto failure = failureOf(op))
        return failed(op, failure->fault);
    return {};
}

template <class Prepare> Result<SimDisk::Turn> SimDisk::begin(SimOp op, Prepare prepare)
{
    std::unique_lock lock(m_mutex);
    if (m_off)
        return powerCut(op);
    Running running;
    if (Status s = prepare(running); !s)
        return s.error();
    ++m_counts[op.kind];
    op.number = running.number = ++m_number;
    m_history.push_back(op);
    const bool crash = op.number == m_plan.crashAt;
    const RunningAt at = m_running.insert(m_running.end(), std::move(running));

    if (const Hook hook = m_hook) {
        lock.unlock();
        hook(op);
        lock.lock();
    }
    m_off = m_off || crash;
    // It stays in m_running: the operation under way for ever.
    if (m_off)
        return powerCut(op);
    return Turn{std::move(lock), at, failureOf(op)};
}

Result<SimDisk::NodePtr> SimDisk::openFile(const std::string& name, OpenMode mode)
{
    if (creates(mode))
        return createFile(name);
    const std::lock_guard lock(m_mutex);
    const SimOp op = unnumbered(SimOp::Open, name);
    if (Status s = look(op); !s)
        return s.error();
    const auto found = m_live.find(name);
    if (found == m_live.end())
        return failed(op, "No such file or directory");
    return found->second;
}

Result<SimDisk::NodePtr> SimDisk::createFile(const std::string& name)
{
    const SimOp op = unnumbered(SimOp::Create, name);
    auto node = std::make_shared<Node>();
    node->live = node->durable = Ref<Bytes>::make();
    Result<Turn> turn = begin(op, [&](Running& running) -> Status {
        if (m_live.contains(name))
            return failed(op, "File exists");
        running.nameOp = NameOp{SimOp::Create, name, {}, node};
        return {};
    });
    if (!turn.ok())
        return turn.error();
    NameOp created = std::move(*turn.value().running->nameOp);
    m_running.erase(turn.value().running);
    if (turn.value().failure)
        return failed(op, turn.value().failure->fault);
    created.id = ++m_lastId;
    apply(m_live, created);
    m_nameOps.push_back(std::move(created));
    return node;
}

Status SimDisk::changeName(NameOp change)
{
    SimOp op = unnumbered(change.kind, change.name);
    op.to = change.to;
    Result<Turn> turn = begin(op, [&](Running& running) -> Status {
        const auto found = m_live.find(change.name);
        if (found == m_live.end())
            return failed(op, "No such file or directory");
        change.node = found->second;
        running.nameOp = change;
        return {};
    });
    if (!turn.ok())
        return turn.status();
    m_running.erase(turn.value().running);
    if (turn.value().failure)
        return failed(op, turn.value().failure->fault);
    change.id = ++m_lastId;
    apply(m_live, change);
    m_nameOps.push_back(std::move(change));
    return {};
}

Status SimDisk::syncFolder()
{
    const SimOp op = unnumbered(SimOp::SyncFolder);
    Result<Turn> turn = begin(op, [&](Running& running) -> Status {
        running.upTo = m_lastId;
        return {};
    });
    if (!turn.ok())
        return turn.status();
    const uint64_t upTo = turn.value().running->upTo;
    m_running.erase(turn.value().running);
    const bool fails = turn.value().failure.has_value();
    // A doubtful one is settled only by a newer one of its names.
    std::vector<bool> settled(m_nameOps.size());
    for (size_t i = m_nameOps.size(); i-- > 0;) {
        NameOp& one = m_nameOps[i];
        one.doubtful = one.doubtful || (fails && one.id <= upTo);
        settled[i] = !one.doubtful && one.id <= upTo;
        for (size_t j = i + 1; j < m_nameOps.size() && !settled[i]; ++j)
            settled[i] = settled[j] && shareName(one, m_nameOps[j]);
    }
    if (fails)
        return failed(op, turn.value().failure->fault);
    std::vector<NameOp> left;
    for (size_t i = 0; i < m_nameOps.size(); ++i) {
        if (settled[i])
            apply(m_durable, m_nameOps[i]);
        else
            left.push_back(std::move(m_nameOps[i]));
    }
    m_nameOps = std::move(left);
    return {};
}

Result<std::vector<std::string>> SimDisk::list()
{
    const std::lock_guard lock(m_mutex);
    if (Status s = look(unnumbered(SimOp::List)); !s)
        return s.error();
    std::vector<std::string> names;
    for (const auto& [name, node] : m_live)
        names.push_back(name);
    return names;
}

Result<bool> SimDisk::exists(const std::string& name)
{
    const std::lock_guard lock(m_mutex);
    if (Status s = look(unnumbered(SimOp::List, name)); !s)
        return s.error();
    return m_live.contains(name);
}

Result<uint64_t> SimDisk::sizeOf(Node& node, const std::string& name)
{
    const std::lock_guard lock(m_mutex);
    if (Status s = look(unnumbered(SimOp::Read, name)); !s)
        return s.error();
    return node.live->text.size();
}

Result<size_t> SimDisk::read(Node& node, const std::string& name, uint64_t offset, char* out,
                             size_t size)
{
    const std::lock_guard lock(m_mutex);
    SimOp op = unnumbered(SimOp::Read, name);
    op.offset = offset;
    op.size = size;
    if (Status s = look(op); !s)
        return s.error();
    const std::string& text = node.live->text;
    if (offset >= text.size())
        return size_t{0};
    const size_t n = std::min<size_t>(size, text.size() - offset);
    if (n > 0)
        std::memcpy(out, text.data() + offset, n);
    return n;
}

void SimDisk::overwrite(Ref<Bytes>& content, uint64_t offset, std::string_view bytes)
{
    if (bytes.empty())
        return;
    std::string& text = content.writable().text;
    if (text.size() < offset + bytes.size())
        text.resize(offset + bytes.size());
    text.replace(offset, bytes.size(), bytes);
}

void SimDisk::overwriteBoth(Node& node, uint64_t offset, std::string_view bytes)
{
    const bool equal = node.live == node.durable;
    // Letting go first saves a copy.
    if (equal)
        node.durable = Ref<Bytes>();
    overwrite(node.live, offset, bytes);
    if (equal)
        node.durable = node.live;
    else
        overwrite(node.durable, offset, bytes);
}

Result<size_t> SimDisk::write(const NodePtr& node, const SimOp& op, std::string_view bytes)
{
    Result<Turn> turn = begin(op, [&](Running& running) -> Status {
        running.node = node;
        auto copy = Ref<Bytes>::make();
        copy->text = bytes;
        running.writes.push_back({op.offset, std::move(copy), 0});
        return {};
    });
    if (!turn.ok())
        return turn.error();
    PendingWrite written = std::move(turn.value().running->writes.front());
    m_running.erase(turn.value().running);

    if (const auto& failure = turn.value().failure) {
        if (failure->fault == SimFailure::Fault::NoSpace)
            return failed(op, failure->fault);
        if (failure->fault == SimFailure::Fault::Io) {
            // Reads see the bytes in the cache, which counts them as clean.
            if (node->live == node->durable && !bytes.empty())
                node->live = Ref<Bytes>::make(*node->durable);
            overwrite(node->live, op.offset, bytes);
            overwrite(node->durable, op.offset, bytes.substr(0, failure->keptBytes));
            return failed(op, failure->fault);
        }
        const size_t part = failure->keptBytes ? failure->keptBytes : bytes.size() / 2;
        bytes = bytes.substr(0, std::max<size_t>(part, 1));
        written.bytes.writable().text.resize(bytes.size());
    }
    if (op.durable) {
        overwriteBoth(*node, op.offset, bytes);
    } else if (!bytes.empty()) {
        overwrite(node->live, op.offset, bytes);
        written.id = ++m_lastId;
        node->pending.push_back(std::move(written));
    }
    return bytes.size();
}

Status SimDisk::syncFile(const NodePtr& node, const std::string& name)
{
    const SimOp op = unnumbered(SimOp::Sync, name);
    Result<Turn> turn = begin(op, [&](Running& running) -> Status {
        running.node = node;
        running.writes = node->pending;
        running.upTo = m_lastId;
        return {};
    });
    if (!turn.ok())
        return turn.status();
    const uint64_t upTo = turn.value().running->upTo;
    m_running.erase(turn.value().running);
    const bool fails = turn.value().failure.has_value();
    for (const PendingWrite& w : node->pending) {
        if (!fails && w.id <= upTo)
            overwrite(node->durable, w.offset, w.bytes->text);
    }
    std::erase_if(node->pending, [&](const PendingWrite& w) { return w.id <= upTo; });
    if (fails)
        return failed(op, turn.value().failure->fault);
    return {};
}

void SimDisk::apply(Names& names, const NameOp& op)
{
    switch (op.kind) {
    case SimOp::Create:
        names[op.name] = op.node;
        break;
    case SimOp::Remove:
        names.erase(op.name);
        break;
    default:
        if (op.name == op.to)
            break;
        names.erase(op.name);
        names[op.to] = op.node;
    }
}

bool SimDisk::shareName(const NameOp& a, const NameOp& b)
{
    const auto touches = [](const NameOp& op, const std::string& name) {
        return !name.empty() && (op.name == name || op.to == name);
    };
    return touches(a, b.name) || touches(a, b.to);
}

} // namespace fluxion
