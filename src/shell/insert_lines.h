#pragma once

// Records of standard input to `ins` requests.

#include "shell/execute.h"

namespace fluxion::shell {

// What one request holds at most: records, and bytes of them unless it is one alone. Well below
// what a server takes in one message by default (16 MiB).
constexpr size_t kMaxBatchRecords = 1000;
constexpr size_t kMaxBatchBytes = size_t(1) << 20U;
// One line of input.
constexpr size_t kMaxLineBytes = size_t(64) << 20U;

// Inserts the records of standard input, batch after batch, and prints how many there were. Stops
// at the first line or batch that is refused; what was inserted before stays, and it says how much.
Outcome insertLines(Connection& connection, const Invocation& invocation, const Style& style);

} // namespace fluxion::shell
