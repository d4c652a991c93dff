#include "api/key_reads.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/call.h"
#include "base/release.h"

namespace fluxion {

namespace {

constexpr size_t kReplyRoomBytes = 96;       // for what stands beside the value
constexpr size_t kKeptReplyBytes = 4 * 1024; // more is given back after each

} // namespace

void KeyReads::add(const Call& call, const KeyRef& key)
{
    m_asked.resize(kMost);
    Asked& asked = m_asked[m_count++];
    asked.kind = call.kind;
    asked.id.assign(*call.id);
    m_idBytes += asked.id.size();
    asked.tenant = call.principal.tenant;
    asked.collection.assign(key.col);
    asked.key.assign(key.key);
}

bool KeyReads::answer()
{
    // A client in this process may ask for the next key while it is given one.
    if (std::exchange(m_answering, true))
        return false;
    while (!empty() && !m_link.isFull())
        answerSome();
    m_answering = false;
    return empty();
}

void KeyReads::rest()
{
    if (!empty())
        return;
    release(m_asked);
    release(m_reply);
}

void KeyReads::answerSome()
{
    std::array<KeyRead, kMost> reads;
    const size_t count = m_count;
    look(std::span(reads).first(count));
    // What is left is looked up anew when there is room: its values may be large.
    size_t done = 0;
    for (; done < count && !m_link.isFull(); ++done)
        write(m_asked[done], reads[done]);
    const auto first = m_asked.begin();
    std::rotate(first, first + static_cast<ptrdiff_t>(done),
                first + static_cast<ptrdiff_t>(m_count));
    m_count -= done;
    if (!empty())
        return;
    if (m_idBytes > kMaxIdBytes)
        rest();
    m_idBytes = 0;
}

void KeyReads::write(const Asked& asked, const KeyRead& read)
{
    m_reply.clear();
    m_reply.reserve(read.value().size() + kReplyRoomBytes);
    ReplyWriter writer(m_reply, asked.id);
    writer.text("value", read.value())
        .boolean("found", read.state.found)
        .unsignedInteger("ver", read.state.version);
    if (read.state.expiryUs != 0)
        writer.integer("expires", read.state.expiryUs / kUsPerMs);
    writer.end();
    m_link.send(asked.kind, std::move(m_reply));
    if (m_reply.capacity() > kKeptReplyBytes)
        release(m_reply);
}

// Those next to each other that are of one collection at a time.
void KeyReads::look(std::span<KeyRead> reads) const
{
    for (size_t first = 0; first < reads.size();) {
        const Asked& asked = m_asked[first];
        size_t end = first;
        for (; end < reads.size() && m_asked[end].collection == asked.collection &&
               m_asked[end].tenant == asked.tenant;
             ++end)
            reads[end].key = m_asked[end].key;
        const auto collection = m_service.engine.store().find(asked.tenant, asked.collection);
        if (collection)
            collection->get(reads.subspan(first, end - first));
        first = end;
    }
    // As it is now: past its expiry a key is gone, whether or not the log says so yet.
    const int64_t nowUs = m_service.engine.nowUs();
    for (KeyRead& read : reads)
        read.state.endIfOver(nowUs);
}

} // namespace fluxion
