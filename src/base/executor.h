#pragma once

// A thread that others can give work to.

#include <functional>

namespace fluxion {

class Executor {
  public:
    virtual ~Executor() = default;
    // Any thread. Runs on the executor's own, in order, unless that has ended.
    virtual void post(std::function<void()> task) = 0;
};

} // namespace fluxion
