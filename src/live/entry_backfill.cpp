#include "live/backfill.h"
#include "live/entry_text.h"

namespace fluxion {

EntryBackfill::EntryBackfill(LiveSource& source, EventBytes& bytes, EntryWish wish, LogPlace after,
                             PieceLimits limits)
    : LogBackfill(source, bytes, after, limits), m_lastSeq(wish.lastSeq), m_left(wish.limit)
{
}

Status EntryBackfill::takeEntry(uint64_t seq, const Entry& entry, BackfillPiece& piece)
{
    std::string text;
    if (Status status = appendEntryText(text, seq, entry); !status)
        return status;
    add(seq, std::move(text), 0, piece);
    m_after = seq;
    --m_left;
    return {};
}

} // namespace fluxion
