#include "base/clock.h"

#include <chrono>

namespace fluxion {

namespace {

class SystemClock : public Clock {
  public:
    int64_t wallUs() override { return since(std::chrono::system_clock::now()); }
    int64_t steadyUs() override { return since(std::chrono::steady_clock::now()); }

  private:
    template <class Point> static int64_t since(Point point)
    {
        return std::chrono::duration_cast<std::chrono::microseconds>(point.time_since_epoch())
            .count();
    }
};

} // namespace

Clock& systemClock()
{
    static SystemClock clock;
    return clock;
}

} // namespace fluxion
