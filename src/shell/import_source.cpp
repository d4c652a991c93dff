#include "shell/import_source.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "shell/export_state.h"
#include "shell/file_names.h"
#include "shell/reply_text.h"
#include "shell/transfer.h"

namespace fluxion::shell {

namespace {

constexpr size_t kMaxNameFileBytes = size_t(1) << 20U;
constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text)
{
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// An element of an array that is written one to a line; empty of a line without one.
std::string_view elementOf(std::string_view line)
{
    line = trimmed(line);
    if (line.starts_with('['))
        line = trimmed(line.substr(1));
    if (line.ends_with(']'))
        line = trimmed(line.substr(0, line.size() - 1));
    if (line.ends_with(','))
        line = trimmed(line.substr(0, line.size() - 1));
    return line;
}

} // namespace

Status ImportSource::prepare(const std::vector<std::string>& wanted)
{
    const auto kind = kindOfPath(m_path);
    if (!kind)
        return {Code::Usage, kind.error().text};
    if (kind.value() != PathKind::Folder)
        return {Code::Usage, "there is no folder " + m_path};
    const auto isExport = checkComplete();
    if (!isExport)
        return isExport.status();
    const auto folders = listFolder(m_path);
    if (!folders)
        return {Code::Usage, folders.error().text};
    for (const FolderEntry& folder : folders.value()) {
        if (folder.kind != PathKind::Folder || folder.name.starts_with('.'))
            continue;
        const auto files = filesOf({{}, folder.name});
        if (!files)
            return {Code::Usage, files.error().text};
        if (files.value().empty())
            continue;
        const auto name = collectionOf(folder.name);
        if (!name)
            return name.error();
        if (wanted.empty() || std::ranges::binary_search(wanted, name.value()))
            m_collections.push_back({name.value(), folder.name});
    }
    for (const std::string& name : wanted) {
        if (std::ranges::find(m_collections, name, &Collection::name) == m_collections.end())
            return {Code::Usage, m_path + " has no collection " + name};
    }
    if (m_collections.empty() && !isExport.value())
        return {Code::Usage, m_path +
                                 " has nothing to import: no <collection>/<document>.jsonl and "
                                 "no <collection>/key_value.json"};
    for (const Collection& collection : m_collections) {
        const auto files = filesOf(collection);
        if (!files)
            return {Code::Usage, files.error().text};
        m_fingerprint = hash64(collection.folder, m_fingerprint);
        for (const FolderEntry& file : files.value()) {
            m_fingerprint = hash64(file.name, m_fingerprint ^ file.bytes);
            m_fingerprint = hash64(std::to_string(file.changedNs), m_fingerprint);
        }
    }
    return {};
}

Result<bool> ImportSource::checkComplete() const
{
    const auto state = ExportState::load(m_path);
    if (!state)
        return {Code::Usage, state.error().text};
    if (state.value() && !state.value()->done)
        return {Code::Usage, "the export in " + m_path + " is not complete; run it again first"};
    return state.value().has_value();
}

Result<std::string> ImportSource::collectionOf(const std::string& folder) const
{
    const std::string path = m_path + "/" + folder + "/" + kCollectionName;
    const auto kind = kindOfPath(path);
    if (kind && kind.value() == PathKind::File) {
        const auto text = readPlainFile(path, kMaxNameFileBytes);
        JsonReader reader;
        const auto parsed = text ? reader.parse(text.value()) : Result<JsonValue>(text.error());
        const JsonValue name = parsed ? member(parsed.value(), "collection") : JsonValue();
        if (!name.isString())
            return {Code::Usage, path + " does not name a collection"};
        return std::string(name.text());
    }
    auto name = nameOfFile(folder);
    if (!name)
        return {Code::Usage, m_path + "/" + folder +
                                 " is not the name of a collection, with %XX "
                                 "for what cannot stand in a file name"};
    return std::move(*name);
}

// Keys first, then by name.
Result<std::vector<FolderEntry>> ImportSource::filesOf(const Collection& collection) const
{
    auto files = listFolder(m_path + "/" + collection.folder);
    if (!files)
        return files.error();
    std::erase_if(files.value(), [](const FolderEntry& file) {
        return file.kind != PathKind::File ||
               (file.name != kKeysName && !file.name.ends_with(kRecordsSuffix));
    });
    std::ranges::stable_partition(files.value(),
                                  [](const FolderEntry& file) { return file.name == kKeysName; });
    return files;
}

Status ImportSource::seek(const ImportPlace& place)
{
    m_at = 0;
    m_listed = false;
    m_lines.reset();
    m_documents = 0;
    if (place.folder.empty())
        return {};
    while (m_at < m_collections.size() && m_collections[m_at].folder != place.folder)
        ++m_at;
    if (m_at == m_collections.size())
        return {Code::Io, "the place to go on from is gone"};
    auto files = filesOf(m_collections[m_at]);
    if (!files)
        return files.error();
    m_files = std::move(files.value());
    m_listed = true;
    m_nextFile = 0;
    while (m_nextFile < m_files.size() && m_files[m_nextFile].name != place.file)
        ++m_nextFile;
    const auto opened = openNext();
    if (!opened)
        return opened.error();
    if (!opened.value())
        return {Code::Io, "the place to go on from is gone"};
    m_documents = 0; // it was counted
    m_line = place.line;
    auto lines = LineFile::open(filePath(), place.offset, kMaxImportLineBytes);
    if (!lines)
        return lines.error();
    m_lines = std::move(lines.value());
    return {};
}

std::string ImportSource::filePath() const
{
    return m_path + "/" + m_collections[m_at].folder + "/" + m_file;
}

// The next file of the collection; false if there is none.
Result<bool> ImportSource::openNext()
{
    m_lines.reset();
    if (m_nextFile >= m_files.size())
        return false;
    m_file = m_files[m_nextFile++].name;
    m_isKeys = m_file == kKeysName;
    m_documents += m_isKeys ? 0 : 1;
    m_line = 0;
    auto lines = LineFile::open(filePath(), 0, kMaxImportLineBytes);
    if (!lines)
        return lines.error();
    m_lines = std::move(lines.value());
    return true;
}

Result<std::optional<ImportSource::Line>> ImportSource::next()
{
    for (;;) {
        std::string_view text;
        if (m_lines) {
            const auto more = m_lines->next(text);
            ++m_line;
            if (!more)
                return {more.error().code, position() + ": " + more.error().text};
            if (more.value()) {
                text = m_isKeys ? elementOf(text) : trimmed(text);
                if (!text.empty())
                    return std::optional(Line{text, m_isKeys});
                continue;
            }
        }
        if (m_listed) {
            const auto opened = openNext();
            if (!opened)
                return opened.error();
            if (opened.value())
                continue;
            m_listed = false;
            ++m_at;
        }
        if (m_at == m_collections.size())
            return std::optional<Line>();
        auto files = filesOf(m_collections[m_at]);
        if (!files)
            return files.error();
        m_files = std::move(files.value());
        m_nextFile = 0;
        m_listed = true;
    }
}

std::string ImportSource::position() const
{
    return filePath() + ", line " + std::to_string(m_line);
}

ImportPlace ImportSource::place() const
{
    return {m_collections[m_at].folder, m_file, m_lines ? m_lines->offset() : 0, m_line};
}

} // namespace fluxion::shell
