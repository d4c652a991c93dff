#include "store/value_page.h"

#include <cstring>

#include "base/hash.h"

namespace fluxion {

namespace {

// Arena entry: flags, varint version, seq, [expiry], key length, value length, then the blob's
// place or the bytes of key and value. Only ever read back by this file in the same process.
constexpr uint8_t kTombstone = 1;
constexpr uint8_t kExpiry = 2;
constexpr uint8_t kBlob = 4;
constexpr size_t kMaxHeaderBytes = 1 + 6 * 10;
constexpr uint32_t kDead = UINT32_MAX; // offset of an item that is being rewritten
constexpr size_t kIndexStep = 16;      // items by which the index arrays grow
constexpr size_t kMinCompactBytes = 512;
constexpr size_t kSlack = 32;           // an arena grows by this part of itself
constexpr size_t kArenaStepBytes = 512; // in steps, so that what one page leaves fits another

uint64_t readVarint(const char*& at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const auto b = static_cast<uint8_t>(*at++);
        value |= static_cast<uint64_t>(b & 0x7f) << shift;
        if (b < 0x80)
            return value;
    }
}

char* writeVarint(char* at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = static_cast<char>(value | 0x80);
        value >>= 7;
    }
    *at++ = static_cast<char>(value);
    return at;
}

size_t writeHeader(char* out, const ValueItem& item, bool blob, size_t blobIndex)
{
    char* at = out;
    const int flags =
        (item.tombstone ? kTombstone : 0) | (item.expiryUs != 0 ? kExpiry : 0) | (blob ? kBlob : 0);
    *at++ = static_cast<char>(flags);
    at = writeVarint(at, item.version);
    at = writeVarint(at, item.seq);
    if (item.expiryUs != 0)
        at = writeVarint(at, static_cast<uint64_t>(item.expiryUs));
    at = writeVarint(at, item.key.size());
    at = writeVarint(at, item.value.size());
    if (blob)
        at = writeVarint(at, blobIndex);
    return static_cast<size_t>(at - out);
}

size_t roomFor(size_t bytes)
{
    const size_t room = bytes + bytes / kSlack;
    return (room + kArenaStepBytes - 1) / kArenaStepBytes * kArenaStepBytes;
}

template <class T> void reserveStep(std::vector<T>& v)
{
    if (v.size() == v.capacity())
        v.reserve(v.size() + kIndexStep);
}

} // namespace

struct ValuePage::Header {
    uint8_t flags = 0;
    uint64_t version = 0;
    uint64_t seq = 0;
    int64_t expiryUs = 0;
    size_t keyBytes = 0;
    size_t valueBytes = 0;
    size_t blobIndex = 0;
    const char* bytes = nullptr; // key, then value
    size_t entryBytes = 0;       // in the arena
};

uint64_t ValuePage::hashOf(std::string_view key)
{
    return hash64(key, tableSeed());
}

ValuePage::Header ValuePage::headerAt(size_t index) const
{
    const char* const begin = m_arena.data() + m_offsets[index];
    const char* at = begin;
    Header h;
    h.flags = static_cast<uint8_t>(*at++);
    h.version = readVarint(at);
    h.seq = readVarint(at);
    if ((h.flags & kExpiry) != 0)
        h.expiryUs = static_cast<int64_t>(readVarint(at));
    h.keyBytes = readVarint(at);
    h.valueBytes = readVarint(at);
    if ((h.flags & kBlob) != 0) {
        h.blobIndex = readVarint(at);
        h.bytes = m_blobs[h.blobIndex]->bytes.data();
        h.entryBytes = static_cast<size_t>(at - begin);
    } else {
        h.bytes = at;
        h.entryBytes = static_cast<size_t>(at - begin) + h.keyBytes + h.valueBytes;
    }
    return h;
}

// From `index` on the first item with this tag, or kNone.
size_t ValuePage::nextWithTag(size_t index, uint8_t tag) const
{
    if (index >= m_tags.size())
        return kNone;
    const uint8_t* const begin = m_tags.data();
    const void* const at = std::memchr(begin + index, tag, m_tags.size() - index);
    return at ? static_cast<size_t>(static_cast<const uint8_t*>(at) - begin) : kNone;
}

size_t ValuePage::find(uint64_t hash, std::string_view key) const
{
    const auto tag = static_cast<uint8_t>(hash);
    for (size_t i = nextWithTag(0, tag); i != kNone; i = nextWithTag(i + 1, tag)) {
        if (m_moreTags[i] != static_cast<uint8_t>(hash >> 8))
            continue;
        const Header h = headerAt(i);
        if (std::string_view(h.bytes, h.keyBytes) == key)
            return i;
    }
    return kNone;
}

void ValuePage::prefetch(int step, uint64_t hash) const
{
    constexpr size_t kLine = 64;
    const auto tag = static_cast<uint8_t>(hash);
    if (step == 0) {
        for (size_t i = 0; i < m_tags.size(); i += kLine)
            __builtin_prefetch(&m_tags[i]);
        return;
    }
    for (size_t i = nextWithTag(0, tag); i != kNone; i = nextWithTag(i + 1, tag)) {
        if (step == 1) {
            __builtin_prefetch(&m_moreTags[i]);
            __builtin_prefetch(&m_offsets[i]);
        } else if (m_moreTags[i] == static_cast<uint8_t>(hash >> 8)) {
            __builtin_prefetch(m_arena.data() + m_offsets[i]);
            __builtin_prefetch(m_arena.data() + m_offsets[i] + kLine);
        }
    }
}

ValueItem ValuePage::itemOf(const Header& h)
{
    return {{h.bytes, h.keyBytes},
            {h.bytes + h.keyBytes, h.valueBytes},
            h.version,
            h.expiryUs,
            h.seq,
            (h.flags & kTombstone) != 0};
}

ValueItem ValuePage::at(size_t index) const
{
    return itemOf(headerAt(index));
}

ValueItem ValuePage::at(size_t index, Ref<const ValueBlob>& blob) const
{
    const Header h = headerAt(index);
    blob = (h.flags & kBlob) == 0 ? Ref<const ValueBlob>()
                                  : Ref<const ValueBlob>(m_blobs[h.blobIndex].get());
    return itemOf(h);
}

Ref<ValueBlob> ValuePage::makeBlob(std::string_view key, std::string_view value)
{
    if (key.size() + value.size() <= kInlineItemBytes)
        return {};
    Ref<ValueBlob> blob = Ref<ValueBlob>::make();
    blob->bytes.reserve(key.size() + value.size());
    blob->bytes.append(key).append(value);
    return blob;
}

void ValuePage::insert(uint64_t hash, const ValueItem& item, Ref<ValueBlob> blob)
{
    reserveStep(m_tags);
    reserveStep(m_moreTags);
    reserveStep(m_offsets);
    m_tags.push_back(static_cast<uint8_t>(hash));
    m_moreTags.push_back(static_cast<uint8_t>(hash >> 8));
    m_offsets.push_back(kDead);
    appendEntry(m_offsets.size() - 1, item, std::move(blob));
}

void ValuePage::replace(size_t index, const ValueItem& item, Ref<ValueBlob> blob)
{
    const Header old = headerAt(index);
    release(old);
    if (!blob) {
        char header[kMaxHeaderBytes];
        const size_t headerBytes = writeHeader(header, item, false, 0);
        const size_t bytes = headerBytes + item.key.size() + item.value.size();
        if (bytes <= old.entryBytes) {
            char* const out = m_arena.data() + m_offsets[index];
            std::memcpy(out, header, headerBytes);
            item.key.copy(out + headerBytes, item.key.size());
            item.value.copy(out + headerBytes + item.key.size(), item.value.size());
            m_garbageBytes += old.entryBytes - bytes;
            if (!isMostlyLive())
                compact(0);
            return;
        }
    }
    m_garbageBytes += old.entryBytes;
    m_offsets[index] = kDead;
    appendEntry(index, item, std::move(blob));
}

// The last one takes its place.
void ValuePage::erase(size_t index)
{
    const Header old = headerAt(index);
    release(old);
    m_garbageBytes += old.entryBytes;
    m_tags[index] = m_tags.back();
    m_moreTags[index] = m_moreTags.back();
    m_offsets[index] = m_offsets.back();
    m_tags.pop_back();
    m_moreTags.pop_back();
    m_offsets.pop_back();
    if (!isMostlyLive())
        compact(0);
}

void ValuePage::release(const Header& header)
{
    if ((header.flags & kBlob) == 0)
        return;
    m_blobBytes -= m_blobs[header.blobIndex]->bytes.capacity();
    m_blobs[header.blobIndex] = {};
}

void ValuePage::appendEntry(size_t index, const ValueItem& item, Ref<ValueBlob> blob)
{
    makeRoom(kMaxHeaderBytes + (blob ? 0 : item.key.size() + item.value.size()));
    char header[kMaxHeaderBytes];
    const size_t headerBytes = writeHeader(header, item, static_cast<bool>(blob), m_blobs.size());
    m_offsets[index] = static_cast<uint32_t>(m_arena.size());
    m_arena.insert(m_arena.end(), header, header + headerBytes);
    if (blob) {
        m_blobBytes += blob->bytes.capacity();
        m_blobs.push_back(std::move(blob));
    } else {
        m_arena.insert(m_arena.end(), item.key.begin(), item.key.end());
        m_arena.insert(m_arena.end(), item.value.begin(), item.value.end());
    }
}

bool ValuePage::isMostlyLive() const
{
    return m_garbageBytes <= kMinCompactBytes || m_garbageBytes <= m_arena.size() / 3;
}

void ValuePage::makeRoom(size_t bytes)
{
    const bool full = m_arena.size() + bytes > m_arena.capacity();
    if (!isMostlyLive() || (full && m_garbageBytes > 0))
        compact(bytes);
    else if (full)
        m_arena.reserve(roomFor(m_arena.size() + bytes));
}

void ValuePage::compact(size_t extraBytes)
{
    const size_t live = m_arena.size() - m_garbageBytes;
    std::vector<char> arena;
    std::vector<Ref<ValueBlob>> blobs;
    arena.reserve(roomFor(live + extraBytes));
    for (size_t i = 0; i < m_offsets.size(); ++i) {
        if (m_offsets[i] == kDead)
            continue;
        const Header h = headerAt(i);
        const auto offset = static_cast<uint32_t>(arena.size());
        if ((h.flags & kBlob) != 0) {
            char header[kMaxHeaderBytes];
            const size_t bytes = writeHeader(header, at(i), true, blobs.size());
            arena.insert(arena.end(), header, header + bytes);
            blobs.push_back(std::move(m_blobs[h.blobIndex]));
        } else {
            const char* const entry = m_arena.data() + m_offsets[i];
            arena.insert(arena.end(), entry, entry + h.entryBytes);
        }
        m_offsets[i] = offset;
    }
    m_arena = std::move(arena);
    m_blobs = std::move(blobs);
    m_garbageBytes = 0;
}

size_t ValuePage::dropAll(uint64_t seq)
{
    ValuePage next;
    size_t dropped = 0;
    next.m_tags = m_tags;
    next.m_moreTags = m_moreTags;
    next.m_offsets.assign(m_offsets.size(), kDead);
    for (size_t i = 0; i < m_offsets.size(); ++i) {
        ValueItem item = at(i);
        if (!item.tombstone) {
            item = {item.key, {}, item.version + 1, 0, seq, true};
            ++dropped;
        }
        next.appendEntry(i, item, makeBlob(item.key, item.value));
    }
    if (dropped > 0)
        *this = std::move(next);
    return dropped;
}

ValuePage ValuePage::splitOff(unsigned bit)
{
    ValuePage halves[2];
    std::vector<uint8_t> side(size());
    size_t bytes[2] = {};
    size_t items[2] = {};
    for (size_t i = 0; i < size(); ++i) {
        const Header h = headerAt(i);
        side[i] = (hashOf({h.bytes, h.keyBytes}) >> bit & 1) != 0;
        bytes[side[i]] += h.entryBytes;
        ++items[side[i]];
    }
    for (size_t s = 0; s < 2; ++s) {
        halves[s].m_tags.reserve(items[s] + kIndexStep);
        halves[s].m_moreTags.reserve(items[s] + kIndexStep);
        halves[s].m_offsets.reserve(items[s] + kIndexStep);
        halves[s].m_arena.reserve(roomFor(bytes[s] + kMaxHeaderBytes));
    }
    for (size_t i = 0; i < size(); ++i) {
        ValuePage& half = halves[side[i]];
        const Header h = headerAt(i);
        half.m_tags.push_back(m_tags[i]);
        half.m_moreTags.push_back(m_moreTags[i]);
        half.m_offsets.push_back(static_cast<uint32_t>(half.m_arena.size()));
        if ((h.flags & kBlob) != 0) {
            char header[kMaxHeaderBytes];
            const size_t length = writeHeader(header, at(i), true, half.m_blobs.size());
            half.m_arena.insert(half.m_arena.end(), header, header + length);
            half.m_blobBytes += m_blobs[h.blobIndex]->bytes.capacity();
            half.m_blobs.push_back(m_blobs[h.blobIndex]);
        } else {
            const char* const entry = m_arena.data() + m_offsets[i];
            half.m_arena.insert(half.m_arena.end(), entry, entry + h.entryBytes);
        }
    }
    *this = std::move(halves[0]);
    return std::move(halves[1]);
}

size_t ValuePage::memoryBytes() const
{
    return m_tags.capacity() + m_moreTags.capacity() + m_offsets.capacity() * sizeof(uint32_t) +
           m_arena.capacity() + m_blobs.capacity() * sizeof(Ref<ValueBlob>) + m_blobBytes;
}

} // namespace fluxion
