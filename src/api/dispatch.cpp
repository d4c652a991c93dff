#include "api/handlers.h"
#include "api/session.h"

namespace fluxion {

void dispatch(CommandType type, const Call& call)
{
    switch (type) {
#define FLUXION_CASE(name, token, permission, shape, summary)                                      \
    case CommandType::name:                                                                        \
        return handle##name(call);
        FLUXION_COMMANDS(FLUXION_CASE)
#undef FLUXION_CASE
    }
}

void Call::propose(Wish wish, WriteReply reply) const
{
    session.propose(*this, std::move(wish), std::move(reply));
}

} // namespace fluxion
