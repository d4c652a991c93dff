// Keys and values: sval, gval, gvalues, gvals, gkeys, rval.

#include "api/handlers.h"
#include "api/item_stream.h"

namespace fluxion {

namespace {

constexpr size_t kReplyRoomBytes = 96; // for what stands beside the value

enum class Shows { Names, Values };

// All live keys of a collection that match: as an array of names, or an object of values.
class KeyStream final : public ItemStream {
  public:
    KeyStream(std::string head, Shows shows, Values::Pin pin, std::optional<Pattern> key)
        : ItemStream(std::move(head), shows == Shows::Names ? "]}" : "}}"), m_shows(shows),
          m_pin(std::move(pin)), m_key(std::move(key))
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
        if (item.tombstone || (m_key && !m_key->matchesName(item.key)))
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
    call.stream(std::make_unique<KeyStream>(std::move(head), shows,
                                            collection ? collection->pinValues() : Values::Pin(),
                                            std::move(key)));
}

} // namespace

void handleSval(const Call& call)
{
    auto request = decodeSetValue(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const SetValueRequest& r = request.value();
    call.propose(SetKeyProposal{std::string(r.col), std::string(r.key), std::string(r.value)},
                 {WriteReply::Kind::Version, {}});
}

void handleGval(const Call& call)
{
    auto request = decodeKeyRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    KeyState state;
    if (const auto collection = call.collection(request.value().col))
        state = collection->get(request.value().key);
    std::string out;
    out.reserve(state.value.size() + kReplyRoomBytes);
    ReplyWriter(out, call.id)
        .text("value", state.value)
        .boolean("found", state.found)
        .unsignedInteger("ver", state.version)
        .end();
    call.reply(std::move(out));
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
    const KeyState state = collection ? collection->get(r.key->literal()) : KeyState();
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
    auto request = decodeKeyRef(call.payload, call.service.limits.request);
    if (!request)
        return call.fail(request.error());
    const KeyRef& r = request.value();
    call.propose(RemoveKeyProposal{std::string(r.col), std::string(r.key)});
}

} // namespace fluxion
