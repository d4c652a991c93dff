#include "base/result.h"

namespace fluxion {

std::string_view token(Code code)
{
    switch (code) {
#define FLUXION_TOKEN(name, token, meaning)                                                        \
    case Code::name:                                                                               \
        return token;
        FLUXION_CODES(FLUXION_TOKEN)
#undef FLUXION_TOKEN
    }
    return "internal";
}

} // namespace fluxion
