#pragma once

// The decider alone: proposals in, what becomes of them out, as text. The commit thread in small,
// with a clock that is told what time it is.

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/decider.h"
#include "unit/engine/wishes.h"

namespace fluxion {

inline constexpr uint64_t kMaxPayloadBytes = 4000;

inline DecisionLimits limitsOf(uint64_t maxCollections = 3, uint64_t maxApiKeys = 2)
{
    return {maxCollections, maxApiKeys, kMaxPayloadBytes};
}

// A fact in a few words; with `values` also a set key's value and expiry.
struct TellFact {
    bool values = false;

    std::string content(std::string_view value, int64_t expiryUs) const
    {
        if (!values)
            return "";
        return " " + std::string(value) +
               (expiryUs != 0 ? " until " + std::to_string(expiryUs) : "");
    }
    std::string operator()(const InsertedFact& f) const
    {
        std::string text = "insert";
        for (const auto& group : f.groups)
            text += " " + std::string(group.collection) + std::to_string(group.records.size());
        return text;
    }
    std::string operator()(const RecordsDeletedFact& f) const
    {
        std::string text = "records";
        for (const auto& i : f.items)
            text += " " + std::string(i.doc) + std::to_string(i.ts);
        return text;
    }
    std::string operator()(const RangeDeletedFact& f) const
    {
        return "range " + std::to_string(f.from) + ".." + std::to_string(f.to);
    }
    std::string operator()(const DocumentDeletedFact& f) const
    {
        std::string text = "document";
        for (const auto& name : f.collections)
            text += " " + std::string(name);
        return text;
    }
    std::string operator()(const CollectionDroppedFact&) const { return "drop"; }
    std::string operator()(const KeySetFact& f) const
    {
        return "set v" + std::to_string(f.version) + " after " + std::to_string(f.previousSeq) +
               content(f.value, f.expiryUs);
    }
    std::string operator()(const KeyRemovedFact& f) const
    {
        return "gone v" + std::to_string(f.version) + " after " + std::to_string(f.previousSeq);
    }
    std::string operator()(const KeyExpiredFact& f) const
    {
        return "expired " + std::string(f.key) + " v" + std::to_string(f.version) + " after " +
               std::to_string(f.previousSeq);
    }
    std::string operator()(const KeysForgottenFact& f) const
    {
        std::string text = "forget";
        for (const auto& key : f.keys)
            text += " " + std::string(key);
        return text + " up to v" + std::to_string(f.versionFloor);
    }
    std::string operator()(const KeysWrittenFact& f) const
    {
        std::string text = "write";
        for (const auto& w : f.writes) {
            const bool set = w.kind == KeysWrittenFact::Kind::Set;
            text += (set ? " +" : " -") + std::string(w.key) + " v" + std::to_string(w.version) +
                    " after " + std::to_string(w.previousSeq) +
                    (set ? content(w.value, w.expiryUs) : "");
        }
        return text;
    }
    std::string operator()(const ApiKeySetFact& f) const
    {
        return "api " + std::to_string(f.id) + " " + std::string(token(f.scope)) + " " +
               std::string(f.hint);
    }
    std::string operator()(const ApiKeyRemovedFact& f) const
    {
        return "api gone " + std::to_string(f.id);
    }
};

class Desk {
  public:
    explicit Desk(DecisionLimits limits, bool tellValues = false)
        : m_decider(m_store, limits), m_tell{tellValues}
    {
        m_decider.beginBatch(0);
    }

    // "set v1 after 0", "-" for no entry, the code of a refusal; "split, " in front of it when the
    // batch had to end first. After a conflict how the key is; of several writes "[their
    // versions]".
    std::string decide(const Wish& wish, uint32_t tenant = 0)
    {
        const Proposal proposal{{tenant, 0, Scope::Master}, wish, nullptr, 0};
        const Decision d = m_decider.decide(proposal, nextSeq());
        switch (d.verdict) {
        case Decision::Verdict::Nothing:
            CHECK(d.status.ok());
            return "-" + versionsOf(d);
        case Decision::Verdict::Refused:
            return std::string(token(d.status.error().code)) + conflictOf(d);
        case Decision::Verdict::Split:
            REQUIRE_MESSAGE(!m_fresh, "a split of an untouched batch would go on for ever");
            endBatch();
            return "split, " + decide(wish, tenant);
        case Decision::Verdict::First: {
            const std::string first = enter(d, tenant);
            return first + ", " + decide(wish, tenant);
        }
        case Decision::Verdict::Entry:
            break;
        }
        return enter(d, tenant) + versionsOf(d);
    }
    // Of a key that is due, as if its time had come: the entry, "-" or "split".
    std::string expire(const Expiries::Key& key)
    {
        const Decision d = m_decider.expire(key, nextSeq());
        if (d.verdict == Decision::Verdict::Entry)
            return enter(d, key.tenant);
        CHECK((d.verdict == Decision::Verdict::Nothing || d.verdict == Decision::Verdict::Split));
        return d.verdict == Decision::Verdict::Nothing ? "-" : "split";
    }

    // Applies the batch; the next one is so much later.
    void endBatch(int64_t laterUs = 0)
    {
        for (const auto& [tenant, type, payload] : m_batch) {
            const auto fact = decodeFact(static_cast<uint16_t>(type), payload);
            REQUIRE(m_store.apply(tenant, nextApplied(), m_nowUs, fact.value()).ok());
        }
        m_batch.clear();
        m_nowUs += laterUs;
        m_decider.beginBatch(m_nowUs);
        m_fresh = true;
    }

    const Store& store() const { return m_store; }

  private:
    struct Entry {
        uint32_t tenant;
        FactType type;
        std::string payload;
    };

    uint64_t nextApplied() const { return m_store.appliedSeq() + 1; }
    uint64_t nextSeq() const { return nextApplied() + m_batch.size(); }
    std::string enter(const Decision& d, uint32_t tenant)
    {
        m_fresh = false;
        m_batch.push_back({tenant, d.type, std::string(d.payload)});
        const auto fact = decodeFact(static_cast<uint16_t>(d.type), d.payload);
        REQUIRE(fact.ok());
        if (const auto* f = std::get_if<KeySetFact>(&fact.value()))
            CHECK(f->version == d.version);
        if (const auto* f = std::get_if<KeyRemovedFact>(&fact.value()))
            CHECK(f->version == d.version);
        return std::visit(m_tell, fact.value());
    }
    static std::string versionsOf(const Decision& d)
    {
        if (!d.versions)
            return "";
        std::string text = " [";
        for (const uint64_t version : *d.versions)
            text += (text.size() > 2 ? " " : "") + std::to_string(version);
        return text + "]";
    }
    static std::string conflictOf(const Decision& d)
    {
        if (!d.conflict)
            return "";
        CHECK((d.conflict->found || d.conflict->value.view().empty()));
        return " " + d.conflict->key + " v" + std::to_string(d.conflict->version) +
               (d.conflict->found ? " " + std::string(d.conflict->value.view()) : " gone");
    }

    Store m_store;
    Decider m_decider;
    const TellFact m_tell;
    std::vector<Entry> m_batch;
    int64_t m_nowUs = 0;
    bool m_fresh = true; // nothing of this batch was decided
};

// A wish, or time that passes, with which a batch ends.
struct DeskStep {
    template <class W>
    requires std::is_constructible_v<Wish, W> DeskStep(W&& w) : wish(std::forward<W>(w)) {}
    explicit DeskStep(int64_t us) : waitUs(us) {}

    std::optional<Wish> wish;
    int64_t waitUs = 0;
};

inline DeskStep wait(int64_t us)
{
    return DeskStep(us);
}

struct DeskCase {
    const char* name;
    std::vector<DeskStep> before; // each in a batch of its own
    std::vector<DeskStep> batch;
    std::vector<std::string> expected; // of the batch's wishes
};

inline std::string joined(const std::vector<std::string>& lines)
{
    std::string text;
    for (const std::string& line : lines)
        text += line + "; ";
    return text;
}

inline void check(const std::vector<DeskCase>& cases, DecisionLimits limits = limitsOf(),
                  bool tellValues = false)
{
    for (const DeskCase& c : cases) {
        CAPTURE(std::string(c.name));
        Desk desk(limits, tellValues);
        Desk alone(limits, tellValues); // the same, every proposal in a batch of its own
        for (const DeskStep& step : c.before) {
            for (Desk* const d : {&desk, &alone}) {
                if (step.wish)
                    d->decide(*step.wish);
                d->endBatch(step.waitUs);
            }
        }
        std::vector<std::string> decided;
        for (const DeskStep& step : c.batch) {
            if (!step.wish) {
                desk.endBatch(step.waitUs);
                alone.endBatch(step.waitUs);
                continue;
            }
            decided.push_back(desk.decide(*step.wish));
            const std::string single = alone.decide(*step.wish);
            alone.endBatch();
            // How proposals fall into batches must not show.
            const bool split = decided.back().starts_with("split, ");
            CHECK(decided.back().substr(split ? 7 : 0) == single);
        }
        desk.endBatch();
        CHECK(joined(decided) == joined(c.expected));
        CHECK(contentHash(desk.store().openCut()) == contentHash(alone.store().openCut()));
    }
}

} // namespace fluxion
