// Keys and values: sval, pval, mval, gval, gvalues, gvals, gkeys, rval.

#include "api/handlers.h"
#include "api/item_stream.h"
#include "api/session.h"

namespace fluxion {

namespace {

enum class Shows { Names, Values };

// All live keys of a collection that match: as an array of names, or an object of values.
class KeyStream final : public ItemStream {
  public:
    KeyStream(const Engine& engine, std::string head, Shows shows, Values::Pin pin,
              std::optional<Pattern> key)
        : ItemStream(std::move(head), shows == Shows::Names ? "]}" : "}}"), m_engine(engine),
          m_shows(shows), m_pin(std::move(pin)), m_key(std::move(key))
    {
    }

  protected:
    bool nextItem(std::string& out, bool& appended) override
    {
        if (m_page >= m_pin.pages.pageCount())
            return false;
        const ValuePage& page = m_pin.pages.page(m_page);
        if (m_index >= page.size()) {
            ++m_page;
            m_index = 0;
            return true;
        }
        const ValueItem item = page.at(m_index++);
        if (item.tombstone || isOver(item) || (m_key && !m_key->matchesName(item.key)))
            return true;
        separate(out);
        appendJsonString(out, item.key);
        if (m_shows == Shows::Values) {
            out += ':';
            appendJsonString(out, item.value);
        }
        appended = true;
        return true;
    }

  private:
    bool isOver(const ValueItem& item) const
    {
        return item.expiryUs != 0 && item.expiryUs <= m_engine.nowUs();
    }

    const Engine& m_engine;
    const Shows m_shows;
    Values::Pin m_pin;
    std::optional<Pattern> m_key;
    size_t m_page = 0;
    size_t m_index = 0;
};

void streamKeys(const Call& call, std::string_view col, Shows shows, std::optional<Pattern> key)
{
    std::string head;
    ReplyWriter(head, call.id).raw(shows == Shows::Names ? "keys" : "values");
    head += shows == Shows::Names ? '[' : '{';
    const auto collection = call.collection(col);
    call.stream(std::make_unique<KeyStream>(call.service.engine, std::move(head), shows,
                                            collection ? collection->pinValues() : Values::Pin(),
                                            std::move(key)));
}

// As it is now: past its expiry a key is gone, whether or not the log says so yet.
KeyState get(const Call& call, const Collection& collection, std::string_view key)
{
    KeyState state = collection.get(key);
    if (state.expiryUs != 0)
        state.endIfOver(call.service.engine.nowUs());
    return state;
}

// Here, so that a bad one costs the commit thread nothing.
Status checkPatch(std::string_view patch, const std::string& place)
{
    thread_local JsonReader reader;
    auto parsed = reader.parse(patch);
    reader.trim();
    if (!parsed)
        return {Code::BadRequest, place + ": must be JSON text: " + parsed.error().text};
    return {};
}

NullMerge nullsOf(bool deleteNulls)
{
    return deleteNulls ? NullMerge::Delete : NullMerge::Store;
}

WriteKeysProposal::Op opOf(ValueOp op)
{
    switch (op) {
    case ValueOp::Set:
        return WriteKeysProposal::Op::Set;
    case ValueOp::Patch:
        return WriteKeysProposal::Op::Patch;
    case ValueOp::Remove:
        return WriteKeysProposal::Op::Remove;
    case ValueOp::Check:
        break;
    }
    return WriteKeysProposal::Op::Check;
}

} // namespace

void handleSval(const Call& call)
{
    auto request = decodeSetValue(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const SetValueRequest& r = request.value();
    call.propose(SetKeyProposal{std::string(r.col), std::string(r.key), std::string(r.value), r.ver,
                                r.ttlUs.value_or(0)},
                 {WriteReply::Kind::Version});
}

void handlePval(const Call& call)
{
    auto request = decodePatchValue(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const PatchValueRequest& r = request.value();
    if (Status status = checkPatch(r.value, "value"); !status)
        return call.fail(status.error());
    call.propose(PatchKeyProposal{std::string(r.col), std::string(r.key), std::string(r.value),
                                  r.ver, r.ttlUs, nullsOf(r.deleteNulls)},
                 {WriteReply::Kind::Version});
}

void handleMval(const Call& call)
{
    auto request = decodeWriteValues(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const WriteValuesRequest& r = request.value();
    WriteKeysProposal wish;
    wish.collection = r.col;
    WriteReply reply{WriteReply::Kind::Versions};
    for (const ValueWrite& w : r.writes) {
        if (w.op == ValueOp::Remove && !allows(call.principal.scope, Permission::Delete))
            return call.fail({Code::Forbidden, "the key's scope does not allow `remove`"});
        const std::string place = "writes[" + std::to_string(wish.writes.size()) + "].value";
        if (Status s = w.op == ValueOp::Patch ? checkPatch(w.value, place) : Status(); !s)
            return call.fail(s.error());
        wish.writes.push_back({opOf(w.op), std::string(w.key), std::string(w.value), w.ver, w.ttlUs,
                               nullsOf(w.deleteNulls)});
        reply.keys.emplace_back(w.key);
    }
    call.propose(std::move(wish), std::move(reply));
}

void handleGval(const Call& call)
{
    auto request = decodeKeyRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    call.session.readKey(call, request.value());
}

void handleGvalues(const Call& call)
{
    auto request = decodeFindValues(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    FindValuesRequest& r = request.value();
    if (!r.key || r.key->isRegex())
        return streamKeys(call, r.col, Shows::Values, std::move(r.key));
    std::string out;
    ReplyWriter writer(out, call.id);
    writer.raw("values") += '{';
    const auto collection = call.collection(r.col);
    const KeyState state = collection ? get(call, *collection, r.key->literal()) : KeyState();
    if (state.found) {
        appendJsonString(out, r.key->literal());
        out += ':';
        appendJsonString(out, state.value);
    }
    out += '}';
    writer.end();
    call.reply(std::move(out));
}

void handleGvals(const Call& call)
{
    auto request = decodeCollectionRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    streamKeys(call, request.value().col, Shows::Values, std::nullopt);
}

void handleGkeys(const Call& call)
{
    auto request = decodeCollectionRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    streamKeys(call, request.value().col, Shows::Names, std::nullopt);
}

void handleRval(const Call& call)
{
    auto request = decodeRemoveValue(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const RemoveValueRequest& r = request.value();
    call.propose(RemoveKeyProposal{std::string(r.col), std::string(r.key), r.ver},
                 {WriteReply::Kind::Version});
}

} // namespace fluxion
