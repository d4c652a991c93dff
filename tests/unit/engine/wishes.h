#pragma once

// Proposals, short to write down, and mailboxes that remember what they were told.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/proposal.h"

namespace fluxion {

struct TestRecord {
    std::string collection;
    std::string doc;
    int64_t ts = 0;
    std::string data = "{}";
};

inline Wish insert(const std::vector<TestRecord>& records)
{
    InsertedFact fact;
    InsertProposal wish;
    for (const TestRecord& r : records) {
        size_t at = 0;
        while (at < fact.groups.size() && fact.groups[at].collection != r.collection)
            ++at;
        if (at == fact.groups.size()) {
            fact.groups.push_back({r.collection, {}});
            wish.collections.push_back(r.collection);
        }
        fact.groups[at].records.push_back({r.doc, r.ts, r.data});
    }
    if (!records.empty())
        encodeFact(fact, wish.payload);
    return wish;
}

inline Wish set(std::string collection, std::string key, std::string value = "v")
{
    return SetKeyProposal{std::move(collection), std::move(key), std::move(value)};
}

inline Wish removeKey(std::string collection, std::string key)
{
    return RemoveKeyProposal{std::move(collection), std::move(key)};
}

inline Wish removeRecord(std::string collection, std::string doc, int64_t ts)
{
    DeleteRecordsProposal wish;
    wish.items.push_back({std::move(collection), std::move(doc), ts});
    return wish;
}

inline Wish removeRange(std::string collection, std::string doc, int64_t from, int64_t to)
{
    return DeleteRangeProposal{std::move(collection), std::move(doc), from, to};
}

inline Wish removeDocument(std::string doc, std::optional<std::string> collection = {})
{
    return DeleteDocumentProposal{std::move(doc), std::move(collection)};
}

inline Wish drop(std::string collection)
{
    return DropCollectionProposal{std::move(collection)};
}

inline KeyHash hashOf(int number)
{
    KeyHash hash{};
    hash.fill('h');
    hash[0] = static_cast<char>(number);
    hash[1] = static_cast<char>(number >> 8);
    return hash;
}

inline Wish setApiKey(int number, Scope scope, std::string hint = "hint")
{
    return SetApiKeyProposal{hashOf(number), scope, std::move(hint)};
}

inline Wish removeApiKey(int number)
{
    return RemoveApiKeyProposal{hashOf(number)};
}

// Any thread.
class TestMailbox : public Mailbox {
  public:
    void deliver(std::vector<Done> done) override
    {
        std::lock_guard lock(m_mutex);
        ++m_letters;
        for (Done& one : done)
            m_done.push_back(std::move(one));
        m_changed.notify_all();
    }
    void roomAgain() override
    {
        std::lock_guard lock(m_mutex);
        ++m_rooms;
        m_changed.notify_all();
    }
    void keysChanged() override
    {
        std::lock_guard lock(m_mutex);
        ++m_keyChanges;
        m_doneAtKeyChange = m_done.size();
    }

    // What arrived since the last call.
    std::vector<Done> take()
    {
        std::lock_guard lock(m_mutex);
        return std::exchange(m_done, {});
    }
    // The same, once there are `count`; fewer if a minute goes by.
    std::vector<Done> take(size_t count)
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait_for(lock, std::chrono::minutes(1), [&] { return m_done.size() >= count; });
        return std::exchange(m_done, {});
    }
    size_t letters() const { return locked(m_letters); } // calls of deliver()
    size_t rooms() const { return locked(m_rooms); }
    size_t keyChanges() const { return locked(m_keyChanges); }
    size_t doneAtKeyChange() const { return locked(m_doneAtKeyChange); }
    size_t waiting() const
    {
        std::lock_guard lock(m_mutex);
        return m_done.size();
    }

  private:
    size_t locked(const size_t& number) const
    {
        std::lock_guard lock(m_mutex);
        return number;
    }

    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<Done> m_done;
    size_t m_letters = 0;
    size_t m_rooms = 0;
    size_t m_keyChanges = 0;
    size_t m_doneAtKeyChange = 0; // how many outcomes had come before the last one
};

} // namespace fluxion
