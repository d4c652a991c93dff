#pragma once

// One request at its handler: what was asked, by whom, and the ways to answer.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/client_link.h"
#include "api/service.h"
#include "protocol/command_table.h"
#include "protocol/envelope.h"
#include "protocol/reply.h"

namespace fluxion {

class Session;

// What the reply to a write says besides `id` and `seq`.
struct WriteReply {
    enum class Kind { Plain, Version, Versions, KeyAdded, KeyRemoved };
    Kind kind = Kind::Plain;
    Scope scope = Scope::ReadOnly;      // of KeyAdded
    std::vector<std::string> keys = {}; // of Versions, as the writes
};

// Lives for the handler's run; its views as long. Exactly one of the answers, once.
struct Call {
    const Service& service;
    Session& session;
    ClientLink& link;
    uint64_t connectionId;
    Principal principal;
    FrameKind kind;
    std::optional<std::string_view> id;
    JsonValue payload;
    const InsertRequest* insert = nullptr; // the payload of an `ins` that was read in one pass

    // The id for a reply that outlives the call.
    std::optional<std::string> ownedId() const
    {
        return id ? std::optional<std::string>(*id) : std::nullopt;
    }

    void reply(std::string message) const { link.send(kind, std::move(message)); }
    void fail(const Error& error) const { link.send(kind, errorReply(id, error)); }
    void stream(std::unique_ptr<ReplyStream> stream) const { link.stream(kind, std::move(stream)); }
    // Answered when it is durable.
    void propose(Wish wish, WriteReply reply = {}) const;

    std::shared_ptr<const Collection> collection(std::string_view name) const
    {
        return service.engine.store().find(principal.tenant, name);
    }
};

} // namespace fluxion
