// Data written by earlier versions opens in this one, with all that is in it. The folders in
// tests/assets are never written again: a new format gets folders of its own.
//
// FLUXION_WRITE_ASSETS=<folder> writes the two folders of the present format, and what is expected
// of them, for the day when there is a new one.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "io/posix.h"
#include "support/scratch_folder.h"
#include "unit/engine/engine_fixture.h"
#include "unit/engine/wish_model.h"

using namespace fluxion;
namespace fs = std::filesystem;

namespace {

EngineOptions formatOptions()
{
    return smallOptions(Durability::Always, 16384);
}

fs::path assets()
{
    return fs::path(FLUXION_SOURCE_ROOT) / "tests" / "assets";
}

std::string bytesOf(const fs::path& path)
{
    std::ifstream in(path, std::ios::binary);
    REQUIRE_MESSAGE(in.good(), path);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
}

void writeFile(const fs::path& path, std::string_view bytes)
{
    std::ofstream out(path, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE_MESSAGE(out.good(), path);
}

// Readable, on one line, whatever the bytes; long runs of one byte are counted.
std::string shown(std::string_view bytes)
{
    std::ostringstream out;
    out << '"';
    for (size_t i = 0; i < bytes.size();) {
        const size_t end = std::min(bytes.find_first_not_of(bytes[i], i), bytes.size());
        const auto byte = static_cast<unsigned char>(bytes[i]);
        const bool plain = byte >= ' ' && byte != '"' && byte != '\\' && byte < 0x7f;
        const std::string one =
            plain ? std::string(1, bytes[i]) : "\\" + std::to_string(byte) + ";";
        if (end - i > 8) {
            out << one << "\\x" << end - i << ';';
            i = end;
        } else {
            out << one;
            ++i;
        }
    }
    out << '"';
    return out.str();
}

// All there is, one line each.
std::string listing(const Model& model)
{
    std::ostringstream out;
    for (const auto& [name, c] : model.collections) {
        out << "collection " << name.first << ' ' << shown(name.second) << '\n';
        for (const auto& [doc, records] : c.documents) {
            out << "  document " << shown(doc) << '\n';
            for (const auto& [ts, data] : records)
                out << "    " << ts << ' ' << shown(data) << '\n';
        }
        for (const auto& [key, v] : c.values)
            out << "  key " << shown(key) << (v.tombstone ? " gone" : "") << " version "
                << v.version << " expiry " << v.expiryUs << " seq " << v.seq << ' '
                << shown(v.value) << '\n';
    }
    for (const auto& [id, key] : model.apiKeys)
        out << "api key " << id << ' ' << shown(std::string_view(key.hash.data(), key.hash.size()))
            << ' ' << token(key.scope) << ' ' << shown(key.hint) << '\n';
    out << "next api key " << model.nextApiKey << '\n';
    return out.str();
}

std::string heading(const std::string& history, const std::string& secret, uint64_t seq,
                    int64_t timeUs)
{
    return "history " + history + "\ninstallation " + shown(secret) + "\nseq " +
           std::to_string(seq) + "\ntime " + std::to_string(timeUs) + "\n";
}

std::string expectedOf(const Engine& engine, const Model& model)
{
    return heading(engine.history(), engine.installationSecret(), engine.appliedSeq(),
                   engine.store().appliedTimeUs()) +
           listing(model);
}

// Something of everything that a format can get wrong.
std::vector<Wish> firstHalf()
{
    std::vector<Wish> wishes;
    for (int64_t i = 0; i < 700; i += 5) {
        std::vector<TestRecord> records;
        for (int64_t n = i; n < i + 5; ++n)
            records.push_back({"sensors", "kitchen", 1'700'000'000'000 + n * 1000,
                               "{\"temperature\":" + std::to_string(n % 40) + ".5}"});
        wishes.push_back(insert(records));
    }
    const std::string odd("nul\0 quote\" \xc3\xa9 \xf0\x9f\x8c\xa1", 18);
    wishes.push_back(insert({{"edges", "times", INT64_MIN, "first"},
                             {"edges", "times", INT64_MAX, "last"},
                             {"edges", "times", 0, odd},
                             {"edges", "times", -1, std::string(3000, 'r')},
                             {"\xc3\xa9t\xc3\xa9", "\xe6\x97\xa5", 7, "{}"}}));
    for (int n = 0; n < 300; ++n) // more than one page of keys
        wishes.push_back(set("keys", "key" + std::to_string(n * 7919 % 300), std::to_string(n)));
    wishes.push_back(set("keys", "empty", ""));
    wishes.push_back(set("keys", "odd", odd));
    wishes.push_back(set("keys", "large", std::string(9000, 'v')));
    wishes.push_back(removeKey("keys", "key1"));
    wishes.push_back(set("dropped", "k", "1"));
    wishes.push_back(insert({{"dropped", "d", 1}}));
    wishes.push_back(drop("dropped"));
    wishes.push_back(setApiKey(1, Scope::ReadOnly, "abcd"));
    wishes.push_back(setApiKey(2, Scope::ReadWrite, ""));
    wishes.push_back(removeApiKey(1));
    return wishes;
}

// Behind the checkpoint: an entry of every type.
std::vector<Wish> secondHalf()
{
    DeleteRecordsProposal records;
    records.items = {{"edges", "times", 0}, {"sensors", "kitchen", 1'700'000'001'000}};
    return {
        insert({{"sensors", "kitchen", 1'699'999'999'000, "late"},
                {"sensors", "kitchen", 1'700'000'002'000, "replaced"},
                {"sensors", "hall", 5, "{}"},
                {"fresh", "d", 1, "{}"}}),
        records,
        removeRange("sensors", "kitchen", 1'700'000'100'000, 1'700'000'200'000),
        removeDocument("hall"),
        set("keys", "key2", "after the checkpoint"),
        set("keys", "key1", "back again"),
        removeKey("keys", "key3"),
        set("dropped", "k", "new life"),
        insert({{"gone", "d", 1}}),
        drop("gone"),
        setApiKey(3, Scope::ReadWriteDelete, "wxyz"),
        setApiKey(2, Scope::ReadOnly, "ignored"),
        setApiKey(4, Scope::ReadOnly, "four"),
        removeApiKey(4),
    };
}

void dump(const SimDisk& disk, const fs::path& folder)
{
    fs::create_directories(folder);
    for (const std::string& name : disk.names()) {
        if (!isSpareName(name))
            writeFile(folder / name, *disk.contents(name));
    }
}

void writeAssets(const fs::path& root)
{
    EngineFixture f;
    WishModel model;
    f.clock.setWallUs(1'750'000'000'000'000);
    f.mustOpen(formatOptions());
    const auto submit = [&](const std::vector<Wish>& wishes) {
        for (const Wish& wish : wishes) {
            f.clock.advanceUs(1000);
            f.mustSubmit({wish});
            model.apply(wish);
        }
    };
    submit(firstHalf());
    while (const_cast<Store&>(f.engine->store()).maintain(1000)) // seals what can be sealed
        continue;
    REQUIRE(f.engine->checkpoint().ok());
    submit(secondHalf());
    fs::create_directories(root);
    writeFile(root / "expected", expectedOf(*f.engine, model.content()));
    dump(*f.disk, root / "unclean");
    // Closed in order, but without room for a last checkpoint: so the log is read as well.
    SimFailure full;
    full.kind = SimOp::Create;
    full.fault = SimFailure::Fault::NoSpace;
    full.nameStart = "checkpoint";
    full.forEver = true;
    f.disk->setPlan({0, {full}});
    REQUIRE(f.engine->stop().ok());
    dump(*f.disk, root / "clean");
}

} // namespace

TEST_CASE("a data folder of format 1 opens with all that is in it")
{
    if (const char* folder = std::getenv("FLUXION_WRITE_ASSETS"))
        writeAssets(folder);
    const fs::path root = assets() / "data-format-1";
    const std::string expected = bytesOf(root / "expected");
    for (const std::string variant : {"clean", "unclean"}) {
        CAPTURE(variant);
        CHECK(fs::exists(root / variant / "closed") == (variant == "clean"));
        const ScratchFolder scratch; // to open is to change
        for (const auto& file : fs::directory_iterator(root / variant))
            fs::copy_file(file.path(), fs::path(scratch.path()) / file.path().filename());
        auto directory = std::move(openDirectory(scratch.path()).value());
        std::vector<std::string> lines;
        SimClock clock(1);
        // Twice: what the first opening writes must hold the same.
        for (const bool again : {false, true}) {
            CAPTURE(again);
            auto engine =
                Engine::open(formatOptions(), directory.get(), clock,
                             [&](LogLevel, std::string_view line) { lines.emplace_back(line); });
            REQUIRE_MESSAGE(engine.ok(), (engine ? "" : engine.error().text));
            const std::string found =
                expectedOf(*engine.value(), contentOf(engine.value()->openCut()));
            CHECK((found == expected));
            if (found != expected)
                writeFile(fs::temp_directory_path() / ("found-" + variant), found);
            CHECK(engine.value()->stop().ok());
        }
        // The one that was not closed says so, once; nothing else is worth a line.
        CHECK(lines.size() == (variant == "clean" ? 0 : 1));
    }
}

TEST_CASE("the data folders of format 1 hold what they are for")
{
    for (const std::string variant : {"clean", "unclean"}) {
        CAPTURE(variant);
        size_t segments = 0;
        size_t checkpoints = 0;
        uint64_t bytes = 0;
        for (const auto& file : fs::directory_iterator(assets() / "data-format-1" / variant)) {
            const std::string name = file.path().filename();
            segments += name.ends_with(".seg") ? 1 : 0;
            checkpoints += name.starts_with("checkpoint-") ? 1 : 0;
            bytes += file.file_size();
        }
        CHECK(segments >= 2);
        CHECK(checkpoints == 1);
        CHECK(bytes < 150 * 1024);
    }
}
