// Whole collections: cols, dcol.

#include "api/handlers.h"

namespace fluxion {

void handleCols(const Call& call)
{
    std::string out;
    ReplyWriter writer(out, call.id);
    writer.raw("collections") += '[';
    const char* separator = "";
    for (const std::string& name : call.service.engine.store().collections(call.principal.tenant)) {
        out += separator;
        appendJsonString(out, name);
        separator = ",";
    }
    out += ']';
    writer.end();
    call.reply(std::move(out));
}

void handleDcol(const Call& call)
{
    auto request = decodeCollectionRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    call.propose(DropCollectionProposal{std::string(request.value().col)});
}

} // namespace fluxion
