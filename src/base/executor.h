#pragma once

// A thread that others can give work to.

#include <cstdint>
#include <functional>
#include <utility>

namespace fluxion {

class Executor {
  public:
    virtual ~Executor() = default;
    // Any thread. Runs on the executor's own, in order, unless that has ended.
    virtual void post(std::function<void()> task) = 0;
};

// One that serves many: each owner's tasks run in order, and owners take turns.
class FairExecutor : public Executor {
  public:
    // Any thread.
    virtual void postFor(uint64_t owner, std::function<void()> task) = 0;
    void post(std::function<void()> task) override { postFor(0, std::move(task)); }
};

} // namespace fluxion
