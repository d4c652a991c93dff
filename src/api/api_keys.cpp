// API keys and connections: keys, conn.

#include "api/handlers.h"
#include "base/random.h"

namespace fluxion {

namespace {

constexpr size_t kHintBytes = 4;      // shown of a key
constexpr size_t kMinHintedKey = 12;  // a shorter key shows nothing
constexpr size_t kShownHashBytes = 4; // as 8 hex digits
constexpr std::string_view kEllipsis = "\u2026";

} // namespace

std::string hintOf(std::string_view key)
{
    if (key.size() < kMinHintedKey)
        return {};
    // Never half a character.
    size_t end = 0;
    for (size_t count = 0; count < kHintBytes && end < key.size(); ++count) {
        ++end;
        while (end < key.size() && (static_cast<unsigned char>(key[end]) & 0xc0) == 0x80)
            ++end;
    }
    return std::string(key.substr(0, end));
}

namespace {

void appendKey(std::string& out, const ApiKeyRecord& key, bool deletable)
{
    out += "{\"key\":";
    appendJsonString(out, key.hint + std::string(kEllipsis) +
                              toHex(std::string_view(key.hash.data(), kShownHashBytes)));
    out += ",\"scope\":";
    appendJsonString(out, token(key.scope));
    out += deletable ? ",\"deletable\":true,\"id\":" : ",\"deletable\":false,\"id\":";
    appendJsonUint(out, key.id);
    out += '}';
}

void listKeys(const Call& call)
{
    std::string out;
    ReplyWriter writer(out, call.id);
    writer.text("status", "ok");
    writer.raw("keys") += '[';
    const Authenticator& authenticator = call.service.authenticator;
    appendKey(out, {0, authenticator.masterHash(), Scope::Master, call.service.masterHint}, false);
    for (const ApiKeyRecord& key : call.service.engine.store().apiKeys().list().keys) {
        out += ',';
        appendKey(out, key, true);
    }
    out += ']';
    writer.end();
    call.reply(std::move(out));
}

} // namespace

void handleKeys(const Call& call)
{
    auto request = decodeKeys(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const KeysRequest& r = request.value();
    if (r.action == KeysAction::List)
        return listKeys(call);
    if (call.service.authenticator.isMasterKey(r.key))
        return call.fail({Code::Forbidden, "the master key cannot be changed or removed"});
    const KeyHash hash = call.service.authenticator.hash(r.key);
    if (r.action == KeysAction::Remove)
        return call.propose(RemoveApiKeyProposal{hash}, {WriteReply::Kind::KeyRemoved, {}});
    if (r.key.find(kEllipsis) != std::string_view::npos)
        return call.fail({Code::BadRequest,
                          "key: must not hold the character \u2026; a listed key is "
                          "not the whole key"});
    call.propose(SetApiKeyProposal{hash, r.scope, hintOf(r.key)},
                 {WriteReply::Kind::KeyAdded, r.scope});
}

void handleConn(const Call& call)
{
    std::string out;
    ReplyWriter writer(out, call.id);
    writer.raw("connections") += '[';
    const int64_t now = call.service.clock.steadyUs();
    const char* separator = "";
    for (const ConnectionInfo& info : call.service.connections.list()) {
        out += separator;
        separator = ",";
        out += "{\"ip\":";
        appendJsonString(out, info.ip);
        out += ",\"since\":";
        appendJsonInt(out, (now - info.sinceUs) / 1000);
        out += ",\"name\":";
        if (info.name)
            appendJsonString(out, *info.name);
        else
            out += "null";
        out += info.id == call.connectionId ? ",\"self\":true}" : ",\"self\":false}";
    }
    out += ']';
    writer.end();
    call.reply(std::move(out));
}

} // namespace fluxion
