#include "shell/execute.h"

#include <chrono>

#include "shell/reply_text.h"

namespace fluxion::shell {

int64_t nowMs()
{
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Outcome showReply(const Invocation& invocation, const Message& reply, const Style& style)
{
    std::string out;
    const bool isError = member(reply.value, "error").exists();
    if (style.form == Form::Json)
        out = reply.text + "\n";
    else if (!isError && invocation.command->verb == Verb::Request)
        appendText(out, style, Paint::None, reply.text + "\n", true);
    else if (!isError)
        appendReply(out, invocation, reply.value, style);
    if (!print(out))
        return outputFailed();
    if (isError)
        return refused(memberText(reply.value, "code"), memberText(reply.value, "error"));
    return Outcome::Done;
}

Outcome execute(Connection& connection, const Invocation& invocation, const RequestContext& context,
                const Style& style)
{
    if (Status status = connection.open(); !status)
        return failed(status.error());
    const auto reply = connection.call(makeRequest(invocation, context));
    return reply ? showReply(invocation, reply.value(), style) : failed(reply.error());
}

} // namespace fluxion::shell
