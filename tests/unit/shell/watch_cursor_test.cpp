#include <doctest/doctest.h>

#include "shell/reply_text.h"
#include "shell/watch_cursor.h"

using namespace fluxion;
using namespace fluxion::shell;

namespace {

// The events handed out, by seq.i, and what else the frame meant.
std::string taken(WatchCursor& cursor, std::string_view json)
{
    JsonReader reader;
    const auto parsed = reader.parse(json);
    REQUIRE(parsed);
    const auto frame = cursor.take(parsed.value());
    if (!frame)
        return "! " + frame.error().text;
    std::string out;
    for (const JsonValue event : frame.value().events)
        out.append(memberText(event, "seq")).append(".").append(memberText(event, "i")).append(" ");
    if (frame.value().snapshotEnds)
        out += "snapshot ";
    if (frame.value().end)
        out += frame.value().end->code + " " + frame.value().end->oldest;
    return out;
}

std::string eventText(std::string_view json, Form form)
{
    JsonReader reader;
    const auto parsed = reader.parse(json);
    REQUIRE(parsed);
    std::string out;
    appendEvent(out, parsed.value(), {form, false});
    return out;
}

} // namespace

TEST_CASE("a subscription's place: frames, bookmarks, a seq over several frames")
{
    WatchCursor cursor;
    CHECK(cursor.resumePosition().empty());
    cursor.begin("L", 5, false);
    CHECK(cursor.resumePosition() == "L:5");
    CHECK(taken(cursor, R"({"seq":7,"events":[{"seq":6,"i":0},{"seq":7,"i":0}]})") == "6.0 7.0 ");
    CHECK(cursor.resumePosition() == "L:7");
    CHECK(taken(cursor, R"({"seq":9,"events":[]})").empty());
    CHECK(cursor.resumePosition() == "L:9");
    CHECK(taken(cursor, R"({"seq":9,"more":true,"events":[{"seq":10,"i":0},{"seq":10,"i":1}]})") ==
          "10.0 10.1 ");
    CHECK(cursor.resumePosition() == "L:9");

    // The connection is lost in the midst of seq 10, which comes again.
    cursor.begin("L", 9, false);
    CHECK(taken(cursor, R"({"seq":10,"events":[{"seq":10,"i":0},{"seq":10,"i":1},)"
                        R"({"seq":10,"i":2}]})") == "10.2 ");
    CHECK(cursor.resumePosition() == "L:10");
}

TEST_CASE("a subscription's place: snapshots")
{
    WatchCursor cursor;
    cursor.begin("L", 0, true);
    const char* piece = R"({"seq":0,"snapshot":true,"more":true,"events":[{"seq":4,"i":0},)"
                        R"({"seq":2,"i":0},{"seq":0,"i":0},{"seq":0,"i":0}]})";
    CHECK(taken(cursor, piece) == "4.0 2.0 0.0 0.0 ");
    CHECK(cursor.inSnapshot());
    CHECK(cursor.resumePosition().empty());
    cursor.begin("L", 0, true);
    CHECK(taken(cursor, piece) == "4.0 2.0 0.0 0.0 ");
    CHECK(taken(cursor, R"({"seq":6,"snapshot":true,"events":[]})") == "snapshot ");
    CHECK_FALSE(cursor.inSnapshot());
    CHECK(cursor.resumePosition() == "L:6");
    CHECK(taken(cursor, R"({"seq":7,"events":[{"seq":7,"i":0}]})") == "7.0 ");
}

TEST_CASE("a subscription's place: its end, another history, frames that are none")
{
    WatchCursor cursor;
    cursor.begin("L", 5, false);
    CHECK(taken(cursor, R"({"seq":6,"events":[{"seq":6,"i":0}]})") == "6.0 ");
    CHECK(taken(cursor, R"({"seq":8,"events":[],"code":"evicted","error":"slow"})") == "evicted ");
    CHECK(cursor.resumePosition() == "L:8");
    CHECK(taken(cursor, R"({"seq":8,"events":[],"code":"compacted","error":"x","oldest":"L:9"})") ==
          "compacted L:9");
    cursor.begin("M", 1, false);
    CHECK(taken(cursor, R"({"seq":2,"events":[{"seq":2,"i":0}]})") == "2.0 ");
    CHECK(cursor.resumePosition() == "M:2");
    cursor.begin("M", 1, true);
    CHECK(taken(cursor, R"({"seq":0,"events":[],"code":"evicted","error":"slow"})") == "evicted ");
    CHECK(cursor.resumePosition().empty());
    for (const char* frame : {"{}", R"({"seq":-1,"events":[]})", R"({"seq":1})",
                              R"({"seq":1,"events":{}})", R"({"seq":"x","events":[]})"})
        CHECK(taken(cursor, frame).starts_with("! "));
}

TEST_CASE("events as text")
{
    const struct {
        const char* event;
        const char* human;
        const char* plain;
    } cases[] = {
        {R"({"seq":7,"i":0,"op":"set","col":"c","key":"k","ver":3,"value":"\"v\""})",
         "7  set  c/k  (version 3)  \"v\"\n", "7\tset\tc\tk\t3\t\"v\"\n"},
        {R"({"seq":7,"i":0,"op":"set","col":"c","key":"k","ver":3,"value":"2","previous":"1"})",
         "7  set  c/k  (version 3)  2  (was 1)\n", "7\tset\tc\tk\t3\t2\t1\n"},
        {R"({"seq":8,"i":0,"op":"removed","col":"c","key":"k","ver":4,"previous":"2"})",
         "8  removed  c/k  (version 4)  (was 2)\n", "8\tremoved\tc\tk\t4\t\t2\n"},
        {R"({"seq":7,"i":0,"op":"set","col":"c","key":"k","ver":3,"value":"1","entered":true})",
         "7  entered  c/k  (version 3)  1\n", "7\tentered\tc\tk\t3\t1\n"},
        {R"({"seq":7,"i":0,"op":"set","col":"c","key":"k","ver":3,"left":true})",
         "7  left  c/k  (version 3)\n", "7\tleft\tc\tk\t3\t\n"},
        {R"({"seq":8,"i":0,"op":"removed","col":"c","key":"k","ver":4})",
         "8  removed  c/k  (version 4)\n", "8\tremoved\tc\tk\t4\t\n"},
        {R"({"seq":8,"i":0,"op":"dropped","col":"c"})", "8  dropped  c\n", "8\tdropped\tc\n"},
        {R"({"seq":9,"i":0,"op":"inserted","col":"c","doc":"d","ts":-1,"data":"x\n"})",
         "9  inserted  c/d  -1  x\\x0a\n", "9\tinserted\tc\td\t-1\tx\n\n"},
        {R"({"seq":9,"i":0,"op":"deleted","col":"c","doc":"d","from":1,"to":5})",
         "9  deleted  c/d  1 to 5\n", "9\tdeleted\tc\td\t1\t5\n"},
        {R"({"seq":9,"i":0,"op":"deleted","col":"c","doc":"d"})", "9  deleted  c/d\n",
         "9\tdeleted\tc\td\t\t\n"},
    };
    for (const auto& [event, human, plain] : cases) {
        CAPTURE(event);
        CHECK(eventText(event, Form::Human) == human);
        CHECK(eventText(event, Form::Plain) == plain);
    }
}
