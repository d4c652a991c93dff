// What a client's filters cost is its own affair: others do not wait for them for long.

#include <doctest/doctest.h>

#include <deque>

#include "unit/live/live_fixture.h"
#include "unit/live/live_wishes.h"

using namespace fluxion;

namespace {

// Every look at it takes a while: filters on values, behind which it is looked at, cost time.
class BusyClock final : public Clock {
  public:
    int64_t wallUs() override { return 1'700'000'000'000'000; }
    int64_t steadyUs() override { return m_us += 100; }

  private:
    int64_t m_us = 0;
};

constexpr uint64_t kWrites = 30;
constexpr uint64_t kSteps = 30; // of the hub's thread; each is a slice, and a turn of its sockets

} // namespace

TEST_CASE("a client whose filters take long goes on from the log, and nobody waits for it")
{
    LiveLimits limits;
    limits.sliceUs = 500;
    limits.filterUs = 2000;
    limits.maxCatchUps = 2;
    LiveFixture f(limits);
    BusyClock clock;
    LiveShared shared(f.engine(), clock, limits, f.reads);
    Hub hub(shared, f.tasks);
    TestClient other;
    std::deque<TestClient> dear;
    for (int i = 0; i < 30; ++i) {
        TestClient& client = dear.emplace_back();
        client.connection = 1;
        client.wanted.has = "red" + std::to_string(i);
        client.subscribe(hub);
        if (i == 15) // in the midst of them
            other.subscribe(hub);
    }
    TestClient cheap; // of the dear ones' connection, without such a filter
    cheap.connection = 1;
    cheap.subscribe(hub);
    const std::string value(50'000, 'v');
    for (uint64_t i = 0; i < kWrites; ++i)
        f.write(set("c", "k", value + "red" + std::to_string(i % 10)));
    for (uint64_t i = 0; i < kSteps; ++i)
        f.tasks.step();
    CHECK(other.changes.size() == kWrites);
    CHECK(cheap.changes.size() == kWrites);

    f.settle();
    for (int i = 0; i < 3; ++i) {
        hub.tick();
        f.settle();
    }
    f.write(set("c", "k", value + "red5"));
    f.settle();
    size_t told = 0;
    for (TestClient& client : dear) {
        CHECK_FALSE(client.ended); // it costs time, and is not evicted for that
        client.check(f.log);
        told += client.changes.size();
    }
    CHECK(told > 2 * kWrites);
    CHECK(other.changes.size() == kWrites + 1);
    CHECK(shared.fellBehind == 0);
    f.reads.clear();
    f.tasks.clear();
}
