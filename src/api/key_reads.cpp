#include "api/key_reads.h"

#include <algorithm>
#include <span>
#include <utility>

#include "api/call.h"

namespace fluxion {

namespace {

constexpr size_t kReplyRoomBytes = 96; // for what stands beside the value

std::string replyOf(const std::string& id, const KeyRead& read)
{
    std::string out;
    out.reserve(read.value().size() + kReplyRoomBytes);
    ReplyWriter writer(out, id);
    writer.text("value", read.value())
        .boolean("found", read.state.found)
        .unsignedInteger("ver", read.state.version);
    if (read.state.expiryUs != 0)
        writer.integer("expires", read.state.expiryUs / kUsPerMs);
    writer.end();
    return out;
}

} // namespace

void KeyReads::add(const Call& call, const KeyRef& key)
{
    Asked& asked = m_asked[m_count++];
    asked.kind = call.kind;
    asked.id.assign(*call.id);
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

void KeyReads::answerSome()
{
    const size_t count = m_count;
    look(count);
    size_t done = 0;
    while (done < count && !m_link.isFull()) {
        m_link.send(m_asked[done].kind, replyOf(m_asked[done].id, m_reads[done]));
        m_reads[done++] = {};
    }
    // What is left is looked up anew when there is room: its values may be large.
    std::fill(m_reads.begin() + done, m_reads.begin() + count, KeyRead());
    std::rotate(m_asked.begin(), m_asked.begin() + done, m_asked.begin() + m_count);
    m_count -= done;
}

// Those next to each other that are of one collection at a time.
void KeyReads::look(size_t count)
{
    for (size_t first = 0; first < count;) {
        const Asked& asked = m_asked[first];
        size_t end = first;
        for (; end < count && m_asked[end].collection == asked.collection &&
               m_asked[end].tenant == asked.tenant;
             ++end)
            m_reads[end].key = m_asked[end].key;
        const auto collection = m_service.engine.store().find(asked.tenant, asked.collection);
        if (collection)
            collection->get(std::span(m_reads).subspan(first, end - first));
        first = end;
    }
    // As it is now: past its expiry a key is gone, whether or not the log says so yet.
    const int64_t nowUs = m_service.engine.nowUs();
    for (size_t i = 0; i < count; ++i)
        m_reads[i].state.endIfOver(nowUs);
}

} // namespace fluxion
