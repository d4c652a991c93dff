// States held for readers: cut.

#include "api/handlers.h"
#include "api/session.h"

namespace fluxion {

namespace {

std::string cutReply(const Service& service, const std::optional<std::string>& id,
                     std::string_view name, const Cut& cut, uint32_t tenant)
{
    std::string out;
    ReplyWriter writer(out, id);
    writer.text("cut", name).text("log", service.engine.history()).unsignedInteger("seq", cut.seq);
    writer.raw("collections") += '[';
    for (const Cut::Part& part : cut.collections) {
        // What has tombstones only is not there.
        if (part.collection->tenant() != tenant ||
            (part.series.documentCount == 0 && part.values.liveCount == 0))
            continue;
        if (out.back() != '[')
            out += ',';
        appendJsonString(out, part.collection->name());
    }
    out += ']';
    writer.end();
    return out;
}

std::string openCut(const Service& service, const std::optional<std::string>& id,
                    const Principal& principal)
{
    const uint32_t tenant = principal.tenant;
    const SharedCut cut = service.live.cuts.open(service.live.source.appliedSeq());
    if (!cut)
        return errorReply(id, {Code::Internal, "the server is stopping"});
    const auto name = service.live.held.add(tenant, principal.keyId, cut, service.clock.steadyUs());
    if (!name)
        return errorReply(id, name.error());
    return cutReply(service, id, name.value(), *cut, tenant);
}

} // namespace

// Not on an I/O thread: opening waits for the commit thread, and freeing takes its time.
void handleCut(const Call& call)
{
    auto request = decodeCut(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    std::optional<std::string> id = call.ownedId();
    call.session.replyLater(call, [&service = call.service, principal = call.principal,
                                   id = std::move(id), name = std::string(request.value().cut),
                                   end = request.value().end] {
        if (name.empty())
            return openCut(service, id, principal);
        const uint32_t tenant = principal.tenant;
        const SharedCut cut = end ? service.live.held.remove(tenant, name)
                                  : service.live.held.find(tenant, name, service.clock.steadyUs());
        if (!cut)
            return errorReply(id, {Code::NotFound, "there is no such cut"});
        return cutReply(service, id, name, *cut, tenant);
    });
}

} // namespace fluxion
