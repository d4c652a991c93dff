#pragma once

// The command line client: `fluxion get ...` and the like, and `fluxion shell`.

#include <string_view>

namespace fluxion::shell {

// Whether the first word of a command line is one of the client's commands.
bool isClientCommand(std::string_view word);

// Runs `argv[1]`, one of them, and returns the exit code. Hides keys in argv, where other users can
// read them. Makes the QCoreApplication. `version` is this program's.
int runClient(int argc, char** argv, std::string_view version);

} // namespace fluxion::shell
