#pragma once

// A subscriber's side: takes frames, watches that they keep the rules, and tells whether what came
// is what the naive log says. And executors that a test runs step by step.

#include <doctest/doctest.h>

#include <cstdlib>
#include <deque>

#include "live/hub.h"
#include "unit/live/naive_events.h"

namespace fluxion {

// One thread.
class StepExecutor : public FairExecutor {
  public:
    void postFor(uint64_t, std::function<void()> task) override
    {
        m_tasks.push_back(std::move(task));
    }
    size_t size() const { return m_tasks.size(); }
    void clear() { m_tasks.clear(); }
    bool step()
    {
        if (m_tasks.empty())
            return false;
        const std::function<void()> task = std::move(m_tasks.front());
        m_tasks.pop_front();
        task();
        return true;
    }

  private:
    std::deque<std::function<void()>> m_tasks;
};

// One subscription at a time. The hub's thread.
struct TestClient : EventSink {
    struct Got {
        uint64_t seq = 0;
        uint64_t index = 0;
        std::string text;
    };
    struct Frame {
        uint64_t seq = 0;
        bool more = false;
        size_t events = 0;
        size_t before = 0; // events of changes that had come with its seq or one below
    };

    uint64_t id = 0;         // of its subscription
    uint64_t connection = 0; // 0: one of its own
    Wanted wanted;
    uint64_t start = 0; // it hears what comes after; of a snapshot 0 until its end
    bool snapshot = false;
    size_t room = SIZE_MAX;      // frames that it takes before it is full
    int64_t stalled = INT64_MAX; // for how long it has been, when it is full

    std::vector<std::string> state; // the snapshot's
    std::optional<uint64_t> stateSeq;
    std::vector<Got> changes;
    std::vector<Frame> frames; // but those of a snapshot
    std::optional<EventEnd> ended;
    bool finished = false;
    std::string fault; // the first rule that was broken

    void subscribe(Hub& hub, SubscribeFrom from = {})
    {
        const auto subscribed = hub.subscribe(wanted.filter(), from, *this);
        REQUIRE(subscribed.ok());
        id = subscribed.value().id;
        start = subscribed.value().seq;
        snapshot = from.snapshot;
        if (from.snapshot)
            expect(start == 0, "a snapshot begins after 0");
        else if (from.seq)
            expect(start == *from.seq, "it begins where it was asked to");
    }
    // Up to here it has heard all.
    uint64_t through() const { return frames.empty() ? start : frames.back().seq; }
    uint64_t resumeSeq() const { return ended ? ended->seq : through(); }

    bool takesEvents() override { return room > 0; }
    uint64_t client() const override
    {
        return connection != 0 ? connection : reinterpret_cast<uintptr_t>(this);
    }
    int64_t stalledUs() override { return room > 0 ? 0 : stalled; }
    void send(uint64_t subscription, const EventFrame& frame) override
    {
        expect(subscription == id || id == 0, "a frame of another subscription");
        expect(room > 0, "a frame that was not wanted");
        expect(!ended && !finished, "a frame after the end");
        finished = frame.last;
        if (room != SIZE_MAX && room > 0)
            --room;
        if (frame.snapshot)
            return sendState(frame);
        expect(!snapshot || stateSeq, "changes before the snapshot's end");
        expect(frame.seq >= through(), "a frame's seq falls");
        for (const SharedEvent& event : frame.events) {
            Got got = parse(event->text());
            if (!changes.empty())
                expect(std::pair(got.seq, got.index) >
                           std::pair(changes.back().seq, changes.back().index),
                       "events do not rise");
            expect(got.seq > start, "an event from before the start");
            changes.push_back(std::move(got));
        }
        if (frame.more)
            expect(!frame.events.empty() && changes.back().seq == frame.seq + 1,
                   "`more`, but not of the seq after the frame's");
        else if (!frame.events.empty())
            expect(changes.back().seq <= frame.seq, "an event beyond the frame's seq");
        if (!frames.empty() && frames.back().more && !frame.events.empty())
            expect(changes[changes.size() - frame.events.size()].seq == frames.back().seq + 1,
                   "after `more` came another seq");
        frames.push_back({frame.seq, frame.more, frame.events.size(), countThrough(frame.seq)});
    }
    void end(uint64_t subscription, const EventEnd& last) override
    {
        expect(subscription == id || id == 0, "the end of another subscription");
        expect(!ended, "a second end");
        expect(last.seq >= (snapshot && !stateSeq ? 0 : through()), "the end falls behind");
        ended = last;
    }

    // What came is what the log says up to `through` (or to where it says it is), each event once.
    // Of what comes behind, not more than the log says.
    void check(const NaiveLog& log, std::optional<uint64_t> upTo = {}) const
    {
        CHECK(fault == "");
        if (snapshot && !stateSeq) {
            CHECK(changes.empty());
            return;
        }
        const auto expected = log.told(wanted, start, log.through());
        const uint64_t seq = upTo.value_or(resumeSeq());
        size_t wrong = SIZE_MAX;
        for (size_t i = 0; i < std::max(expected.size(), changes.size()) && wrong > i; ++i) {
            const bool must = i < expected.size() && expected[i].seq <= seq;
            if (i < changes.size() ? i >= expected.size() || expected[i].text != changes[i].text
                                   : must)
                wrong = i;
        }
        if (wrong != SIZE_MAX) {
            const std::string said = wrong < changes.size() ? changes[wrong].text : "nothing";
            const std::string meant = wrong < expected.size() ? expected[wrong].text : "nothing";
            const std::string place = "after " + std::to_string(start) + " to " +
                                      std::to_string(seq) + ", event " + std::to_string(wrong);
            FAIL_CHECK(place, ": ", said.substr(0, 300), "\nnot ", meant.substr(0, 300));
            return;
        }
        // Each frame's seq was safe to resume from.
        size_t i = 0;
        for (const Frame& frame : frames) {
            while (i < expected.size() && expected[i].seq <= frame.seq)
                ++i;
            CHECK(frame.before == i);
        }
    }
    // Keys whose time was over by `nowUs` may be missing.
    void checkState(const NaiveLog& log, int64_t nowUs) const
    {
        REQUIRE(stateSeq);
        const NaiveLog::State expected = log.stateAt(wanted, *stateSeq, nowUs);
        std::multiset<std::string> came(state.begin(), state.end());
        for (const std::string& text : expected.there) {
            const auto at = came.find(text);
            const bool found = at != came.end();
            CHECK_MESSAGE(found, "not in the snapshot: ", text.substr(0, 300));
            if (found)
                came.erase(at);
        }
        for (const std::string& text : came)
            CHECK_MESSAGE(expected.over.contains(text), "not the state: ", text.substr(0, 300));
    }

  private:
    void expect(bool holds, const char* rule)
    {
        if (!holds && fault.empty())
            fault = rule;
    }
    static Got parse(const std::string& text)
    {
        Got got;
        char* end = nullptr;
        got.seq = std::strtoull(text.c_str() + std::string_view("{\"seq\":").size(), &end, 10);
        got.index = std::strtoull(end + std::string_view(",\"i\":").size(), &end, 10);
        got.text = text;
        return got;
    }
    size_t countThrough(uint64_t seq) const
    {
        size_t count = changes.size();
        while (count > 0 && changes[count - 1].seq > seq)
            --count;
        return count;
    }
    void sendState(const EventFrame& frame)
    {
        expect(snapshot && !stateSeq, "a frame of a snapshot that is over");
        if (!frame.more) {
            expect(frame.events.empty(), "events at the snapshot's end");
            stateSeq = start = frame.seq;
            return;
        }
        expect(frame.seq == 0 && !frame.events.empty(), "a frame of a snapshot");
        for (const SharedEvent& event : frame.events)
            state.push_back(event->text());
    }
};

} // namespace fluxion
