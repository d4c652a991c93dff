#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "protocol/envelope.h"
#include "protocol/insert_reader.h"
#include "support/changed_text.h"

using namespace fluxion;

namespace {

constexpr size_t kMaxNameBytes = 40;

struct Seen {
    std::string id;
    std::vector<std::string> records; // one text each
    bool operator==(const Seen&) const = default;
};

std::string textOf(const InsertRecord& r)
{
    return std::string(r.col) + "|" + std::string(r.doc) + "|" + std::to_string(r.ts) + "|" +
           std::string(r.data);
}

Seen seen(std::string_view id, const InsertRequest& request)
{
    Seen s{std::string(id), {}};
    for (const InsertRecord& r : request.records)
        s.records.push_back(textOf(r));
    return s;
}

// White space makes it long enough to be worth a pass.
std::string lengthened(const std::string& message)
{
    return message + std::string(256, ' ');
}

std::optional<Seen> onePass(InsertReader& reader, const std::string& message)
{
    const InsertMessage* const read = reader.read(lengthened(message));
    if (!read)
        return std::nullopt;
    return seen(read->id, read->request);
}

// The general way: one JSON text and then the other.
std::optional<Seen> general(const std::string& message)
{
    JsonReader outer;
    JsonReader inner;
    const auto envelope = outer.parse(message);
    if (!envelope || !envelope.value().isObject())
        return std::nullopt;
    const auto id = envelope.value().findUnique("id");
    const auto type = envelope.value().findUnique("type");
    const auto data = envelope.value().findUnique("data");
    if (!id || !type || !data || !id.value().isString() || id.value().text().empty() ||
        !type.value().isString() || type.value().text() != "ins")
        return std::nullopt;
    JsonValue payload = data.value();
    if (payload.isString()) {
        const auto parsed = inner.parse(payload.text());
        if (!parsed)
            return std::nullopt;
        payload = parsed.value();
    }
    if (!payload.isArray())
        return std::nullopt;
    RequestLimits limits;
    limits.maxNameBytes = kMaxNameBytes;
    const auto request = decodeInsert(payload, limits);
    if (!request)
        return std::nullopt;
    return seen(id.value().text(), request.value());
}

const std::string kInline =
    R"({"id":"7","type":"ins","data":[{"ts":1,"doc":"d","data":"{\"a\":1}","col":"c"}]})";
const std::string kText = R"({"id":"7","type":"ins","data":"[{\"ts\":-12,\"doc\":\"d\",)"
                          R"(\"data\":\"{\\\"a\\\":\\\"x\\\\\\\\y\\\"}\",\"col\":\"c\"}]"})";

} // namespace

TEST_CASE("insert reader: plain forms are read, and as the general way reads them")
{
    const std::string cases[] = {
        kInline,
        kText,
        R"({"id":"a","type":"ins","data":[]})",
        R"({"id":"a","type":"ins","data":"[]"})",
        R"({ "type" : "ins" , "data" : [ ] , "id" : "b" } )",
        "\n{\t\"id\":\"a\",\r\n\"type\":\"ins\",\"data\":\n[\n]}\n",
        R"({"id":"a","type":"ins","data":" [ ] "})",
        R"({"id":"\"\\\/\b\f\n\r\t","type":"ins","data":[]})",
        R"({"id":"a","type":"ins","data":[{"col":"c","data":"\n\t\\","doc":"/x/","ts":0}]})",
        R"({"id":"a","type":"ins","data":[{"ts":-0,"doc":"d","data":"x","col":"c"},)"
        R"({"ts":999999999999999999,"doc":"d","data":"x","col":"c"}]})",
        R"({"id":"a","type":"ins","data":"[{\"ts\":5 , \"doc\":\"é€𝄞\",\"data\":\"é\",)"
        R"(\"col\":\"a b\"}, {\"ts\":6,\"doc\":\"d\",\"data\":\"\\n\\t\\\\\",\"col\":\"c\"}]"})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":"d","data":")" + std::string(5000, 'x') +
            R"(","col":"c"}]})",
    };
    InsertReader reader(kMaxNameBytes);
    for (const std::string& message : cases) {
        CAPTURE(message);
        const auto one = onePass(reader, message);
        REQUIRE(one);
        CHECK(one == general(message));
    }
    reader.trim();
    CHECK(onePass(reader, kInline) == general(kInline));
}

TEST_CASE("insert reader: what is not plain is left to the general way")
{
    const std::string cases[] = {
        "",
        "{}",
        R"({"id":"a","type":"cols"})",
        R"({"id":"","type":"ins","data":[]})",
        R"({"id":7,"type":"ins","data":[]})",
        R"({"id":"a","type":"ins"})",
        R"({"id":"a","type":"ins","data":[]} x)",
        R"({"id":"a","type":"ins","data":[],"data":[]})",
        R"({"id":"a","id":"a","type":"ins","data":[]})",
        R"({"id":"a","type":"ins","data":[],"min_seq":1})",
        R"({"data":[],"id":"a","type":"ins"})",
        R"({"id":"\u0061","type":"ins","data":[]})",
        R"({"id":"a","type":"ins","data":[,]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":"d","data":"x","col":"c"},]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":"d","data":"x"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":"","data":"x","col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":"d","data":"","col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":1.0,"doc":"d","data":"x","col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":01,"doc":"d","data":"x","col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":-,"doc":"d","data":"x","col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":9223372036854775808,"doc":"d","data":"x",)"
        R"("col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"ts":2,"doc":"d","data":"x","col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":"d","data":"x","col":"c","more":1}]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":null,"data":"x","col":"c"}]})",
        R"({"id":"a","type":"ins","data":[{"ts":1,"doc":")" + std::string(kMaxNameBytes + 1, 'd') +
            R"(","data":"x","col":"c"}]})",
        "{\"id\":\"a\",\"type\":\"ins\",\"data\":[{\"ts\":1,\"doc\":\"\xff\",\"data\":\"x\","
        "\"col\":\"c\"}]}",
        "{\"id\":\"a\",\"type\":\"ins\",\"data\":[{\"ts\":1,\"doc\":\"\n\",\"data\":\"x\","
        "\"col\":\"c\"}]}",
        kInline.substr(0, kInline.size() - 1),
        kText.substr(0, kText.size() - 2),
    };
    InsertReader reader(kMaxNameBytes);
    for (const std::string& message : cases) {
        CAPTURE(message);
        CHECK_FALSE(onePass(reader, message));
    }
}

// Where it accepts, both agree; and it accepts what it should often enough for that to mean much.
TEST_CASE("insert reader: messages changed at random")
{
    std::mt19937_64 random(20261121);
    InsertReader reader(kMaxNameBytes);
    int accepted = 0;
    for (int round = 0; round < 60000; ++round) {
        const std::string message = changedAtRandom(round % 2 == 0 ? kInline : kText, random);
        const auto one = onePass(reader, message);
        if (!one)
            continue;
        ++accepted;
        CAPTURE(message);
        REQUIRE(one == general(message));
    }
    CHECK(accepted > 15000);
}

TEST_CASE("insert reader: the request reader takes this way, with the id of the message")
{
    RequestReader reader;
    for (const std::string& message : {kInline, kText}) {
        const Envelope envelope = reader.readEnvelope(lengthened(message));
        REQUIRE(envelope.status);
        REQUIRE(envelope.insert);
        CHECK(envelope.id == "7");
        CHECK(envelope.command->type == CommandType::Ins);
        const auto payload = reader.readPayload(envelope);
        REQUIRE(payload);
        CHECK(payload.value().insert->records.size() == 1);
    }
}
