#include "base/heap.h"

#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace fluxion {

void returnFreeHeap(uint64_t worthBytes)
{
#if defined(__GLIBC__)
    if (mallinfo2().fordblks >= worthBytes)
        malloc_trim(0);
#else
    (void)worthBytes;
#endif
}

} // namespace fluxion
