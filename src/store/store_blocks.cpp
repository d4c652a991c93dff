// How the views of a store stand in a checkpoint. A block of series or values is a row of sections:
//   section   varint tenant, text collection, [values: varint version floor], varint n, n items
//   document  text name, u8 0 or (a further part of the document before) 1, a part as in document.h
//   value     text key, u8 flags, varint version, varint seq, [svarint expiryUs], [text value]
// A collection that fills several blocks has a section in each.

#include "base/bytes.h"
#include "store/store.h"

namespace fluxion {

namespace {

constexpr uint8_t kFirstPart = 0;
constexpr uint8_t kFurtherPart = 1;

constexpr uint8_t kTombstone = 1; // has no value and no expiry
constexpr uint8_t kExpires = 2;

Status damagedBlock()
{
    return {Code::Damaged, "a checkpoint's block fails its checks"};
}

// Gathers items into sections and sections into blocks.
class SectionWriter {
  public:
    explicit SectionWriter(const BlockSink& sink) : m_sink(sink) {}

    // The section's beginning; may be added to until the first item.
    ByteWriter begin(const Collection& collection)
    {
        m_header.clear();
        ByteWriter w(m_header);
        w.varint(collection.tenant());
        w.text(collection.name());
        return w;
    }
    ByteWriter items()
    {
        if (!m_isOpen)
            open();
        return ByteWriter(m_block);
    }
    // After each item.
    Status added()
    {
        ++m_count;
        if (m_block.size() < kCheckpointBlockBytes)
            return {};
        end(false);
        return flush();
    }
    void end(bool evenIfEmpty)
    {
        if (!m_isOpen && !evenIfEmpty)
            return;
        if (!m_isOpen)
            open();
        for (size_t i = 0; i < kCountBytes; ++i) {
            const bool more = i + 1 < kCountBytes;
            m_block[m_countAt + i] =
                static_cast<char>((m_count >> (7 * i) & 0x7f) | (more ? 0x80 : 0));
        }
        m_isOpen = false;
    }
    Status flush()
    {
        if (m_block.empty())
            return {};
        const Status status = m_sink(m_block);
        m_block.clear();
        return status;
    }

  private:
    // The items' count is known behind them: a varint of so many bytes, whatever it is. A block has
    // not as many items as it has bytes, and ends with the item that makes it large.
    static constexpr size_t kCountBytes = 4;

    void open()
    {
        m_block += m_header;
        m_countAt = m_block.size();
        m_block.append(kCountBytes, '\0');
        m_count = 0;
        m_isOpen = true;
    }

    const BlockSink& m_sink;
    std::string m_header;
    std::string m_block;
    size_t m_countAt = 0; // in the block
    uint64_t m_count = 0;
    bool m_isOpen = false;
};

Status saveDocument(SectionWriter& out, std::string_view name, const Document& document)
{
    size_t position = 0;
    uint8_t part = kFirstPart;
    for (bool more = true; more; part = kFurtherPart) {
        ByteWriter w = out.items();
        w.text(name);
        w.u8(part);
        more = document.savePart(w, position, kCheckpointBlockBytes);
        if (Status status = out.added(); !status.ok())
            return status;
    }
    return {};
}

Status saveValuePage(SectionWriter& out, const ValuePage& page)
{
    for (size_t i = 0; i < page.size(); ++i) {
        const ValueItem item = page.at(i);
        const bool expires = item.expiryUs != 0;
        ByteWriter w = out.items();
        w.text(item.key);
        w.u8(static_cast<uint8_t>((item.tombstone ? kTombstone : 0) | (expires ? kExpires : 0)));
        w.varint(item.version);
        w.varint(item.seq);
        if (expires)
            w.svarint(item.expiryUs);
        if (!item.tombstone)
            w.text(item.value);
        if (Status status = out.added(); !status.ok())
            return status;
    }
    return {};
}

// Calls section(tenant, name, reader) for each section of the block.
template <class Section> Status readSections(std::string_view block, Section&& section)
{
    if (block.empty())
        return damagedBlock();
    ByteReader in(block);
    while (!in.atEnd()) {
        const uint64_t tenant = in.varint();
        const std::string_view name = in.text();
        if (!in.ok() || tenant > UINT32_MAX)
            return damagedBlock();
        if (Status status = section(static_cast<uint32_t>(tenant), name, in); !status.ok())
            return status;
        if (!in.ok())
            return damagedBlock();
    }
    return {};
}

} // namespace

Status Store::saveSeries(const Cut& cut, const BlockSink& sink)
{
    SectionWriter out(sink);
    for (const Cut::Part& part : cut.collections) {
        out.begin(*part.collection);
        for (size_t p = 0; p < part.series.pages.pageCount(); ++p) {
            const DocumentPage& page = part.series.pages.page(p);
            for (size_t i = 0; i < page.size(); ++i) {
                Status status = saveDocument(out, page.name(i), *page.document(i));
                if (!status.ok())
                    return status;
            }
        }
        out.end(false);
    }
    return out.flush();
}

Status Store::saveValues(const Cut& cut, const BlockSink& sink)
{
    SectionWriter out(sink);
    for (const Cut::Part& part : cut.collections) {
        const Values::Pin& values = part.values;
        out.begin(*part.collection).varint(values.versionFloor);
        for (size_t p = 0; p < values.pages.pageCount(); ++p) {
            if (Status status = saveValuePage(out, values.pages.page(p)); !status.ok())
                return status;
        }
        out.end(values.versionFloor != 0 && values.liveCount + values.tombstoneCount == 0);
    }
    return out.flush();
}

Status Store::saveApiKeys(const Cut& cut, const BlockSink& sink)
{
    std::string block;
    ApiKeys::save(cut.apiKeys, block);
    return sink(block);
}

Status Store::loadSeriesSection(uint32_t tenant, std::string_view name, ByteReader& in)
{
    const uint64_t count = in.varint();
    if (!in.ok() || count == 0)
        return damagedBlock();
    const std::shared_ptr<Collection> collection = findOrCreate(tenant, name);
    const bool wasListed = collection->listed();
    Status status;
    for (uint64_t i = 0; i < count && status.ok(); ++i) {
        const std::string_view document = in.text();
        const uint8_t part = in.u8();
        if (!in.ok() || part > kFurtherPart)
            status = damagedBlock();
        else
            status = collection->loadDocument(document, part == kFurtherPart, in);
    }
    changed(collection, wasListed);
    return status;
}

Status Store::loadValuesSection(uint32_t tenant, std::string_view name, ByteReader& in)
{
    const uint64_t floor = in.varint();
    const uint64_t count = in.varint();
    if (!in.ok() || (count == 0 && floor == 0))
        return damagedBlock();
    const std::shared_ptr<Collection> collection = findOrCreate(tenant, name);
    const bool wasListed = collection->listed();
    collection->loadVersionFloor(floor);
    Status status;
    for (uint64_t i = 0; i < count && status.ok(); ++i) {
        ValueItem item;
        item.key = in.text();
        const uint8_t flags = in.u8();
        item.version = in.varint();
        item.seq = in.varint();
        item.tombstone = (flags & kTombstone) != 0;
        const bool expires = (flags & kExpires) != 0;
        if (expires)
            item.expiryUs = in.svarint();
        if (!item.tombstone)
            item.value = in.text();
        const bool possible = flags <= (kTombstone | kExpires) && !(item.tombstone && expires) &&
                              expires == (item.expiryUs != 0);
        status = in.ok() && possible ? collection->loadValue(item) : damagedBlock();
        if (status.ok())
            m_expiries.change(tenant, name, item.key, 0, item.expiryUs);
    }
    changed(collection, wasListed);
    return status;
}

Status Store::loadSeriesBlock(std::string_view block)
{
    return readSections(block, [this](uint32_t tenant, std::string_view name, ByteReader& in) {
        return loadSeriesSection(tenant, name, in);
    });
}

Status Store::loadValuesBlock(std::string_view block)
{
    return readSections(block, [this](uint32_t tenant, std::string_view name, ByteReader& in) {
        return loadValuesSection(tenant, name, in);
    });
}

Status Store::loadApiKeysBlock(std::string_view block)
{
    return m_apiKeys.load(block);
}

void Store::loaded(uint64_t seq, int64_t timeUs)
{
    if (seq < appliedSeq())
        return;
    m_appliedTimeUs.store(timeUs, std::memory_order_release);
    m_appliedSeq.store(seq, std::memory_order_release);
}

} // namespace fluxion
