#include <doctest/doctest.h>

#include "live/event_text.h"

using namespace fluxion;

namespace {

Change keyChange(ChangeOp op)
{
    Change c;
    c.op = op;
    c.seq = 18446744073709551615U;
    c.index = 3;
    c.timeUs = 1'700'000'000'123'999;
    c.collection = "c";
    c.name = "k";
    c.version = 7;
    return c;
}

Change documentChange(ChangeOp op)
{
    Change c;
    c.op = op;
    c.seq = 8;
    c.timeUs = 5000;
    c.collection = "c";
    c.name = "d";
    return c;
}

EventFields only(std::string_view letters) // of "vept"
{
    const auto has = [&](char letter) { return letters.find(letter) != std::string_view::npos; };
    return {has('v'), has('e'), has('p'), has('t')};
}

const std::string kHead = R"({"seq":18446744073709551615,"i":3,"op":)";

} // namespace

TEST_CASE("the text of a key that is set, under each choice of fields")
{
    Change c = keyChange(ChangeOp::Set);
    c.value = "new";
    c.expiryUs = 1'700'000'001'000'999;
    c.before = Before::Present;
    c.previous = "old";
    const std::string head = kHead + R"("set","col":"c","key":"k","ver":7)";
    for (size_t i = 0; i < EventFields::kChoices; ++i) {
        const EventFields fields{(i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0};
        std::string rest;
        rest += fields.value ? R"(,"value":"new")" : "";
        rest += fields.expiry ? R"(,"expires":1700000001000)" : "";
        rest += fields.previous ? R"(,"previous":"old")" : "";
        rest += fields.time ? R"(,"time":1700000000123)" : "";
        CHECK(eventText(c, Verdict::Told, fields) == head + rest + "}");
    }
    CHECK(eventText(c, Verdict::Entered, only("v")) == head + R"(,"entered":true,"value":"new"})");
    CHECK(eventText(c, Verdict::Left, only("vep")) == head + R"(,"left":true,"previous":"old"})");
    CHECK(eventText(c, Verdict::Left, only("t")) == head + R"(,"left":true,"time":1700000000123})");

    c.expiryUs = 0;
    CHECK(eventText(c, Verdict::Told, only("ve")) == head + R"(,"value":"new"})");
    for (const Before before : {Before::Unknown, Before::Absent}) {
        c.before = before;
        CHECK(eventText(c, Verdict::Told, only("p")) == head + "}");
    }
    c.before = Before::Present;
    c.previous = c.value = ""; // there, and empty
    CHECK(eventText(c, Verdict::Told, only("vp")) == head + R"(,"value":"","previous":""})");
}

TEST_CASE("the text of every other change")
{
    struct {
        Change change;
        const char* fields;
        std::string expected;
    } cases[] = {
        {keyChange(ChangeOp::Removed), "ve", kHead + R"("removed","col":"c","key":"k","ver":7})"},
        {keyChange(ChangeOp::Expired), "ve", kHead + R"("expired","col":"c","key":"k","ver":7})"},
        {keyChange(ChangeOp::Removed), "p",
         kHead + R"("removed","col":"c","key":"k","ver":7,"previous":"old"})"},
        {documentChange(ChangeOp::Inserted), "v",
         R"({"seq":8,"i":0,"op":"inserted","col":"c","doc":"d","ts":-5,"data":"{}"})"},
        {documentChange(ChangeOp::Inserted), "ept",
         R"({"seq":8,"i":0,"op":"inserted","col":"c","doc":"d","ts":-5,"time":5})"},
        {documentChange(ChangeOp::Deleted), "v",
         R"({"seq":8,"i":0,"op":"deleted","col":"c","doc":"d","from":-5,"to":9})"},
        {documentChange(ChangeOp::Deleted), "v",
         R"({"seq":8,"i":0,"op":"deleted","col":"c","doc":"d"})"},
        {documentChange(ChangeOp::Dropped), "vept",
         R"({"seq":8,"i":0,"op":"dropped","col":"c","time":5})"},
    };
    cases[2].change.before = Before::Present;
    cases[2].change.previous = "old";
    for (auto& c : cases) {
        if (c.change.op == ChangeOp::Inserted) {
            c.change.from = c.change.to = -5;
            c.change.value = "{}";
        } else if (c.change.op == ChangeOp::Deleted) {
            c.change.from = -5;
            c.change.to = 9;
        }
    }
    cases[6].change.whole = true;
    cases[7].change.name = "";
    for (const auto& c : cases)
        CHECK(eventText(c.change, Verdict::Told, only(c.fields)) == c.expected);
}

TEST_CASE("names and values are escaped as JSON asks for")
{
    Change c = documentChange(ChangeOp::Inserted);
    c.collection = "c\"";
    c.name = "d\\\n";
    c.value = "{\"a\":\"\x01\t\xc3\xa9/\"}";
    CHECK(eventText(c, Verdict::Told, only("v")) ==
          "{\"seq\":8,\"i\":0,\"op\":\"inserted\",\"col\":\"c\\\"\",\"doc\":\"d\\\\\\n\",\"ts\":0,"
          "\"data\":\"{\\\"a\\\":\\\"\\u0001\\t\xc3\xa9/\\\"}\"}");
    c = keyChange(ChangeOp::Set);
    c.name = "\"";
    c.value = "\\";
    c.before = Before::Present;
    c.previous = "\r";
    CHECK(eventText(c, Verdict::Told, only("vp")) ==
          kHead + R"("set","col":"c","key":"\"","ver":7,"value":"\\","previous":"\r"})");
}

TEST_CASE("bytes of texts are counted as long as anyone holds them")
{
    EventBytes bytes{0};
    auto one = std::make_shared<EventText>(std::string(10, 'x'), bytes);
    {
        const SharedEvent two = std::make_shared<EventText>(std::string(5, 'y'), bytes);
        const SharedEvent same = one;
        CHECK(bytes == 15);
        CHECK(two->text() == "yyyyy");
    }
    CHECK(bytes == 10);
    one.reset();
    CHECK(bytes == 0);
}
