#include "shell/outcome.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "shell/style.h"

namespace fluxion::shell {

bool print(std::string_view text)
{
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
           std::fflush(stdout) == 0;
}

void complain(std::string_view line)
{
    const std::string text = visible(line) + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
}

Outcome refused(std::string_view code, std::string_view text)
{
    complain("error: " + std::string(code) + ": " + std::string(text));
    return Outcome::Refused;
}

Outcome failed(const Error& error)
{
    if (error.code == Code::Usage) {
        complain("error: " + error.text);
        return Outcome::WrongUsage;
    }
    complain("error: " + std::string(token(error.code)) + ": " + error.text);
    return Outcome::NoConnection;
}

Outcome outputFailed()
{
    const int reason = errno;
    if (reason == EPIPE)
        return Outcome::Done;
    return refused(token(Code::Io), std::string("cannot write: ") + std::strerror(reason));
}

} // namespace fluxion::shell
