// Writes first inputs for every target, made by the real encoders: seeds FOLDER. Those that the
// repository keeps are made of them and of what was found since: see run.py --minimise.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "base/json.h"
#include "engine/checkpoint.h"
#include "io/sim.h"
#include "log/batch.h"
#include "log/segment.h"
#include "protocol/command_table.h"
#include "store/chunk.h"

using namespace fluxion;
using namespace std::string_literals;

namespace {

std::filesystem::path g_folder;
std::map<std::string, int> g_counts;

void write(const std::string& target, std::string_view bytes)
{
    const std::filesystem::path folder = g_folder / target;
    std::filesystem::create_directories(folder);
    std::ofstream out(folder / ("seed-" + std::to_string(++g_counts[target])), std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) {
        std::perror(folder.c_str());
        std::exit(1);
    }
}

std::string withFirst(unsigned byte, std::string_view rest)
{
    return static_cast<char>(byte) + std::string(rest);
}

// A payload for each type, and some that are refused.
const std::vector<std::pair<CommandType, std::string>> kPayloads = {
    {CommandType::Ins, R"([{"ts":1,"doc":"d","data":"{\"t\":22.5}","col":"c"}])"},
    {CommandType::Ins, R"([{"ts":"-9","doc":"d","data":"a\u0000\ud83d\ude00","col":"c","x":[1]},)"
                       R"({"ts":1.7e9,"doc":"\u00e9","data":" ","col":"c/d"}])"},
    {CommandType::Ins, "[]"},
    {CommandType::Qry,
     R"({"col":"c","ts":5,"doc":"/^d-\\d+/i","from":1,"where":"a","filter":"/b/s"})"},
    {CommandType::Qry, R"({"col":"c","ts":9223372036854775807,"doc":"","min_seq":"ab-1:7"})"},
    {CommandType::Cols, "{}"},
    {CommandType::Cols, ""},
    {CommandType::Qdoc, R"({"col":"c","doc":"d","from":null,"to":9,"limit":3,"reverse":true})"},
    {CommandType::Ddoc, R"({"doc":"d","col":""})"},
    {CommandType::Dcol, R"({"col":"c"})"},
    {CommandType::Drec, R"({"doc":"d","col":"c","ts":-9223372036854775808})"},
    {CommandType::Dmrec, R"([{"doc":"d","col":"c","ts":1},{"doc":"d","col":"c","ts":"2"}])"},
    {CommandType::Drrng, R"({"doc":"d","col":"c","fromTs":1,"toTs":2})"},
    {CommandType::Sval, R"({"col":"c","key":"k","value":""})"},
    {CommandType::Gval, R"({"col":"c","key":"k","min_seq":12})"},
    {CommandType::Gvalues, R"({"col":"c","key":"/^k/m"})"},
    {CommandType::Sval, R"({"col":"c","key":"k","value":"1","ver":0,"ttl":60000})"},
    {CommandType::Pval, R"({"col":"c","key":"k","value":"{\"a\":null}","delete_nulls":true})"},
    {CommandType::Mval, R"({"col":"c","writes":[{"op":"set","key":"a","value":"1","ver":3},)"
                        R"({"op":"check","key":"b","ver":0},{"op":"remove","key":"c"},)"
                        R"({"op":"patch","key":"d","value":"{}","ttl":0}]})"},
    {CommandType::Rval, R"({"col":"c","key":"k"})"},
    {CommandType::Hval, R"({"col":"c","key":"k","limit":5,"before":9})"},
    {CommandType::Sub, R"({"kind":"keys","col":"c","match":"/^k/","where":"a","filter":"b",)"
                       R"("from":"abc:12","fields":["value","previous"]})"},
    {CommandType::Sub, R"({"kind":"docs","snapshot":true,"fields":[]})"},
    {CommandType::Sub, R"({"kind":"docs","col":"c","cut":"1f","history":true,"start":"d",)"
                       R"("start_ts":-5})"},
    {CommandType::Cut, R"({"cut":"1f","end":true})"},
    {CommandType::Log, R"({"gt":3,"lte":90,"reverse":true,"limit":7})"},
    {CommandType::Log, R"({"gte":3,"lt":90,"live":true,"limit":70000})"},
    {CommandType::Snap, "{}"},
    {CommandType::Stat, ""},
    {CommandType::Unsub, R"({"sub":"7"})"},
    {CommandType::Gvals, R"({"col":"c"})"},
    {CommandType::Gkeys, R"({"col":"c"})"},
    {CommandType::Keys, R"({"action":"add","key":"0123456789ab","scope":"Read-Write, delete"})"},
    {CommandType::Keys, R"({"action":"list"})"},
    {CommandType::Keys, R"({"action":"remove","key":"k\u2026"})"},
    {CommandType::Conn, "null"},
};

// Records at the edges of what is plain: each may be refused, and all readers must say so.
const char* const kOddRecords[] = {
    R"({"ts":1,"doc":"d","data":"x","col":"c","ts":2})",
    R"({"ts":1,"doc":"d","data":"x"})",
    R"({"ts":1,"doc":"d","data":"","col":"c"})",
    R"({"ts":-0,"doc":"d","data":"x","col":"c"})",
    R"({"ts":01,"doc":"d","data":"x","col":"c"})",
    R"({"ts":-9223372036854775808,"doc":"d","data":"x","col":"c"})",
    R"({"ts":9223372036854775808,"doc":"d","data":"x","col":"c"})",
    R"({"ts":12345678901234567890123,"doc":"d","data":"x","col":"c"})",
    R"({"ts":1.5,"doc":"d","data":"x","col":"c"})",
    R"({"ts": 1 ,"doc" : "d", "data":"\\ \" \/ \b\f\n\r\t","col":"c"} )",
    R"({"ts":1,"doc":"d\u0000","data":"x","col":"c"})",
    R"({"ts":1,"doc":null,"data":{"a":[1]},"col":"c","more":true})",
    R"({"ts":1,"doc":"0123456789abcdefghij","data":"\\\"0123456789abcdef\\","col":"c"},{})",
    R"({"ts":1,"doc":"d","data":"x","col":"c"},)",
};

void writeInsert(const std::string& payload)
{
    std::string quoted;
    appendJsonString(quoted, payload);
    const std::string begin = "{\"id\":\"a\",\"type\":\"ins\",\"data\":";
    write("insert", withFirst(2, payload));
    write("insert", withFirst(1, begin + payload + "}"));
    write("insert", withFirst(1, begin + quoted + " } "));
    write("insert", withFirst(0, quoted.substr(1, quoted.size() - 2)));
}

void requests()
{
    for (const char* const record : kOddRecords)
        writeInsert("[" + std::string(record) + "]");
    writeInsert(R"([{"ts":1,"doc":")" + std::string(1025, 'n') + R"(","data":"x","col":"c"}])");
    for (const auto& [type, payload] : kPayloads) {
        const CommandSpec& command = commandSpec(type);
        write("payload", withFirst(static_cast<unsigned>(type), payload));
        for (const bool inlined : {false, true}) {
            std::string message = "{\"id\":\"a-1\",\"type\":\"" + std::string(command.token) + "\"";
            message += ",\"data\":";
            if (inlined)
                message += payload.empty() ? "null" : payload;
            else
                appendJsonString(message, payload);
            write("envelope", message + "}");
        }
        if (type == CommandType::Ins)
            writeInsert(payload);
    }
    write("envelope", R"({"id":7,"type":"auth"})");
    write("envelope", R"({"id":"x","id":"x","type":"nothing","data":[[[1e400,-0.0,true]]]})");
}

std::vector<Fact> facts()
{
    InsertedFact inserted;
    inserted.groups.push_back({"c", {{"d", 1, "one"}, {"d", 2, "two"}, {"e", -5, "x"}}});
    inserted.groups.push_back({"other", {{"d", 9, "y"}}});
    InsertedFact many;
    many.groups.push_back({"m", {}});
    for (int i = 0; i < 70; ++i)
        many.groups[0].records.push_back({"d", (i * 37) % 71, "v"});
    return {inserted,
            many,
            KeySetFact{"c", "k", "value", 1, 0, 0},
            KeySetFact{"c", "k", "", 2, 1'800'000'000'000'000, 3},
            KeyRemovedFact{"c", "k", 3, 4},
            RecordsDeletedFact{{{"c", "d", 1}}},
            RangeDeletedFact{"m", "d", 10, 40},
            DocumentDeletedFact{"d", {"other"}},
            ApiKeySetFact{1, KeyHash{'h'}, Scope::ReadWrite, "abcd"},
            ApiKeySetFact{1, KeyHash{'h'}, Scope::ReadOnly, ""},
            ApiKeyRemovedFact{1},
            CollectionDroppedFact{"c"}};
}

std::string batch(const std::vector<Fact>& all, uint64_t& seq)
{
    BatchBuilder builder;
    for (const Fact& fact : all) {
        std::string payload;
        encodeFact(fact, payload);
        builder.add(
            {static_cast<uint16_t>(typeOf(fact)), 0, 0, 0, static_cast<int64_t>(seq), payload});
    }
    std::string bytes(builder.finish(0x0102030405060708, seq, 1, seq));
    seq += all.size();
    return bytes;
}

void logs()
{
    uint64_t seq = 1;
    const std::string whole = batch(facts(), seq);
    write("log", withFirst(8, whole));
    std::string single;
    seq = 1;
    for (const Fact& fact : facts()) {
        uint64_t one = 1;
        write("log", withFirst(8, batch({fact}, one)));
        single += batch({fact}, seq);
    }
    write("log", withFirst(8, single));
    write("log", withFirst(2, withFirst(12, whole)));
    write("log", withFirst(4, whole));
    write("log", withFirst(24, withFirst(12, withFirst(0, single))));
    write("log", withFirst(24, withFirst(12, withFirst(1, single))));
    SegmentHeader header{0x0102030405060708, {'f', 'u', 'z', 'z'}, 1, 0, 0};
    header.segmentBytes = kSegmentHeaderBytes + whole.size() + 64;
    write("log", withFirst(1, encodeSegmentHeader(header) + whole + std::string(64, '\0')));
}

// Frames as the target takes them, of a checkpoint as it was written.
std::string taken(std::string_view file)
{
    std::string out(1, '\0');
    ByteWriter to(out);
    ByteReader in(file);
    uint8_t views = 0;
    while (!in.atEnd()) {
        const uint32_t kind = in.u32();
        const uint32_t length = in.u32();
        in.u32();
        const std::string_view payload = in.raw(length);
        if (kind != 2 && kind != 3)
            continue; // the target has its own header and end
        to.u8(kind == 2 ? ++views : 4);
        to.u16(kind == 2 ? 0 : static_cast<uint16_t>(length));
        if (kind == 3)
            to.raw(payload);
    }
    return out;
}

void checkpoints()
{
    const CheckpointInfo info{{'f', 'u', 'z', 'z'}, 9, 1'700'000'000'000'000};
    const std::vector<Fact> all = facts();
    for (size_t count = 0; count <= all.size(); ++count) {
        Store store;
        for (size_t i = 0; i < count; ++i)
            if (!store.apply(0, i + 1, 1, all[i]))
                std::abort();
        for (const bool merged : {false, true}) {
            if (merged) {
                store.startSweep();
                while (store.maintain(1)) {
                }
                store.startSweep();
                while (store.maintain(1)) {
                }
            }
            const auto disk = SimDisk::create();
            const auto directory = disk->directory();
            if (!writeCheckpoint(*directory, info, store.openCut()))
                std::abort();
            const std::string file = *disk->contents(checkpointName(info));
            write("checkpoint", taken(file));
            if (count == 3)
                write("checkpoint", withFirst(1, file));
        }
    }
    // Documents that the target builds: two sorted chunks, one that came late, an open one.
    const std::string built = "\0\1\x40\2\x46\5\x47\x20\1\x44\x10\x30\x31"
                              "\x21\1\4\1\1\5\7"s;
    write("checkpoint", "\0\1\0\0\5"s + static_cast<char>(built.size()) + '\0' + built);
}

// One frame of zstd of no blocks that says that it holds a gibibyte.
std::string forgedChunk()
{
    std::string bytes;
    ByteWriter out(bytes);
    out.u8(static_cast<uint8_t>(ChunkCodec::Zstd));
    out.varint(500'000'000);
    out.i64(0);
    out.i64(1);
    out.varint(1);
    out.text("\x28\xb5\x2f\xfd\xa0\xff\xff\xff\x3f\1\0\0"s);
    return bytes;
}

void chunks()
{
    write("chunk", withFirst(1, forgedChunk()));
    for (const ChunkCodec codec : {ChunkCodec::Raw, ChunkCodec::Zstd}) {
        for (const int count : {1, 3, 40}) {
            ChunkBuilder builder;
            for (int i = 0; i < count; ++i)
                builder.add(i * i - 5, i % 3 == 0 ? "" : "{\"t\":" + std::to_string(i) + "}");
            std::string bytes;
            ByteWriter out(bytes);
            builder.finish(codec, 77)->save(out);
            write("chunk", withFirst(1, bytes));
        }
    }
    // The columns of three records: differences' differences, lengths, data.
    std::string columns(1, 3);
    ByteWriter out(columns);
    out.i64(10);
    out.i64(13);
    for (const int64_t n : {1, 1})
        out.svarint(n);
    for (const uint64_t n : {1u, 0u, 2u})
        out.varint(n);
    out.raw("abc");
    write("chunk", withFirst(2, columns));
    write("chunk", "\0\1\0aaaaaaaa\x21\5x\x29\3yz\x44\1\2\3\4qq\x08\x20\x10\7"s);
}

std::string frame(unsigned first, const std::string& payload)
{
    std::string out(1, static_cast<char>(first));
    out += static_cast<char>(0x80 | payload.size());
    return out + std::string(4, '\0') + payload;
}

void frames()
{
    write("frames", withFirst(0, frame(0x81, "text") + frame(0x82, std::string(60, 'b'))));
    write("frames", withFirst(0, frame(0x01, "\xc3") + frame(0x89, "p") + frame(0x80, "\xa9")));
    write("frames", withFirst(2, frame(0x88, "\x03\xe8"
                                             "bye")));
    write("frames", withFirst(4, frame(0x88, "") + frame(0x81, "after")));
    write("frames", withFirst(4, frame(0x8a, "pong") + frame(0x81, "\xff")));
    write("frames",
          withFirst(4, std::string("\x82\xfe\x00\x7e\0\0\0\0", 8) + std::string(126, 'x')));
    write("frames", withFirst(4, std::string("\x82\xff\0\0\0\0\0\0\1\x2d\0\0\0\0", 14)));
    write("frames", withFirst(1, "ab\x43\5hello\x02\3\xff\0z\x49\x20"s + std::string(32, 'w')));
}

void heads()
{
    const std::string end = "\r\nHost: x\r\n\r\n";
    write("http", withFirst(3, "GET / HTTP/1.1" + end));
    write("http", withFirst(9, "GET /?api-key=a%20b&name=n HTTP/1.1\r\nUpgrade: websocket\r\n"
                               "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: "
                               "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13" +
                                   end));
    write("http", withFirst(1, "POST /h HTTP/1.1\r\nContent-Length: 3" + end + "abc"));
    write("http",
          withFirst(1, "POST /h HTTP/1.1\r\nTransfer-Encoding: chunked" + end + "0\r\n\r\n"));
    write("http", withFirst(1, "GET /h HTTP/1.0\r\nA: b\r\n c" + end));
}

void patterns()
{
    for (const char* pattern :
         {"literal", "/var/log/x", "/^device-\\d+$/i", "/a\\/b/ims", "/(a|b)*c{2,5}/", "/[^\\pL]/",
          "/(?=x)/", "/\\1(/", "/.{30}/s", "/\\bword\\b/m", "/((a?){9}){9}/"})
        write("pattern", std::string(pattern) + std::string(1, '\0') + "device-17 a/b aabcc word");
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: seeds FOLDER\n");
        return 2;
    }
    g_folder = argv[1];
    requests();
    logs();
    checkpoints();
    chunks();
    frames();
    heads();
    patterns();
    for (const auto& [target, count] : g_counts)
        std::printf("%s: %d\n", target.c_str(), count);
    return 0;
}
