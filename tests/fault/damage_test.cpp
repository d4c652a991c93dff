// Bits flip, files are cut short, blocks are zeroed, doubled and swapped: in every file of a small
// data folder, closed in order or not. Opening is refused with file and offset, or the last batch
// of a log not closed in order is cut with a line, or it does no harm. No wrong value, ever.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "fault/allocation.h"
#include "fault/sim_server.h"
#include "store/chunk.h"

using namespace fluxion;

namespace {

constexpr size_t kBlockBytes = 512;
constexpr int kMaxFailuresShown = 8;

EngineOptions smallOptions()
{
    EngineOptions options = faultOptions();
    options.log.segmentBytes = 3072;
    options.log.firstSegmentBytes = 3072;
    return options;
}

// A data folder, and what the log's last segment holds.
struct Folder {
    std::string name;
    std::shared_ptr<SimDisk> disk;
    bool closed = false;
    uint64_t hash = 0;                                  // of all of it
    std::map<std::string, std::string> files;           //
    std::string lastSegment;                            //
    std::vector<std::pair<uint64_t, uint64_t>> batches; // of the last segment: from, to
    std::map<uint64_t, uint64_t> hashWithout;           // the last n of these -> hash
    size_t largestAllocation = 0;                       // when opened as it is
};

struct Damage {
    std::string file;
    std::string what;
    std::string bytes;
    uint64_t from = 0; // bytes that changed, at most
    uint64_t to = 0;
    bool single = false; // a single bit: only the last batch may go
};

Deed setKey(int number, size_t valueBytes)
{
    Deed change;
    change.collection = number % 2 == 0 ? "a" : "b";
    change.name = "key " + std::to_string(number % 7);
    change.value = std::string(valueBytes, static_cast<char>('a' + number % 26));
    return change;
}

void findBatches(Folder& folder)
{
    for (const auto& [name, bytes] : folder.files) {
        if (name.ends_with(".seg"))
            folder.lastSegment = name; // sorted
    }
    const std::string_view bytes = folder.files[folder.lastSegment];
    ByteReader header(bytes);
    header.raw(16);
    const uint64_t epoch = header.u64();
    uint64_t at = kSegmentHeaderBytes;
    while (const auto batch = readBatch(bytes.substr(at), epoch)) {
        folder.batches.emplace_back(at, at + batch->bytes);
        at += batch->bytes;
    }
    REQUIRE(folder.batches.size() >= 3);
}

// Two checkpoints, segments before and after them, recycled bytes behind the end of the last one.
Folder makeFolder(bool closed)
{
    Folder folder;
    folder.name = closed ? "closed in order" : "not closed in order";
    folder.closed = closed;
    folder.disk = SimDisk::create();
    std::vector<uint64_t> hashes;
    {
        SimServer server(folder.disk, smallOptions());
        REQUIRE(server.open().ok());
        const auto submit = [&](const Deed& change) {
            REQUIRE(server.submit({change})[0].status.ok());
            hashes.push_back(server.hash());
        };
        int number = 0;
        for (int round = 0; round < 3; ++round) {
            for (int i = 0; i < 6; ++i)
                submit(setKey(number++, 500));
            Deed insert = setKey(number, 30);
            insert.kind = Deed::Kind::Insert;
            insert.name = "document";
            insert.to = 3;
            submit(insert);
            Deed apiKey;
            apiKey.kind = Deed::Kind::SetApiKey;
            apiKey.apiKey = static_cast<uint8_t>(1 + round);
            submit(apiKey);
            if (round < 2)
                REQUIRE(server.engine().checkpoint().ok());
        }
        for (int i = 0; i < 3; ++i)
            submit(setKey(number++, 200));
        folder.hash = server.hash();
        if (closed) {
            // Without the checkpoint of the stop the log still has something to tell.
            SimFailure full;
            full.kind = SimOp::Create;
            full.nameStart = "checkpoint";
            full.fault = SimFailure::Fault::NoSpace;
            folder.disk->setPlan({0, {full}});
            REQUIRE(server.stop().ok());
        }
    }
    folder.disk = folder.disk->afterCrash({});
    for (const std::string& name : folder.disk->names())
        folder.files[name] = *folder.disk->contents(name);
    findBatches(folder);
    for (size_t n = 0; n <= folder.batches.size(); ++n)
        folder.hashWithout[n] = hashes[hashes.size() - 1 - n];
    return folder;
}

class Judge {
  public:
    explicit Judge(const Folder& folder) : m_folder(folder)
    {
        const auto disk = folder.disk->afterCrash({});
        resetLargestAllocation();
        SimServer server(disk, smallOptions());
        REQUIRE(server.open().ok());
        m_allocation = largestAllocation();
        REQUIRE(server.hash() == folder.hash);
    }
    ~Judge()
    {
        MESSAGE(m_folder.name << ": opened " << m_opened << " times: refused " << m_refused
                              << ", cut " << m_cut << ", harmless " << m_harmless);
    }

    void look(const Damage& damage)
    {
        ++m_opened;
        const auto disk = m_folder.disk->afterCrash({});
        disk->setContents(damage.file, damage.bytes);
        resetLargestAllocation();
        SimServer server(disk, smallOptions());
        const Status status = server.open();
        if (largestAllocation() > std::max(m_allocation, 2 * damage.bytes.size()))
            fail(damage, "allocates " + std::to_string(largestAllocation()) + " bytes at once");
        if (!status)
            refused(damage, status.error());
        else if (server.hash() == m_folder.hash)
            ++m_harmless;
        else
            cut(damage, server);
    }

    uint64_t refusedCount() const { return m_refused; }
    uint64_t cutCount() const { return m_cut; }
    uint64_t harmlessCount() const { return m_harmless; }

  private:
    void fail(const Damage& damage, const std::string& what)
    {
        if (++m_failures <= kMaxFailuresShown)
            FAIL_CHECK(m_folder.name << ": " << damage.file << ", " << damage.what << ": " << what);
    }

    void refused(const Damage& damage, const Error& error)
    {
        ++m_refused;
        if (error.code != Code::Damaged)
            return fail(damage, "refused by another code: " + error.text);
        if (error.text.find("sim:/" + damage.file) == std::string::npos ||
            error.text.find("offset ") == std::string::npos)
            fail(damage, "does not name file and offset: " + error.text);
    }

    // Right only for the last batches, each of them damaged, of a log not closed in order.
    void cut(const Damage& damage, SimServer& server)
    {
        ++m_cut;
        if (m_folder.closed || damage.file != m_folder.lastSegment)
            return fail(damage, "opened with another state");
        const auto& batches = m_folder.batches;
        size_t lost = 0;
        while (lost < batches.size() && batches[batches.size() - 1 - lost].second > damage.from &&
               batches[batches.size() - 1 - lost].first < damage.to)
            ++lost;
        if (damage.single)
            lost = std::min<size_t>(lost, 1);
        bool known = false;
        for (size_t n = 1; n <= lost; ++n)
            known = known || m_folder.hashWithout.at(n) == server.hash();
        if (!known)
            return fail(damage, "lost more than was damaged");
        const auto tells = [](const std::string& line) {
            return line.find("not closed in order") != std::string::npos;
        };
        if (std::none_of(server.lines().begin(), server.lines().end(), tells))
            fail(damage, "cut without a line");
    }

    const Folder& m_folder;
    size_t m_allocation = 0;
    uint64_t m_opened = 0;
    uint64_t m_refused = 0;
    uint64_t m_cut = 0;
    uint64_t m_harmless = 0;
    int m_failures = 0;
};

void flipBits(const Folder& folder, Judge& judge)
{
    for (const auto& [name, bytes] : folder.files) {
        for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            Damage damage{name, "bit " + std::to_string(bit), bytes, bit / 8, bit / 8 + 1, true};
            damage.bytes[bit / 8] = static_cast<char>(damage.bytes[bit / 8] ^ (1 << bit % 8));
            judge.look(damage);
        }
    }
}

void truncate(const Folder& folder, Judge& judge)
{
    for (const auto& [name, bytes] : folder.files) {
        for (size_t size = 0; size < bytes.size(); ++size)
            judge.look({name, "cut to " + std::to_string(size), bytes.substr(0, size), size,
                        bytes.size(), true});
    }
}

std::string withBlock(std::string bytes, size_t at, const std::string& block)
{
    const size_t room = std::min(block.size(), bytes.size() - at);
    return bytes.replace(at, room, block, 0, room);
}

void harmBlocks(const Folder& folder, Judge& judge)
{
    for (const auto& [name, bytes] : folder.files) {
        for (size_t a = 0; a < bytes.size(); a += kBlockBytes) {
            const size_t end = std::min(a + kBlockBytes, bytes.size());
            judge.look({name, "zeroed block at " + std::to_string(a),
                        withBlock(bytes, a, std::string(kBlockBytes, '\0')), a, end, false});
            for (size_t b = 0; b < bytes.size(); b += kBlockBytes) {
                const std::string places = std::to_string(a) + " and " + std::to_string(b);
                const std::string first = bytes.substr(a, kBlockBytes);
                const std::string second = bytes.substr(b, kBlockBytes);
                if (a == b || first == second)
                    continue;
                judge.look({name, "doubled block at " + places, withBlock(bytes, b, first), b,
                            std::min(b + kBlockBytes, bytes.size()), false});
                if (a < b)
                    judge.look({name, "swapped blocks at " + places,
                                withBlock(withBlock(bytes, b, first), a, second), a,
                                std::min(b + kBlockBytes, bytes.size()), false});
            }
        }
    }
}

} // namespace

TEST_CASE("every flipped bit of every file")
{
    for (const bool closed : {true, false}) {
        const Folder folder = makeFolder(closed);
        CHECK(folder.files.contains("closed") == closed);
        Judge judge(folder);
        flipBits(folder, judge);
        CHECK(judge.refusedCount() > 30'000);
        CHECK((judge.cutCount() == 0) == closed);
        CHECK(judge.harmlessCount() > 5'000);
    }
}

TEST_CASE("every truncation length of every file")
{
    for (const bool closed : {true, false}) {
        const Folder folder = makeFolder(closed);
        Judge judge(folder);
        truncate(folder, judge);
        CHECK(judge.cutCount() == 0); // a segment never changes its size
        CHECK(judge.refusedCount() > 5'000);
    }
}

TEST_CASE("zeroed, doubled and swapped blocks of 512 bytes")
{
    for (const bool closed : {true, false}) {
        const Folder folder = makeFolder(closed);
        Judge judge(folder);
        harmBlocks(folder, judge);
        CHECK(judge.refusedCount() > 100);
        CHECK((judge.cutCount() == 0) == closed);
    }
}

TEST_CASE("a whole batch of an earlier life that would continue the log is not taken")
{
    const Folder folder = makeFolder(false);
    std::string bytes = folder.files.at(folder.lastSegment);
    const auto [from, to] = folder.batches.back();
    ByteReader last(std::string_view(bytes).substr(from));
    last.raw(8);
    const uint64_t epoch = last.u64();
    const uint64_t lastSeq = last.u64() + last.u32() - 1;

    const auto open = [&](uint64_t batchEpoch) {
        BatchBuilder batch;
        std::string payload;
        encodeFact(KeySetFact{"a", "planted", "value", 1, 0, 0}, payload);
        batch.add({static_cast<uint16_t>(FactType::KeySet), 0, 0, 0, INT64_MAX, payload});
        const std::string planted(batch.finish(batchEpoch, lastSeq + 1, 1, 1));
        REQUIRE(to + planted.size() <= bytes.size());
        const auto disk = folder.disk->afterCrash({});
        disk->setContents(folder.lastSegment,
                          std::string(bytes).replace(to, planted.size(), planted));
        SimServer server(disk, smallOptions());
        const Status status = server.open();
        REQUIRE_MESSAGE(status.ok(), (status ? "" : status.error().text));
        return server.model().values["a"].contains("planted");
    };
    CHECK(open(epoch)); // of this life it would count
    CHECK_FALSE(open(epoch + 1));
    CHECK_FALSE(open(0));
}

TEST_CASE("sizes that a stored chunk claims are not believed beyond what its bytes can hold")
{
    using namespace std::string_literals;
    const std::string frames[] = {
        "\x28\xb5\x2f\xfd\xa0\xff\xff\xff\x3f\1\0\0"s, // a gibibyte, in no block
        "\x28\xb5\x2f\xfd\xa0\x00\x00\x10\x00\1\0\0"s, // a mebibyte
    };
    for (const std::string& frame : frames) {
        for (const uint64_t count : {2u, 500'000u, 500'000'000u}) {
            std::string bytes;
            ByteWriter out(bytes);
            out.u8(static_cast<uint8_t>(ChunkCodec::Zstd));
            out.varint(count);
            out.i64(0);
            out.i64(1);
            out.varint(1);
            out.text(frame);
            resetLargestAllocation();
            ByteReader in(bytes);
            CHECK_FALSE(Chunk::parse(in).ok());
            CHECK(largestAllocation() < 64 * 1024);
        }
    }
}
