// The n-th operation of each kind fails, once or from then on, for every n of the script. Nothing
// acknowledged is ever lost, and a log that failed acknowledges nothing more.

#include <doctest/doctest.h>

#include <algorithm>

#include "fault/sim_server.h"

using namespace fluxion;

namespace {

using Fault = SimFailure::Fault;

// One run of the script on a disk that fails, by a client that carries on whatever it is told.
class Run {
  public:
    Run(const Script& script, SimFailure failure)
        : m_script(script), m_failure(failure), m_what(describeFailure(failure))
    {
        m_disk->setPlan({0, {failure}});
        m_disk->setHook([this](const SimOp& op) { see(op); });
    }

    // Whether the failure took place at all.
    bool go();

  private:
    static std::string describeFailure(const SimFailure& failure);
    void see(const SimOp& op);
    void fail(const std::string& what) { FAIL_CHECK(m_what << ": " << what); }
    bool start();
    void submit(const std::vector<Deed>& changes);
    void submitReadOnly(const Deed& change);
    void pass(const Deed& wait);
    void stateMustHold(const std::string& when);
    void afterwards();
    void theNext(const std::shared_ptr<SimDisk>& disk, const std::string& when);

    const Script& m_script;
    const SimFailure m_failure;
    const std::string m_what;
    std::shared_ptr<SimDisk> m_disk = SimDisk::create();
    std::shared_ptr<SimClock> m_clock = std::make_shared<SimClock>(); // goes on across restarts
    std::unique_ptr<SimServer> m_server;
    // What the next start may find: the last is all that was proposed.
    std::vector<Model> m_allowed{Model()};
    uint64_t m_seen = 0;
    bool m_logFailed = false; // a write of this process to its log
    bool m_readOnly = false;
    uint64_t m_storageFull = 0;
};

std::string Run::describeFailure(const SimFailure& failure)
{
    static const char* const kinds[] = {"create",      "write", "sync", "rename", "remove",
                                        "sync folder", "open",  "read", "list"};
    static const char* const faults[] = {"EIO", "ENOSPC", "short write"};
    return std::string(kinds[failure.kind]) + " " + std::to_string(failure.nth) +
           (failure.forEver ? " and all later ones: " : ": ") +
           faults[static_cast<size_t>(failure.fault)] + ", " + std::to_string(failure.keptBytes) +
           " bytes kept";
}

void Run::see(const SimOp& op)
{
    if (op.kind != m_failure.kind)
        return;
    ++m_seen;
    const bool now = m_seen == m_failure.nth || (m_failure.forEver && m_seen > m_failure.nth);
    if (now && op.kind == SimOp::Write && op.durable && m_failure.fault != Fault::ShortWrite)
        m_logFailed = true;
}

// As the operator would: again, should it not start at first.
bool Run::start()
{
    m_logFailed = m_readOnly = false;
    for (int attempt = 0; attempt < 2; ++attempt) {
        m_server = std::make_unique<SimServer>(m_disk, m_script.options, m_clock);
        const Status status = m_server->open();
        if (status) {
            m_logFailed = false;
            return true;
        }
        if (status.error().code != Code::Io && status.error().code != Code::StorageFull &&
            status.error().code != Code::ReadOnly)
            fail("refuses to start: " + status.error().text);
    }
    m_server.reset();
    return false;
}

void Run::stateMustHold(const std::string& when)
{
    const Model model = m_server->model();
    const auto it = std::find(m_allowed.begin(), m_allowed.end(), model);
    if (it == m_allowed.end())
        fail(when + ": not what was acknowledged");
    m_allowed = {model};
}

void Run::submit(const std::vector<Deed>& changes)
{
    const uint64_t hashBefore = m_server->hash();
    const auto outcomes = m_server->submit(changes);
    if (outcomes.size() != changes.size())
        return fail("an answer is missing");
    bool changed = false;
    for (size_t i = 0; i < changes.size(); ++i) {
        if (changes[i].kind == Deed::Kind::Wait) {
            pass(changes[i]);
            changed = true;
            continue;
        }
        Model next = m_allowed.back();
        next.apply(changes[i]);
        const Status& status = outcomes[i].status;
        if (answered(outcomes[i])) {
            if (m_readOnly)
                return fail("acknowledged after read_only");
            changed = true;
            // Behind a failed one in the same batch only what changes nothing is answered.
            if (m_allowed.size() == 1)
                m_allowed = {next};
        } else if (status.error().code == Code::ReadOnly) {
            if (!m_readOnly || m_allowed.size() > 1)
                m_allowed.push_back(next); // unknown: it may be there after the next start
        } else if (status.error().code == Code::StorageFull) {
            ++m_storageFull;
        } else {
            return fail("answers " + status.error().text);
        }
    }
    const auto isReadOnly = [](const Outcome& outcome) {
        return !outcome.status && outcome.status.error().code == Code::ReadOnly;
    };
    m_readOnly = m_readOnly || std::any_of(outcomes.begin(), outcomes.end(), isReadOnly);
    if (m_logFailed && !m_readOnly)
        fail("a write to the log failed, and the server goes on");
    if (!changed && m_server->hash() != hashBefore)
        fail("what was refused is visible");
}

// Time needs no disk: what is over is not seen, with its entry or without.
void Run::pass(const Deed& wait)
{
    for (Model& model : m_allowed)
        model.apply(wait);
}

void Run::submitReadOnly(const Deed& change)
{
    if (change.kind == Deed::Kind::Wait)
        pass(change);
    if (answered(m_server->submit({change})[0]))
        fail("acknowledged after read_only");
}

bool Run::go()
{
    if (!start()) {
        afterwards();
        return true;
    }
    for (const Script::Turn& turn : m_script.turns) {
        if (turn.kind == Script::Turn::Kind::Submit) {
            // Once read_only is clear, more of it only makes more that is unknown.
            if (!m_readOnly)
                submit(turn.changes);
            else
                submitReadOnly(turn.changes[0]);
        } else if (turn.kind == Script::Turn::Kind::Checkpoint) {
            (void)m_server->engine().checkpoint().ok();
        } else {
            (void)m_server->stop().ok();
            if (!start())
                break;
            stateMustHold("after a restart");
        }
    }
    // With room again storage_full is over, without a restart.
    const uint64_t fired = m_disk->count(m_failure.kind);
    m_disk->setPlan({});
    m_disk->setHook(nullptr);
    if (m_server && !m_readOnly) {
        Deed change;
        change.collection = "z";
        change.name = "room again";
        change.value = std::string(600, 'z');
        const auto outcomes = m_server->submit({change});
        if (outcomes.size() != 1 || !outcomes[0].status)
            fail("takes no write though the disk is well");
        m_allowed = {m_allowed.back()};
        m_allowed.back().apply(change);
    }
    m_server.reset();
    afterwards();
    return fired >= m_failure.nth;
}

// The next start, where the process alone died, and where the power went.
void Run::afterwards()
{
    m_disk->setPlan({});
    m_disk->setHook(nullptr);
    theNext(m_disk->afterKill(), "after a kill");
    theNext(m_disk->afterCrash({}), "after a power cut");
}

void Run::theNext(const std::shared_ptr<SimDisk>& disk, const std::string& when)
{
    SimServer server(disk, m_script.options, m_clock);
    if (Status status = server.open(); !status)
        return fail(when + ": does not start: " + status.error().text);
    Model model = server.model();
    if (std::find(m_allowed.begin(), m_allowed.end(), model) == m_allowed.end())
        return fail(when + ": not what was acknowledged");
    // And what it then acknowledges survives the power too.
    for (int i = 0; i < 3; ++i) {
        Deed change;
        change.collection = "y";
        change.name = std::to_string(i);
        change.value = std::string(1400, 'y');
        model.apply(change);
        if (!server.submit({change})[0].status)
            return fail(when + ": takes no writes");
    }
    disk->cutPower();
    SimServer last(disk->afterCrash({}), m_script.options, m_clock);
    if (Status status = last.open(); !status)
        return fail(when + " and a power cut: does not start: " + status.error().text);
    if (last.model() != model)
        fail(when + " and a power cut: not what was acknowledged");
}

uint64_t failEvery(SimOp::Kind kind, Fault fault, bool forEver, uint64_t keptBytes = 0)
{
    const Script script = fixedScript(Durability::Always);
    for (uint64_t n = 1;; ++n) {
        SimFailure failure;
        failure.kind = kind;
        failure.nth = n;
        failure.fault = fault;
        failure.forEver = forEver;
        failure.keptBytes = keptBytes;
        if (!Run(script, failure).go())
            return n - 1;
    }
}

} // namespace

TEST_CASE("every operation of every kind fails, once and for ever")
{
    const struct {
        const char* what;
        SimOp::Kind kind;
        uint64_t atLeast; // there are so many of them in the script
    } kinds[] = {
        {"create", SimOp::Create, 10}, {"write", SimOp::Write, 80},
        {"sync", SimOp::Sync, 10},     {"rename", SimOp::Rename, 15},
        {"remove", SimOp::Remove, 2},  {"sync folder", SimOp::SyncFolder, 15},
        {"open", SimOp::Open, 15},     {"read", SimOp::Read, 20},
        {"list", SimOp::List, 5},
    };
    uint64_t runs = 0;
    for (const auto& k : kinds) {
        CAPTURE(k.what);
        for (const Fault fault : {Fault::Io, Fault::NoSpace}) {
            for (const bool forEver : {false, true}) {
                const uint64_t count = failEvery(k.kind, fault, forEver);
                CHECK((forEver || count >= k.atLeast));
                runs += count;
            }
        }
    }
    MESSAGE("failures: ", runs);
}

TEST_CASE("a failed write may have left some of its bytes on the medium, or all")
{
    for (const uint64_t keptBytes : {1, 100, 512, 1 << 20})
        CHECK(failEvery(SimOp::Write, Fault::Io, false, keptBytes) >= 80);
}

TEST_CASE("short writes are continued: no client hears of them")
{
    const Script script = fixedScript(Durability::Always);
    for (const uint64_t keptBytes : {0, 1}) {
        const auto disk = SimDisk::create();
        SimFailure failure;
        failure.fault = Fault::ShortWrite;
        failure.forEver = true;
        failure.keptBytes = keptBytes;
        disk->setPlan({0, {failure}});
        const Progress progress = runScript(script, disk);
        CHECK(progress.finished);
        SimServer server(disk->afterCrash({}), script.options);
        REQUIRE(server.open().ok());
        CHECK(server.model() == script.models.back());
    }
    CHECK(failEvery(SimOp::Write, Fault::ShortWrite, false) >= 80);
}

TEST_CASE("a full disk: reads go on, writes get storage_full, and all is well when there is room")
{
    const auto disk = SimDisk::create();
    SimServer server(disk);
    REQUIRE(server.open().ok());
    Deed change;
    change.collection = "c";
    change.value = std::string(900, 'x');
    Model model;
    SimFailure full;
    full.kind = SimOp::Create;
    full.fault = Fault::NoSpace;
    full.forEver = true;
    disk->setPlan({0, {full}});
    int refused = 0;
    for (int i = 0; i < 10; ++i) {
        change.name = std::to_string(i);
        const Outcome outcome = server.submit({change})[0];
        if (outcome.status) {
            CHECK(refused == 0);
            model.apply(change);
            continue;
        }
        CHECK(outcome.status.error().code == Code::StorageFull);
        ++refused;
    }
    CHECK(refused > 3);
    CHECK(server.model() == model);
    CHECK_FALSE(server.engine().readOnly());
    CHECK(server.engine().checkpoint().error().code == Code::StorageFull);
    disk->setPlan({});
    for (int i = 0; i < 10; ++i) {
        change.name = std::to_string(i);
        CHECK(server.submit({change})[0].status.ok());
        model.apply(change);
    }
    CHECK(server.engine().checkpoint().ok());
    SimServer next(disk->afterCrash({}));
    REQUIRE(next.open().ok());
    CHECK(next.model() == model);
}
