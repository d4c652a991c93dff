#include "base/hash.h"

#include "base/random.h"

namespace fluxion {

uint64_t tableSeed()
{
    static const uint64_t seed = randomU64();
    return seed;
}

} // namespace fluxion
