// Whose work the reading thread does next.

#include <doctest/doctest.h>

#include <future>
#include <string>

#include "live/read_thread.h"

using namespace fluxion;

TEST_CASE("owners take turns, each with its jobs in order; nothing is done after the end")
{
    std::string done;
    std::promise<void> begin;
    std::promise<void> last;
    ReadThread reader;
    reader.post([&] { begin.get_future().wait(); });
    for (const char* job : {"1a", "1b", "1c", "1d", "2a", "3a", "3b"})
        reader.postFor(static_cast<uint64_t>(job[0]), [&done, job] { done += job; });
    reader.postFor('1', [&] { last.set_value(); });
    begin.set_value();
    last.get_future().wait();
    reader.stop();
    CHECK(done == "1a2a3a1b3b1c1d");

    const auto held = std::make_shared<int>();
    reader.post([held] { FAIL("it has ended"); });
    CHECK(held.use_count() == 1);
}
