// Random operations against the naive model: what each came to, and what can be read in the end.
// Once in order, over a simulated disk that loses its power now and then; once by several threads
// over a real folder, with readers, cuts and checkpoints beside the writer.

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <sstream>
#include <thread>

#include "io/posix.h"
#include "support/scratch_folder.h"
#include "unit/engine/engine_fixture.h"
#include "unit/engine/wish_model.h"
#include "unit/store/model_seed.h"

using namespace fluxion;

namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// A million in all, or a tenth of it where each takes ten times as long.
uint64_t operationsOf(uint64_t million)
{
    return kSanitized || std::getenv("FLUXION_QUICK") ? million / 10 : million;
}
constexpr uint64_t kInOrder = 750'000;
constexpr int64_t kLongestTtlUs = 20'000'000;
constexpr int64_t kLongestStepUs = 1'000'000; // between two batches
constexpr uint64_t kByThreads = 250'000;

struct Answer {
    uint64_t seq = 0;
    uint64_t version = 0;
    bool ok = true;
    Code code = Code::Internal;
    std::shared_ptr<const KeyConflict> conflict = {};
    std::shared_ptr<const std::vector<uint64_t>> versions = {};
};

Answer answerOf(const Outcome& outcome)
{
    return {outcome.seq,         outcome.version,
            outcome.status.ok(), outcome.status ? Code::Internal : outcome.status.error().code,
            outcome.conflict,    outcome.versions};
}

bool sameConflict(const std::optional<KeyConflict>& a, const KeyConflict* b)
{
    if (!a || !b)
        return a.has_value() == (b != nullptr);
    return a->key == b->key && a->version == b->version && a->found == b->found &&
           a->value.view() == b->value.view();
}

// What the model says, what the engine said. Empty if they agree.
std::string difference(const WishModel::Effect& effect, uint64_t lastSeq, const Answer& answer)
{
    if (answer.ok == effect.refused || (effect.refused && answer.code != effect.refusal))
        return "another verdict";
    if (answer.seq != lastSeq)
        return "seq " + std::to_string(answer.seq) + ", not " + std::to_string(lastSeq);
    if (answer.version != effect.version)
        return "version " + std::to_string(answer.version) + ", not " +
               std::to_string(effect.version);
    if (!sameConflict(effect.conflict, answer.conflict.get()))
        return "another conflict";
    if (effect.versions != (answer.versions ? *answer.versions : std::vector<uint64_t>()))
        return "other versions of several keys";
    return "";
}

// Tombstones of one collection, some as they are not.
Wish forgetSome(const Model& content, std::mt19937_64& random)
{
    ForgetKeysProposal wish;
    for (const auto& [name, c] : content.collections) {
        if (!wish.tombstones.empty())
            break;
        wish.collection = name.second;
        for (const auto& [key, v] : c.values) {
            if (random() % 3 == 0)
                wish.tombstones.push_back({key, v.seq - (random() % 8 == 0 ? 1 : 0)});
        }
    }
    return wish;
}

EngineOptions modelOptions()
{
    EngineOptions options = smallOptions(Durability::Always, 65536);
    options.checkpointLogBytes = 1024 * 1024;
    options.sweepIntervalUs = 100'000;
    return options;
}

} // namespace

TEST_SUITE("model")
{
    TEST_CASE("in order, with checkpoints and power cuts")
    {
        std::mt19937_64 random = seededRandom("operations in order");
        WishSource source(random(), "c", kLongestTtlUs);
        WishModel model;
        EngineFixture f;
        f.mustOpen(modelOptions());
        const uint64_t wanted = operationsOf(kInOrder);
        uint64_t restarts = 0;
        uint64_t expired = 0;
        uint64_t conflicts = 0;
        for (uint64_t done = 0; done < wanted;) {
            std::vector<Wish> wishes;
            for (uint64_t n = 1 + random() % 100; n > 0; --n) {
                const uint64_t dice = random() % 600;
                wishes.push_back(dice < 2   ? removeDocument(source.document())
                                 : dice < 5 ? forgetSome(model.content(), random)
                                            : source.next());
            }
            f.clock.advanceUs(static_cast<int64_t>(random() % kLongestStepUs));
            const uint64_t lastSeq = model.lastSeq();
            model.passTo(f.engine->nowUs());
            expired += model.lastSeq() - lastSeq;
            const auto outcomes = f.submit(wishes);
            for (size_t i = 0; i < wishes.size(); ++i) {
                const auto effect = model.apply(wishes[i]);
                const std::string wrong =
                    difference(effect, model.lastSeq(), answerOf(outcomes[i]));
                REQUIRE_MESSAGE(wrong.empty(), "operation ", done + i, ": ", wrong);
                conflicts += effect.conflict ? 1 : 0;
            }
            done += wishes.size();
            const uint64_t dice = random() % 1000;
            if (dice < 5)
                REQUIRE(f.engine->checkpoint().ok());
            if (dice % 50 == 7)
                const_cast<Store&>(f.engine->store()).maintain(16);
            if (dice == 999 || done >= wanted) {
                const uint64_t hash = f.hash();
                REQUIRE(contentOf(f.engine->openCut()) == model.content());
                if (random() % 2 == 0)
                    f.mustStop();
                f.crash();
                f.mustOpen(modelOptions());
                REQUIRE(f.hash() == hash);
                REQUIRE(expiriesOf(f.engine->store()) == expiriesOf(model.content()));
                ++restarts;
            }
        }
        REQUIRE(contentOf(f.engine->openCut()) == model.content());
        CHECK(f.engine->appliedSeq() == model.lastSeq());
        CHECK(expired > wanted / 200);
        CHECK(conflicts > wanted / 100);
        MESSAGE(wanted, " operations, ", model.lastSeq(), " entries, ", expired, " expired, ",
                conflicts, " conflicts, ", restarts, " restarts");
    }
}

namespace {

constexpr int kProposers = 3;
constexpr int kSharedKeys = 16;
constexpr const char* kShared = "shared";

// Says who wrote it, so that a reader can tell that it was written, and is whole.
std::string sharedValue(const std::string& key, int proposer, uint64_t number)
{
    return key + " " + std::to_string(proposer) + " " + std::to_string(number) + " " +
           std::string(number % 97 == 0 ? 3000 : number % 40, static_cast<char>('a' + number % 26));
}

std::string atomicCollection(int proposer)
{
    return "atomic" + std::to_string(proposer);
}

constexpr const char* kAtomicDocs[] = {"a", "b", "c", "d"};

// What one proposer asks for, again and again the same: own collections, one where each insert
// puts the same into four documents, and keys that all proposers change.
class ProposerSource {
  public:
    ProposerSource(uint64_t seed, int proposer)
        : m_own(seed, std::string(1, static_cast<char>('p' + proposer))), m_proposer(proposer)
    {
    }
    Wish next()
    {
        ++m_number;
        const uint64_t dice = m_own.below(100);
        const std::string key = "s" + std::to_string(m_own.below(kSharedKeys));
        if (dice < 20)
            return set(kShared, key, sharedValue(key, m_proposer, m_number));
        if (dice < 25)
            return removeKey(kShared, key);
        if (dice >= 35)
            return m_own.next();
        std::vector<TestRecord> records;
        for (const char* doc : kAtomicDocs)
            records.push_back({atomicCollection(m_proposer), doc, static_cast<int64_t>(m_number),
                               std::to_string(m_number)});
        return insert(records);
    }

  private:
    WishSource m_own;
    const int m_proposer;
    uint64_t m_number = 0;
};

// Keeps a few hundred proposals under way.
class Proposer : public Mailbox {
  public:
    Proposer(Engine& engine, uint64_t seed, int number, uint64_t operations)
        : m_engine(engine), m_source(seed, number), m_operations(operations)
    {
    }
    // Calls pace(ticket) before each proposal.
    void run(const std::function<void(uint64_t)>& pace)
    {
        constexpr uint64_t kUnderWay = 400;
        for (uint64_t ticket = 0; ticket < m_operations; ++ticket) {
            pace(ticket);
            {
                std::unique_lock lock(m_mutex);
                m_arrived.wait(lock, [&] { return ticket - m_answers.size() < kUnderWay; });
            }
            m_proposed.store(ticket + 1);
            if (m_engine.propose({{}, m_source.next(), this, ticket}) == Accepted::No)
                return;
        }
        std::unique_lock lock(m_mutex);
        m_arrived.wait(lock, [&] { return m_answers.size() == m_operations; });
    }
    void deliver(std::vector<Done> done) override
    {
        std::lock_guard lock(m_mutex);
        for (const Done& one : done) {
            m_inOrder = m_inOrder && one.ticket == m_answers.size();
            m_answers.push_back(answerOf(one.outcome));
        }
        m_arrived.notify_one();
    }
    void roomAgain() override {}
    void keysChanged() override {}

    uint64_t proposed() const { return m_proposed.load(); }
    // After run().
    const std::vector<Answer>& answers() const { return m_answers; }
    bool inOrder() const { return m_inOrder; }

  private:
    Engine& m_engine;
    ProposerSource m_source;
    const uint64_t m_operations;
    std::atomic<uint64_t> m_proposed{0};
    std::mutex m_mutex;
    std::condition_variable m_arrived;
    std::vector<Answer> m_answers; // by ticket
    bool m_inOrder = true;
};

// The first complaint of any thread.
class Complaint {
  public:
    void say(const std::string& what)
    {
        std::lock_guard lock(m_mutex);
        if (m_what.empty())
            m_what = what;
    }
    std::string what() const
    {
        std::lock_guard lock(m_mutex);
        return m_what;
    }

  private:
    mutable std::mutex m_mutex;
    std::string m_what;
};

using Proposers = std::vector<std::unique_ptr<Proposer>>;

// What one reader has seen, to which nothing may go back.
struct Reader {
    const Engine& engine;
    const Proposers& proposers;
    Complaint& complaint;
    std::mt19937_64 random;
    uint64_t seq = 0;
    std::atomic<uint64_t> reads{0};
    std::map<std::string, uint64_t> versions = {};
    std::map<int, int64_t> newest = {};

    void run(const std::atomic<bool>& stop)
    {
        while (!stop) {
            const uint64_t now = engine.appliedSeq();
            if (now < seq)
                complaint.say("the applied seq goes back");
            seq = now;
            readKey("s" + std::to_string(random() % kSharedKeys));
            readDocuments(static_cast<int>(random() % kProposers));
            // Leaves the few cores there are to the writers, most of the time.
            if (++reads % 64 == 0)
                std::this_thread::sleep_for(std::chrono::microseconds(500));
        }
    }
    void readKey(const std::string& key)
    {
        const auto there = engine.store().find(0, kShared);
        if (!there)
            return;
        const KeyState state = there->get(key);
        if (state.version < versions[key])
            complaint.say("a key's version goes back");
        versions[key] = state.version;
        if (!state.found)
            return;
        size_t proposer = 0;
        uint64_t number = 0;
        std::istringstream words(state.value.substr(key.size()));
        words >> proposer >> number;
        if (proposer >= proposers.size() || number > proposers[proposer]->proposed() ||
            state.value != sharedValue(key, static_cast<int>(proposer), number))
            complaint.say("a value that nobody wrote: " + state.value);
    }
    void readDocuments(int proposer)
    {
        const auto there = engine.store().find(0, atomicCollection(proposer));
        if (!there)
            return;
        const Collection::SeriesPin pin = there->pinSeries();
        std::string first;
        size_t documents = 0;
        for (size_t p = 0; p < pin.pages.pageCount(); ++p) {
            const DocumentPage& page = pin.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i, ++documents) {
                RangeCursor cursor(*page.document(i), INT64_MIN, INT64_MAX,
                                   RangeCursor::Direction::Reverse);
                RecordView record;
                if (!cursor.next(record) || record.data != std::to_string(record.ts))
                    return complaint.say("a document without its record");
                if (documents == 0)
                    first = record.data;
                if (record.data != first)
                    return complaint.say("half an insert is seen");
                if (record.ts < newest[proposer])
                    return complaint.say("a record is gone that was seen");
                newest[proposer] = record.ts;
            }
        }
        // A collection can be found a moment before its first insert.
        if (documents == 0 && newest[proposer] == 0)
            return;
        if (documents != std::size(kAtomicDocs))
            complaint.say("half an insert is seen: a document is missing");
    }
};

struct KeptCut {
    Cut cut;
    uint64_t hash = 0;
};

struct Cuts {
    std::atomic<uint64_t> opened{0};
    std::atomic<uint64_t> lastSeq{0};
    std::vector<KeptCut> kept;
};

// Opens cuts beside the writer, reads each twice, and keeps some.
void cutAgainAndAgain(Engine& engine, const std::atomic<bool>& stop, uint64_t keepEvery, Cuts& cuts,
                      Complaint& complaint)
{
    uint64_t seq = 0;
    uint64_t next = 0;
    while (!stop) {
        std::optional<Cut> cut = engine.cut();
        if (!cut)
            return complaint.say("no cut while the engine runs");
        if (cut->seq < seq || cut->seq > engine.appliedSeq())
            complaint.say("a cut at a seq that cannot be");
        seq = cut->seq;
        const uint64_t hash = contentHash(*cut);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (contentHash(*cut) != hash)
            complaint.say("a cut changes under its reader");
        ++cuts.opened;
        if (seq >= next) {
            next = seq + keepEvery;
            cuts.kept.push_back({std::move(*cut), hash});
        }
        cuts.lastSeq = seq;
    }
}

// All proposals again, in the order of their seqs, told to the model.
class Retelling {
  public:
    Retelling(const Proposers& proposers, const std::vector<uint64_t>& seeds)
    {
        for (size_t i = 0; i < proposers.size(); ++i)
            m_heads.push_back({ProposerSource(seeds[i], static_cast<int>(i)),
                               &proposers[i]->answers(), 0, Wish()});
        for (Head& head : m_heads)
            head.wish = head.source.next();
        passNothings(0);
    }

    const WishModel& model() const { return m_model; }
    // One entry further: the one of that seq, and what came to nothing after it.
    void step(uint64_t seq)
    {
        for (Head& head : m_heads) {
            // Of shared keys the version tells who really removed one.
            if (!head.at(seq) || !head.answer().ok ||
                (std::holds_alternative<RemoveKeyProposal>(head.wish) &&
                 head.answer().version == 0))
                continue;
            const auto effect = m_model.apply(head.wish);
            if (!effect.entry)
                continue;
            const std::string wrong = difference(effect, m_model.lastSeq(), head.answer());
            REQUIRE_MESSAGE(wrong.empty(), "seq ", seq, ": ", wrong);
            head.advance();
            passNothings(seq);
            return;
        }
        FAIL("nobody proposed what seq " << seq << " says");
    }
    bool atEnd() const
    {
        return std::all_of(m_heads.begin(), m_heads.end(),
                           [](const Head& h) { return h.next == h.answers->size(); });
    }

  private:
    struct Head {
        ProposerSource source;
        const std::vector<Answer>* answers;
        size_t next;
        Wish wish; // the one of answers[next]

        bool at(uint64_t seq) const { return next < answers->size() && answer().seq == seq; }
        const Answer& answer() const { return (*answers)[next]; }
        void advance()
        {
            ++next;
            wish = source.next();
        }
    };
    void passNothings(uint64_t seq)
    {
        for (Head& head : m_heads) {
            for (; head.at(seq); head.advance()) {
                const auto effect = m_model.apply(head.wish);
                REQUIRE_MESSAGE(!effect.entry, "seq ", seq, ": a change came to nothing");
                const std::string wrong = difference(effect, seq, head.answer());
                REQUIRE_MESSAGE(wrong.empty(), "seq ", seq, ": ", wrong);
            }
        }
    }

    std::vector<Head> m_heads;
    WishModel m_model;
};

std::unique_ptr<Engine> openAt(Directory& directory)
{
    auto engine = Engine::open(modelOptions(), &directory, systemClock(), nullSink());
    REQUIRE_MESSAGE(engine.ok(), (engine ? "" : engine.error().text));
    return std::move(engine.value());
}

size_t checkpointsIn(Directory& directory)
{
    return listCheckpoints(directory).value().size();
}

} // namespace

TEST_SUITE("model")
{
    TEST_CASE("by several threads, with readers, cuts and checkpoints beside them")
    {
        std::mt19937_64 random = seededRandom("operations of several threads");
        const ScratchFolder scratch;
        auto directory = std::move(openDirectory(scratch.path() + "/live").value());
        auto engine = openAt(*directory);
        engine->start();

        const uint64_t operations = operationsOf(kByThreads) / kProposers;
        Complaint complaint;
        Proposers proposers;
        std::vector<uint64_t> seeds;
        for (int i = 0; i < kProposers; ++i) {
            seeds.push_back(random());
            proposers.push_back(std::make_unique<Proposer>(*engine, seeds.back(), i, operations));
        }
        std::atomic<bool> stop{false};
        Cuts cuts;
        std::deque<Reader> readers;
        for (int i = 0; i < 2; ++i)
            readers.emplace_back(*engine, proposers, complaint, std::mt19937_64(random()));
        std::vector<std::thread> beside;
        for (Reader& reader : readers)
            beside.emplace_back([&reader, &stop] { reader.run(stop); });
        beside.emplace_back([&] {
            cutAgainAndAgain(*engine, stop, operationsOf(kByThreads) / 12, cuts, complaint);
        });
        // Those beside the writers may be slow: after each tenth a cut and some reads are awaited.
        const uint64_t tenth = operations / 10 + 1;
        const auto pace = [&](uint64_t ticket) {
            if (ticket == 0 || ticket % tenth != 0)
                return;
            const uint64_t written = engine->appliedSeq();
            const uint64_t reads = 20 * (ticket / tenth);
            const auto late = [&] { return cuts.lastSeq < written || readers[0].reads < reads; };
            for (int ms = 0; late() && ms < 60'000; ++ms)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        };
        std::vector<std::thread> writers;
        for (auto& proposer : proposers)
            writers.emplace_back([&proposer, &pace] { proposer->run(pace); });
        for (std::thread& writer : writers)
            writer.join();
        stop = true;
        for (std::thread& thread : beside)
            thread.join();
        CHECK(complaint.what() == "");
        CHECK(cuts.opened > 5);
        CHECK(cuts.kept.size() > 2);
        CHECK(readers[0].reads > 100);

        const uint64_t hash = contentHash(*engine->cut());
        const uint64_t lastSeq = engine->appliedSeq();
        for (int ms = 0; checkpointsIn(*directory) == 0 && ms < 60'000; ++ms)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        CHECK(engine->stop().ok()); // makes another one
        CHECK(checkpointsIn(*directory) == 2);
        MESSAGE((operations * kProposers), " operations, ", lastSeq, " entries, ",
                cuts.opened.load(), " cuts, ", readers[0].reads.load() + readers[1].reads.load(),
                " reads");

        Retelling told(proposers, seeds);
        size_t cut = 0;
        for (uint64_t seq = 0; seq <= lastSeq; ++seq) {
            if (seq > 0)
                told.step(seq);
            for (; cut < cuts.kept.size() && cuts.kept[cut].cut.seq == seq; ++cut) {
                CHECK(contentHash(cuts.kept[cut].cut) == cuts.kept[cut].hash);
                CHECK(contentOf(cuts.kept[cut].cut) == told.model().content());
            }
        }
        CHECK(told.atEnd());
        CHECK(cut == cuts.kept.size());
        for (const auto& proposer : proposers)
            CHECK(proposer->inOrder());
        CHECK(contentOf(engine->openCut()) == told.model().content());
        engine.reset();

        // From the last checkpoint, and from the one before with the log behind it.
        for (const bool replay : {false, true}) {
            CAPTURE(replay);
            if (replay)
                REQUIRE(directory->remove(listCheckpoints(*directory).value().front()).ok());
            engine = openAt(*directory);
            CHECK(contentHash(engine->openCut()) == hash);
            CHECK(engine->appliedSeq() == lastSeq);
            engine.reset();
        }
    }
}
