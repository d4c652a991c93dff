#include "shell/editor.h"

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

#include "shell/line_input.h"
#include "shell/style.h"

namespace fluxion::shell {

namespace {

constexpr mode_t kOwnerOnly = 0077; // what umask takes away

Editor* editorOf(EditLine* editLine)
{
    void* editor = nullptr;
    el_get(editLine, EL_CLIENTDATA, &editor);
    return static_cast<Editor*>(editor);
}

void makeFolderOf(const std::string& path)
{
    for (size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1))
        ::mkdir(path.substr(0, slash).c_str(), 0700);
}

int characters(std::string_view text)
{
    return static_cast<int>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

} // namespace

std::string historyPath()
{
    const auto absolute = [](const char* name) {
        const char* value = std::getenv(name);
        return value && value[0] == '/' ? std::string(value) : std::string();
    };
    // The XDG base directory specification: what is not absolute is ignored.
    std::string folder = absolute("XDG_STATE_HOME");
    if (const std::string home = absolute("HOME"); folder.empty() && !home.empty())
        folder = home + "/.local/state";
    return folder.empty() ? folder : folder + "/fluxion/history";
}

Editor::Editor(Connection& connection, std::string historyFile, Complete complete)
    : m_connection(connection), m_historyFile(std::move(historyFile)),
      m_complete(std::move(complete))
{
    // libedit reads and shows what the locale can; names and values are UTF-8.
    if (MB_CUR_MAX == 1)
        std::setlocale(LC_CTYPE, "C.UTF-8");
    m_editLine = el_init("fluxion", stdin, stdout, stderr);
    m_history = history_init();
    if (!m_editLine || !m_history)
        qFatal("libedit does not start");
    HistEvent event{};
    history(m_history, &event, H_SETSIZE, kHistoryLines);
    history(m_history, &event, H_SETUNIQUE, 1);
    if (!m_historyFile.empty()) {
        makeFolderOf(m_historyFile);
        history(m_history, &event, H_LOAD, m_historyFile.c_str());
    }
    el_set(m_editLine, EL_CLIENTDATA, this);
    el_set(m_editLine, EL_EDITOR, "emacs");
    el_set(m_editLine, EL_HIST, history, m_history);
    el_set(m_editLine, EL_PROMPT, onPrompt);
    el_wset(m_editLine, EL_GETCFN, onRead);
    el_set(m_editLine, EL_ADDFN, "fluxion-complete", "Complete the word", onTab);
    el_set(m_editLine, EL_BIND, "^I", "fluxion-complete", nullptr);
    el_set(m_editLine, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(m_editLine, nullptr); // ~/.editrc
}

Editor::~Editor()
{
    el_end(m_editLine);
    history_end(m_history);
}

Editor::Read Editor::read(const std::string& prompt, std::string& line)
{
    m_prompt = prompt;
    m_cancelled = false;
    m_decoding = {};
    el_resize(m_editLine);
    // libedit does this behind the prompt: what a fast hand types at it, Ctrl-D above all, would
    // still meet the terminal's own line editing.
    el_set(m_editLine, EL_PREP_TERM, 1);
    int count = 0;
    const char* text = el_gets(m_editLine, &count);
    if (m_cancelled)
        return Read::Cancelled;
    if (!text || count <= 0)
        return Read::End;
    remember(text);
    line = text;
    if (line.ends_with('\n'))
        line.pop_back();
    return Read::Line;
}

void Editor::remember(const char* line)
{
    if (std::string_view(line).find_first_not_of(" \t\r\n") == std::string_view::npos)
        return;
    HistEvent event{};
    history(m_history, &event, H_ENTER, line);
    if (m_historyFile.empty())
        return;
    const mode_t before = ::umask(kOwnerOnly);
    history(m_history, &event, H_SAVE, m_historyFile.c_str());
    ::umask(before);
}

int Editor::onRead(EditLine* editLine, wchar_t* out)
{
    return editorOf(editLine)->readKey(*out);
}

// 1: a character; 0: the end; -1: an error.
int Editor::readKey(wchar_t& out)
{
    for (;;) {
        if (!waitReadable(STDIN_FILENO, m_connection)) {
            m_cancelled = true;
            errno = EINTR;
            return -1;
        }
        char byte = 0;
        const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
        if (count <= 0)
            return static_cast<int>(count);
        const size_t used = std::mbrtowc(&out, &byte, 1, &m_decoding);
        if (used == 0 || used == 1)
            return 1;
        if (used == static_cast<size_t>(-1))
            m_decoding = {}; // not UTF-8: that byte is left out
    }
}

char* Editor::onPrompt(EditLine* editLine)
{
    return editorOf(editLine)->m_prompt.data();
}

unsigned char Editor::onTab(EditLine* editLine, int)
{
    return editorOf(editLine)->offerCompletions();
}

unsigned char Editor::offerCompletions()
{
    const LineInfo* info = el_line(m_editLine);
    const std::string before(info->buffer, info->cursor);
    const Completions found = m_complete(before);
    if (found.candidates.empty())
        return CC_REFRESH_BEEP;
    const std::string typed = before.substr(before.size() - found.replaced);
    const std::string common = found.common();
    // More than was typed, or the same in another form.
    if (found.candidates.size() == 1 || (common.size() > typed.size())) {
        if (!typed.empty())
            el_deletestr(m_editLine, characters(typed));
        return el_insertstr(m_editLine, common.c_str()) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    std::string list = "\n";
    const size_t shown = std::min(found.candidates.size(), kListedCandidates);
    for (size_t i = 0; i < shown; ++i)
        list.append(visible(found.candidates[i])).append("\n");
    if (shown < found.candidates.size())
        list += "and " + std::to_string(found.candidates.size() - shown) + " more\n";
    std::fputs(list.c_str(), stdout);
    std::fflush(stdout);
    return CC_REDISPLAY;
}

} // namespace fluxion::shell
