#pragma once

// Coming back after a lost connection.

#include "shell/connection.h"

namespace fluxion::shell {

// Says why, and tries for as long as the connection's timeout. Not ok: it is over, or Ctrl-C.
Status reconnect(Connection& connection, const Error& why);

// Counts losses that follow each other without any progress: there is a reason for these.
class Losses {
  public:
    // `progress`: a figure that changes with it. False: it is not worth to try again.
    bool again(uint64_t progress)
    {
        m_fruitless = progress == m_progress ? m_fruitless + 1 : 0;
        m_progress = progress;
        return m_fruitless < kMaxFruitless;
    }

  private:
    static constexpr int kMaxFruitless = 5;
    uint64_t m_progress = UINT64_MAX;
    int m_fruitless = 0;
};

} // namespace fluxion::shell
