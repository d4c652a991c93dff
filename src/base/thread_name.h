#pragma once

// Names for those who watch the process.

#include <string>

#include <pthread.h>

namespace fluxion {

// What `top -H` and debuggers show of this thread; at most 15 bytes.
inline void nameThread(const std::string& name)
{
    constexpr size_t kMaxBytes = 15;
    (void)::pthread_setname_np(::pthread_self(), name.substr(0, kMaxBytes).c_str());
}

} // namespace fluxion
