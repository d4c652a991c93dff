#pragma once

// The folder that an export fills: DIR/<collection>/<document>.jsonl and DIR/<collection>/
// key_value.json. A file is called `.part` until it is complete.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "shell/export_state.h"

namespace fluxion::shell {

// Main thread. Errors: Code::Usage for a folder that cannot be used; Code::Io, Code::StorageFull.
class ExportFolder {
  public:
    explicit ExportFolder(std::string path) : m_path(std::move(path)) {}

    // Makes the folder, or finds an export of these collections that was cut off. It must be empty
    // else. Locks it.
    Status prepare(const std::vector<std::string>& wanted);
    // What was saved last: where to go on.
    const ExportState& state() const { return m_state; }
    // What is there by now.
    const ExportFigures& figures() const { return m_now; }
    const std::string& path() const { return m_path; }

    // Throws away what there is; from here on all is of this cut.
    Status begin(const std::string& log, uint64_t seq, const std::string& cut);
    // Forgets what is not saved: the state is the place to go on from.
    void rewind();

    // The keys or the documents of a collection, from state() on if that is the place, else from
    // the first.
    Status beginPart(const std::string& collection, bool documents);
    // `json`: an object, without line end.
    Status addKey(std::string_view key, std::string_view json);
    Status addRecord(std::string_view document, int64_t ts, std::string_view json);
    Status endPart();
    void endCollection() { ++m_now.collections; }

    // Saves the place, now and then.
    Status saveSometimes();
    Status save();
    // All is there, and on the medium.
    Status finish();

  private:
    using Clock = std::chrono::steady_clock;

    Status usable();
    Status checkCase() const;
    Status removeParts();
    Status openFile(std::string_view name, uint64_t keptBytes);
    Status endFile();
    Status add(std::string_view bytes);
    std::string filePath(std::string_view name) const;

    const std::string m_path;
    std::optional<Descriptor> m_lock;
    ExportState m_state;
    ExportFigures m_now;

    std::string m_collection;
    bool m_inDocuments = false;
    std::optional<AppendFile> m_file;
    std::string m_document; // of m_file
    // Of the last line: where it begins, what it is of, the figures before it.
    std::string m_lastName;
    std::optional<int64_t> m_lastTs;
    uint64_t m_lastOffset = 0;
    ExportFigures m_before;
    Clock::time_point m_nextSave;
};

} // namespace fluxion::shell
