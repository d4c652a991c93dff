#pragma once

namespace fluxion {

constexpr const char* kVersion = "0.1.0";

} // namespace fluxion
