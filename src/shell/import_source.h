#pragma once

// The files of an import, one line after the other, in a fixed order.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/plain_file.h"

namespace fluxion::shell {

// Before which line an import is: file and offset in it. Collections and files by their names on
// the disk, sorted, keys first; `files` of a complete collection is past all of them.
struct ImportPlace {
    std::string folder; // of the collection; empty: at the begin
    std::string file;
    uint64_t offset = 0;
    uint64_t line = 0; // lines before it
};

// Main thread.
class ImportSource {
  public:
    explicit ImportSource(std::string path) : m_path(std::move(path)) {}

    // Finds the collections, all or those wanted, and looks at each file's name, size and time.
    // Code::Usage for a folder that is no complete export.
    Status prepare(const std::vector<std::string>& wanted);
    // Of what prepare() has seen: another one means that the files have changed.
    uint64_t fingerprint() const { return m_fingerprint; }
    size_t collectionCount() const { return m_collections.size(); }
    // Lock of the folder, so that one import goes on at a time.
    const std::string& path() const { return m_path; }

    // Goes to a place that place() said.
    Status seek(const ImportPlace& place);

    struct Line {
        std::string_view text; // until the next call
        bool isKey = false;    // an entry of key_value.json, its brackets and commas gone
    };
    // Nothing at the end. Empty lines are passed over.
    Result<std::optional<Line>> next();
    // Of the line returned last.
    const std::string& collection() const { return m_collections[m_at].name; }
    std::string position() const; // "<file>, line 7"
    ImportPlace place() const;    // behind it
    // Files of records begun since seek().
    uint64_t documents() const { return m_documents; }

  private:
    struct Collection {
        std::string name;
        std::string folder;
    };

    // Whether it is an export, which may hold nothing. Code::Usage for one that was cut off.
    Result<bool> checkComplete() const;
    Result<std::string> collectionOf(const std::string& folder) const;
    Result<std::vector<FolderEntry>> filesOf(const Collection& collection) const;
    Result<bool> openNext();
    std::string filePath() const;

    const std::string m_path;
    std::vector<Collection> m_collections; // by folder
    uint64_t m_fingerprint = 0;
    size_t m_at = 0; // the collection
    bool m_listed = false;
    std::vector<FolderEntry> m_files; // of it
    size_t m_nextFile = 0;
    std::string m_file; // open
    bool m_isKeys = false;
    std::optional<LineFile> m_lines;
    uint64_t m_line = 0;
    uint64_t m_documents = 0;
};

} // namespace fluxion::shell
