#include "shell/request.h"

#include "base/json.h"

namespace fluxion::shell {

namespace {

constexpr std::string_view kAnyTime = "9223372036854775807";
constexpr std::string_view kBeginOfTime = "-9223372036854775808";

// Writes one JSON object, member by member.
class ObjectText {
  public:
    ObjectText& text(std::string_view name, std::string_view value)
    {
        appendJsonString(open(name), value);
        return *this;
    }
    ObjectText& raw(std::string_view name, std::string_view json)
    {
        open(name).append(json);
        return *this;
    }
    // Only if the invocation has it.
    ObjectText& textOption(std::string_view name, const Invocation& from)
    {
        if (const auto value = from.option(name))
            text(name, *value);
        return *this;
    }
    ObjectText& integerOption(std::string_view name, const Invocation& from)
    {
        if (const auto value = from.integer(name))
            raw(name, std::to_string(*value));
        return *this;
    }
    std::string end() { return std::move(m_out += m_out.empty() ? "{}" : "}"); }

  private:
    std::string& open(std::string_view name)
    {
        m_out += m_out.empty() ? '{' : ',';
        appendJsonString(m_out, name);
        return m_out += ':';
    }

    std::string m_out;
};

std::string integerOr(const Invocation& from, std::string_view name, std::string_view otherwise)
{
    const auto value = from.integer(name);
    return value ? std::to_string(*value) : std::string(otherwise);
}

std::string_view collection(const Invocation& from, const RequestContext& context)
{
    if (const auto argument = from.argument("COL"))
        return *argument;
    return from.option("col").value_or(context.col);
}

Request keyRequest(const Invocation& from, const RequestContext& context)
{
    ObjectText object;
    object.text("col", collection(from, context)).text("key", from.argument("KEY").value_or(""));
    switch (from.command->verb) {
    case Verb::Set:
        object.text("value", from.argument("VALUE").value_or(context.input));
        object.integerOption("ver", from).integerOption("ttl", from);
        return {"sval", object.end()};
    case Verb::Patch:
        object.text("value", from.argument("JSON").value_or(context.input));
        object.integerOption("ver", from).integerOption("ttl", from);
        if (from.has("delete-nulls"))
            object.raw("delete_nulls", "true");
        return {"pval", object.end()};
    case Verb::Del:
        return {"rval", object.integerOption("ver", from).end()};
    case Verb::History:
        return {"hval", object.integerOption("limit", from).integerOption("before", from).end()};
    default:
        return {"gval", object.end()};
    }
}

Request recordRequest(const Invocation& from, const RequestContext& context)
{
    ObjectText object;
    object.text("col", collection(from, context));
    const auto doc = from.argument("DOC");
    switch (from.command->verb) {
    case Verb::Ins:
        object.text("doc", doc.value_or(""));
        object.raw("ts", integerOr(from, "ts", std::to_string(context.nowMs)));
        object.text("data", from.argument("DATA").value_or(""));
        return {"ins", "[" + object.end() + "]"};
    case Verb::Qry:
        object.raw("ts", integerOr(from, "ts", kAnyTime)).integerOption("from", from);
        if (doc)
            object.text("doc", *doc);
        else
            object.textOption("doc", from);
        return {"qry", object.textOption("where", from).textOption("filter", from).end()};
    default:
        object.text("doc", doc.value_or(""));
        object.raw("from", integerOr(from, "from", kBeginOfTime));
        object.raw("to", integerOr(from, "to", kAnyTime)).integerOption("limit", from);
        if (from.has("reverse"))
            object.raw("reverse", "true");
        return {"qdoc", object.textOption("where", from).textOption("filter", from).end()};
    }
}

Request keysRequest(const Invocation& from, const RequestContext& context)
{
    ObjectText object;
    object.text("col", collection(from, context));
    const auto pattern = from.argument("PATTERN");
    if (!pattern)
        return {"gkeys", object.end()};
    return {"gvalues", object.text("key", *pattern).end()};
}

// The server says what is wrong with the text.
Request anyRequest(const Invocation& from)
{
    std::string data;
    if (const auto text = from.argument("DATA"))
        appendJsonString(data, *text);
    return {from.argument("TYPE").value_or(""), std::move(data)};
}

} // namespace

Request makeRequest(const Invocation& invocation, const RequestContext& context)
{
    switch (invocation.command->verb) {
    case Verb::Get:
    case Verb::Set:
    case Verb::Patch:
    case Verb::Del:
    case Verb::History:
        return keyRequest(invocation, context);
    case Verb::Ins:
    case Verb::Qry:
    case Verb::Qdoc:
        return recordRequest(invocation, context);
    case Verb::Keys:
        return keysRequest(invocation, context);
    case Verb::Watch:
        return makeWatchRequest(invocation, context, {});
    case Verb::Cols:
        return {"cols", {}};
    case Verb::Conn:
        return {"conn", {}};
    case Verb::Stat:
        return {"stat", {}};
    case Verb::Snap:
        return {"snap", {}};
    case Verb::Request:
        return anyRequest(invocation);
    case Verb::Export:
    case Verb::Import:
    case Verb::Shell:
    case Verb::Use:
    case Verb::Help:
    case Verb::Exit:
        break;
    }
    return {};
}

Request makeWatchRequest(const Invocation& invocation, const RequestContext& context,
                         std::string_view from)
{
    ObjectText object;
    const bool docs = invocation.option("kind") == "docs";
    object.text("kind", docs ? "docs" : "keys");
    if (const auto col = collection(invocation, context); !col.empty())
        object.text("col", col);
    if (const auto pattern = invocation.argument("PATTERN"))
        object.text("match", *pattern);
    else
        object.textOption("match", invocation);
    object.textOption("where", invocation).textOption("filter", invocation);
    if (!from.empty()) {
        object.text("from", from);
    } else {
        object.textOption("from", invocation);
        if (invocation.has("snapshot"))
            object.raw("snapshot", "true");
    }
    if (invocation.has("previous"))
        object.raw("fields", R"(["value","previous","expires"])");
    return {"sub", object.end()};
}

bool readsInput(const Invocation& invocation)
{
    const Verb verb = invocation.command->verb;
    return (verb == Verb::Set && !invocation.argument("VALUE")) ||
           (verb == Verb::Patch && !invocation.argument("JSON"));
}

std::string encodeMessage(std::string_view id, const Request& request)
{
    ObjectText message;
    message.text("id", id).text("type", request.type);
    if (!request.data.empty())
        message.raw("data", request.data);
    return message.end();
}

} // namespace fluxion::shell
