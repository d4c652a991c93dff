#include "shell/import_batch.h"

#include <utility>

#include "base/json.h"
#include "shell/transfer.h"

namespace fluxion::shell {

bool ImportBatch::takes(const std::string& collection, std::string_view key, size_t bytes) const
{
    if (m_items.empty())
        return true;
    if (m_items.size() >= kImportBatchItems || m_bytes + bytes > kImportBatchBytes ||
        m_isKeys == key.empty())
        return false;
    return !m_isKeys || (collection == m_collection && !m_keys.contains(std::string(key)));
}

void ImportBatch::add(const std::string& collection, std::string_view key, std::string item,
                      const std::string& position)
{
    if (m_items.empty()) {
        m_collection = collection;
        m_isKeys = !key.empty();
        m_first = position;
    }
    if (m_isKeys)
        m_keys.emplace(key);
    m_bytes += item.size();
    m_items.push_back(std::move(item));
    m_last = position;
}

Request ImportBatch::request() const
{
    std::string data;
    data.reserve(m_bytes + m_items.size() + m_collection.size() + 64);
    if (m_isKeys) {
        appendJsonString(data += "{\"col\":", m_collection);
        data += ",\"writes\":";
    }
    char separator = '[';
    for (const std::string& item : m_items)
        data.append(1, std::exchange(separator, ',')).append(item);
    data += m_isKeys ? "]}" : "]";
    return {m_isKeys ? "mval" : "ins", std::move(data)};
}

std::string ImportBatch::positions() const
{
    return m_first == m_last ? m_first : m_first + " to " + m_last;
}

ImportBatch ImportBatch::splitOff()
{
    ImportBatch latter = *this;
    const auto middle = static_cast<std::ptrdiff_t>(m_items.size() / 2);
    latter.m_items.erase(latter.m_items.begin(), latter.m_items.begin() + middle);
    m_items.erase(m_items.begin() + middle, m_items.end());
    after.reset();
    return latter;
}

} // namespace fluxion::shell
