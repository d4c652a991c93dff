#pragma once

// Random operations over a few names, of all kinds that subscribers hear of.

#include <random>
#include <string>

#include "unit/live/live_fixture.h"

namespace fluxion {

class LiveWishes {
  public:
    explicit LiveWishes(std::mt19937_64& random) : m_random(random) {}

    uint64_t below(uint64_t n) { return m_random() % n; }
    std::string collection() { return below(3) == 0 ? "e" : "c"; }
    std::string key() { return "k" + std::to_string(below(6)); }
    std::string document() { return "d" + std::to_string(below(4)); }
    std::string value()
    {
        static const char* const kWords[] = {"red", "blue", "red old", "", "green"};
        return kWords[below(5)] + std::string(below(40) == 0 ? 400 : below(6), '.');
    }
    int64_t ts() { return static_cast<int64_t>(below(40)); }
    std::optional<int64_t> ttl()
    {
        if (below(3) != 0)
            return {};
        return static_cast<int64_t>(1 + below(20'000));
    }

    // `store` tells which tombstones there are to be forgotten.
    Wish next(const Store& store)
    {
        switch (below(16)) {
        case 0:
        case 1:
        case 2:
        case 3:
            return SetKeyProposal{collection(), key(), value(), {}, ttl().value_or(0)};
        case 4:
        case 5:
            return removeKey(collection(), key());
        case 6:
        case 7:
            return several();
        case 8:
        case 9:
        case 10:
        case 11:
            return records();
        case 12:
            return removeRecord(collection(), document(), ts());
        case 13:
            return removeRange(collection(), document(), ts() - 5, ts());
        case 14:
            if (below(3) == 0)
                return drop(collection());
            return removeDocument(document(),
                                  below(2) == 0 ? std::optional(collection()) : std::nullopt);
        default:
            return forgotten(store);
        }
    }

    Wanted wanted(bool mayWantBefore = true)
    {
        Wanted w;
        w.documents = below(3) == 0;
        if (below(2) == 0)
            w.collection = collection();
        if (below(4) == 0)
            w.name = w.documents ? document() : key();
        else if (below(4) == 0)
            w.nameHas = std::to_string(below(4));
        w.fields = {below(4) != 0, below(2) == 0, below(3) == 0, below(4) == 0};
        if (below(3) == 0)
            w.has = "red";
        if (below(4) == 0)
            w.hasNot = "old";
        if (!mayWantBefore && !w.documents) {
            w.has = w.hasNot = {};
            w.fields.previous = false;
        }
        return w;
    }

  private:
    Wish several()
    {
        WriteKeysProposal wish{collection(), {}};
        const uint64_t first = below(6);
        for (uint64_t i = 0; i <= below(4); ++i) {
            const bool sets = below(3) != 0;
            using Op = WriteKeysProposal::Op;
            wish.writes.push_back({sets ? Op::Set : Op::Remove,
                                   "k" + std::to_string((first + i) % 6),
                                   sets ? value() : "",
                                   {},
                                   sets ? ttl() : std::nullopt});
        }
        return wish;
    }
    Wish records()
    {
        std::vector<TestRecord> list;
        for (uint64_t i = 0; i <= below(5); ++i)
            list.push_back({collection(), document(), ts(), value()});
        return insert(list);
    }
    Wish forgotten(const Store& store)
    {
        ForgetKeysProposal wish{collection(), {}};
        const auto there = store.find(0, wish.collection);
        for (int i = 0; there && i < 6; ++i) {
            const std::string key = "k" + std::to_string(i);
            const KeyHead head = there->head(key);
            if (head.tombstone)
                wish.tombstones.push_back({key, head.seq});
        }
        if (wish.tombstones.empty())
            return SetKeyProposal{collection(), key(), value()};
        return wish;
    }

    std::mt19937_64& m_random;
};

} // namespace fluxion
