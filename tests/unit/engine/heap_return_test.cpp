#include "engine/heap_return.h"

#include <doctest/doctest.h>

using namespace fluxion;

namespace {

constexpr int64_t kSecond = 1000000;
constexpr uint64_t kMiB = 1024 * 1024;

} // namespace

TEST_CASE("heap return: once, when much was written and few writes come")
{
    HeapReturn heap;
    CHECK(!heap.isDue(0, false, kSecond));
    CHECK(!heap.isDue(20 * kMiB, false, 2 * kSecond)); // they come fast
    CHECK(!heap.isDue(20 * kMiB, false, 2 * kSecond + 20000));
    CHECK(heap.isDue(20 * kMiB + 1000, false, 3 * kSecond));
    CHECK(!heap.isDue(20 * kMiB + 2000, false, 4 * kSecond));
    CHECK(!heap.isDue(27 * kMiB, false, 5 * kSecond));
    CHECK(!heap.isDue(27 * kMiB, false, 6 * kSecond)); // not much since
    CHECK(!heap.isDue(29 * kMiB, false, 7 * kSecond));
    CHECK(heap.isDue(29 * kMiB, false, 8 * kSecond));
}

TEST_CASE("heap return: after chunks were compressed, also beside writes")
{
    HeapReturn heap;
    uint64_t written = 0;
    for (int second = 1; second < 5; ++second)
        CHECK(!heap.isDue(written += 4 * kMiB, true, second * kSecond));
    CHECK(heap.isDue(written += 4 * kMiB, false, 5 * kSecond));
    CHECK(!heap.isDue(written += 4 * kMiB, false, 6 * kSecond));
}
