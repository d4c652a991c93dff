#include "net/flush_queue.h"

#include <algorithm>

#include "net/plain_transport.h"

namespace fluxion {

// Nulled, not erased: flush() may be walking over them.
void FlushQueue::forget(PlainTransport& transport)
{
    std::replace(m_waiting.begin(), m_waiting.end(), &transport,
                 static_cast<PlainTransport*>(nullptr));
    std::replace(m_flushing.begin(), m_flushing.end(), &transport,
                 static_cast<PlainTransport*>(nullptr));
}

void FlushQueue::flush()
{
    m_flushing.swap(m_waiting);
    for (size_t i = 0; i < m_flushing.size(); ++i) {
        if (m_flushing[i])
            m_flushing[i]->flush();
    }
    m_flushing.clear();
}

} // namespace fluxion
