#include "store/document_page.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace fluxion {

namespace {

constexpr size_t kIndexStep = 16; // items by which the arrays grow
constexpr size_t kPendingDue = kOpenChunkRecords;
constexpr size_t kPendingBytes = kOpenChunkDataBytes / kPendingDue; // data that weighs one record

} // namespace

uint64_t DocumentPage::hashOf(std::string_view name)
{
    return hash64(name, tableSeed());
}

size_t DocumentPage::find(uint64_t hash, std::string_view name) const
{
    const auto tag = static_cast<uint8_t>(hash);
    const uint8_t* const begin = m_tags.data();
    const uint8_t* const end = begin + m_tags.size();
    for (const uint8_t* at = begin; at != end; ++at) {
        at = static_cast<const uint8_t*>(std::memchr(at, tag, static_cast<size_t>(end - at)));
        if (!at)
            break;
        const auto index = static_cast<size_t>(at - begin);
        if (this->name(index) == name)
            return index;
    }
    return kNone;
}

std::string_view DocumentPage::name(size_t index) const
{
    const size_t begin = nameBegin(index);
    return std::string_view(m_names).substr(begin, m_items[index].nameEnd - begin);
}

void DocumentPage::insert(uint64_t hash, std::string_view name, uint32_t id)
{
    append(static_cast<uint8_t>(hash), 0, name, {Ref<Document>::make(), 0, id, 0});
}

void DocumentPage::append(uint8_t tag, uint8_t pending, std::string_view name, const Item& item)
{
    if (m_items.size() == m_items.capacity()) {
        m_tags.reserve(m_items.size() + kIndexStep);
        m_pending.reserve(m_items.size() + kIndexStep);
        m_items.reserve(m_items.size() + kIndexStep);
    }
    m_tags.push_back(tag);
    m_pending.push_back(pending);
    m_names.append(name);
    m_items.push_back(item);
    m_items.back().nameEnd = static_cast<uint32_t>(m_names.size());
}

bool DocumentPage::insertRecord(size_t index, int64_t ts, std::string_view data, uint64_t seq)
{
    Item& item = m_items[index];
    item.document.writable().insert(ts, data, seq);
    item.lastSeq = seq;
    const size_t weight = m_pending[index] + 1 + data.size() / kPendingBytes;
    m_pending[index] = static_cast<uint8_t>(weight < kPendingDue ? weight : 0);
    return weight >= kPendingDue;
}

Ref<Document> DocumentPage::erase(size_t index)
{
    const auto at = static_cast<ptrdiff_t>(index);
    const size_t begin = nameBegin(index);
    const size_t length = m_items[index].nameEnd - begin;
    Ref<Document> document = std::move(m_items[index].document);
    m_names.erase(begin, length);
    m_tags.erase(m_tags.begin() + at);
    m_pending.erase(m_pending.begin() + at);
    m_items.erase(m_items.begin() + at);
    for (size_t i = index; i < m_items.size(); ++i)
        m_items[i].nameEnd -= static_cast<uint32_t>(length);
    return document;
}

DocumentPage DocumentPage::splitOff(unsigned bit)
{
    DocumentPage halves[2];
    for (size_t i = 0; i < size(); ++i) {
        DocumentPage& half = halves[hashOf(name(i)) >> bit & 1];
        half.append(m_tags[i], m_pending[i], name(i), m_items[i]);
    }
    for (DocumentPage& half : halves)
        half.m_names.shrink_to_fit();
    *this = std::move(halves[0]);
    return std::move(halves[1]);
}

size_t DocumentPage::memoryBytes() const
{
    return m_tags.capacity() + m_pending.capacity() + m_items.capacity() * sizeof(Item) +
           m_names.capacity();
}

} // namespace fluxion
