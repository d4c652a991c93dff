#pragma once

// Lines typed on a terminal: editing, history and completion, by libedit.

#include <cwchar>
#include <functional>
#include <string>

#include <histedit.h>

#include "shell/completion.h"
#include "shell/connection.h"

namespace fluxion::shell {

constexpr int kHistoryLines = 1000;
// More candidates than these are counted rather than listed.
constexpr size_t kListedCandidates = 100;

// Main thread; one at a time. While it waits for a key the event loop runs.
class Editor {
  public:
    using Complete = std::function<Completions(std::string_view before)>;

    // An empty `historyFile`: none. It is created, mode 0600, with its folder; what cannot be read
    // or written is left out silently: a shell works without.
    Editor(Connection& connection, std::string historyFile, Complete complete);
    ~Editor();
    Editor(const Editor&) = delete;
    Editor& operator=(const Editor&) = delete;

    enum class Read : unsigned char { Line, Cancelled, End };
    // Line: `line`, without its end, is also in the history. Cancelled: Ctrl-C. End: Ctrl-D.
    Read read(const std::string& prompt, std::string& line);

  private:
    static int onRead(EditLine* editLine, wchar_t* out);
    static unsigned char onTab(EditLine* editLine, int key);
    static char* onPrompt(EditLine* editLine);

    int readKey(wchar_t& out);
    unsigned char offerCompletions();
    void remember(const char* line);

    Connection& m_connection;
    const std::string m_historyFile;
    const Complete m_complete;
    EditLine* m_editLine = nullptr;
    ::History* m_history = nullptr;
    std::string m_prompt;
    std::mbstate_t m_decoding{};
    bool m_cancelled = false;
};

// $XDG_STATE_HOME/fluxion/history or ~/.local/state/fluxion/history; empty without a home.
std::string historyPath();

} // namespace fluxion::shell
