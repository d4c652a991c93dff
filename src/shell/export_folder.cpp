#include "shell/export_folder.h"

#include "base/json.h"
#include "shell/file_names.h"

namespace fluxion::shell {

namespace {

constexpr std::chrono::milliseconds kSaveEvery{200};
constexpr std::string_view kOwnPrefix = ".fluxion-";

bool isOurs(const std::string& name)
{
    return name == kKeysName || name == kCollectionName || name.ends_with(kRecordsSuffix) ||
           name.ends_with(kPartSuffix);
}

} // namespace

Status ExportFolder::prepare(const std::vector<std::string>& wanted)
{
    Status status = usable();
    if (status && !m_state.cut.empty() && m_state.wanted != wanted)
        return {Code::Usage, m_path +
                                 " has an export of other collections that was cut off; choose "
                                 "another folder, or the same collections"};
    m_state.wanted = wanted;
    // Whatever is wrong with it, it is the wrong folder.
    return status ? Status() : Status(Code::Usage, status.error().text);
}

Status ExportFolder::usable()
{
    const auto kind = kindOfPath(m_path);
    if (!kind)
        return kind.error();
    if (kind.value() != PathKind::None && kind.value() != PathKind::Folder)
        return {Code::Usage, m_path + " is no folder"};
    if (Status made = makeFolder(m_path); !made)
        return made;
    auto lock = lockFolder(m_path);
    if (!lock)
        return lock.error();
    m_lock = std::move(lock.value());
    auto state = ExportState::load(m_path);
    if (!state)
        return state.error();
    if (state.value()) {
        m_state = std::move(*state.value());
        if (m_state.done)
            return {Code::Usage, m_path + " has a complete export; choose another folder"};
        rewind();
        return {};
    }
    const auto entries = listFolder(m_path);
    if (!entries)
        return entries.error();
    for (const FolderEntry& entry : entries.value()) {
        if (!entry.name.starts_with(kOwnPrefix)) // of a run that was cut off at its begin
            return {Code::Usage, m_path + " is not empty"};
    }
    return checkCase();
}

// Two names may differ in this alone.
Status ExportFolder::checkCase() const
{
    const std::string probe = m_path + "/.fluxion-probe";
    if (Status status = replacePlainFile(probe, "", false); !status)
        return status;
    const auto other = kindOfPath(m_path + "/.FLUXION-PROBE");
    if (Status status = removePath(probe); !status)
        return status;
    if (other && other.value() == PathKind::None)
        return {};
    return {Code::Usage, m_path + " is on a file system that does not tell upper from lower case"};
}

Status ExportFolder::begin(const std::string& log, uint64_t seq, const std::string& cut)
{
    m_file.reset();
    if (Status status = removeParts(); !status)
        return status;
    ExportState fresh;
    fresh.wanted = m_state.wanted;
    fresh.log = log;
    fresh.seq = seq;
    fresh.cut = cut;
    m_state = std::move(fresh);
    rewind();
    return m_state.save(m_path, true);
}

Status ExportFolder::removeParts()
{
    const auto folders = listFolder(m_path);
    if (!folders)
        return folders.error();
    for (const FolderEntry& folder : folders.value()) {
        if (folder.kind != PathKind::Folder)
            continue;
        const std::string path = m_path + "/" + folder.name;
        const auto files = listFolder(path);
        if (!files)
            return files.error();
        for (const FolderEntry& file : files.value()) {
            if (!isOurs(file.name))
                continue;
            if (Status status = removePath(path + "/" + file.name); !status)
                return status;
        }
        if (Status status = removeFolder(path); !status)
            return status;
    }
    return {};
}

void ExportFolder::rewind()
{
    m_file.reset();
    m_collection = m_state.collection;
    m_inDocuments = m_state.inDocuments;
    m_lastName = m_state.name;
    m_lastTs = m_state.ts;
    m_lastOffset = m_state.fileBytes;
    m_now = m_before = m_state.figures;
}

std::string ExportFolder::filePath(std::string_view name) const
{
    const std::string folder = m_path + "/" + fileNameOf(m_collection) + "/";
    return folder + (m_inDocuments ? fileNameOf(name) + kRecordsSuffix : std::string(kKeysName));
}

Status ExportFolder::beginPart(const std::string& collection, bool documents)
{
    m_collection = collection;
    m_inDocuments = documents;
    const std::string name = fileNameOf(collection);
    const std::string folder = m_path + "/" + name;
    if (Status status = makeFolder(folder); !status)
        return status;
    if (nameOfFile(name) != collection) {
        std::string text = "{\"collection\":";
        appendJsonString(text, collection);
        text += "}\n";
        if (Status status = replacePlainFile(folder + "/" + kCollectionName, text, false); !status)
            return status;
    }
    if (m_state.collection == collection && m_state.inDocuments == documents) {
        if (m_state.fileBytes == 0)
            return {};
        // It may have been completed since.
        const std::string path = filePath(m_state.name);
        const auto part = kindOfPath(path + kPartSuffix);
        if (part && part.value() == PathKind::None) {
            if (Status status = renamePath(path, path + kPartSuffix); !status)
                return status;
        }
        return openFile(m_state.name, m_state.fileBytes);
    }
    m_lastName.clear();
    m_lastTs.reset();
    m_lastOffset = 0;
    m_before = m_now;
    return save();
}

Status ExportFolder::openFile(std::string_view name, uint64_t keptBytes)
{
    auto file = AppendFile::open(filePath(name) + kPartSuffix, keptBytes);
    if (!file)
        return file.error();
    m_file = std::move(file.value());
    m_document = m_inDocuments ? name : std::string_view();
    return {};
}

Status ExportFolder::add(std::string_view bytes)
{
    m_now.bytes += bytes.size();
    return m_file->append(bytes);
}

Status ExportFolder::addKey(std::string_view key, std::string_view json)
{
    if (!m_file) {
        if (Status status = openFile(key, 0); !status)
            return status;
    }
    m_before = m_now;
    m_lastName = key;
    m_lastTs.reset();
    m_lastOffset = m_file->size();
    ++m_now.keys;
    const Status status = add(m_lastOffset == 0 ? "[\n" : ",\n");
    return status ? add(json) : status;
}

Status ExportFolder::addRecord(std::string_view document, int64_t ts, std::string_view json)
{
    if (m_file && m_document != document) {
        if (Status status = endFile(); !status)
            return status;
    }
    if (!m_file) {
        if (Status status = openFile(document, 0); !status)
            return status;
    }
    m_before = m_now;
    m_lastName = document;
    m_lastTs = ts;
    m_lastOffset = m_file->size();
    ++m_now.records;
    const Status status = add(json);
    return status ? add("\n") : status;
}

Status ExportFolder::endFile()
{
    if (Status status = m_file->flush(); !status)
        return status;
    m_file.reset();
    const std::string path = filePath(m_document);
    if (m_inDocuments)
        ++m_now.documents;
    return renamePath(path + kPartSuffix, path);
}

Status ExportFolder::endPart()
{
    if (!m_file)
        return {};
    if (!m_inDocuments) {
        if (Status status = add("\n]\n"); !status)
            return status;
    }
    return endFile();
}

Status ExportFolder::saveSometimes()
{
    return Clock::now() < m_nextSave ? Status() : save();
}

Status ExportFolder::save()
{
    if (m_file) {
        if (Status status = m_file->flush(); !status)
            return status;
    }
    m_state.collection = m_collection;
    m_state.inDocuments = m_inDocuments;
    m_state.name = m_lastName;
    m_state.ts = m_lastTs;
    m_state.fileBytes = m_lastOffset;
    m_state.figures = m_before;
    m_nextSave = Clock::now() + kSaveEvery;
    return m_state.save(m_path, false);
}

Status ExportFolder::finish()
{
    if (Status status = syncFileSystemOf(m_path); !status)
        return status;
    m_state.figures = m_now;
    m_state.done = true;
    return m_state.save(m_path, true);
}

} // namespace fluxion::shell
