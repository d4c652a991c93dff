#include "linear/history.h"

#include <algorithm>
#include <sstream>
#include <unordered_map>

namespace fluxion::linear {

namespace {

std::string shown(const Operation& op)
{
    static const char* const kKinds[] = {"read", "set", "patch", "remove"};
    static const char* const kResults[] = {"unknown", "done", "conflict"};
    std::ostringstream out;
    out << kKinds[static_cast<int>(op.kind)] << " " << op.id << " on connection " << op.connection
        << ", asked " << op.asked << ", answered " << op.answered << ": "
        << kResults[static_cast<int>(op.result)] << ", version " << op.version;
    if (op.found)
        out << ", content " << op.content.set << "/" << op.content.patch;
    if (op.expected)
        out << ", expected " << *op.expected;
    return out.str();
}

class Checker {
  public:
    Checker(const Versions& versions, const std::vector<Operation>& operations)
        : m_versions(versions), m_operations(operations)
    {
    }

    std::string run()
    {
        checkVersions();
        checkReplies();
        checkUnknown();
        checkOrderSent();
        checkRealTime();
        return m_wrong;
    }

  private:
    // What an operation has to do with the order of versions.
    struct Event {
        int64_t asked;
        int64_t answered;
        uint64_t version;
        bool made; // the version; else it only saw it
        const Operation* operation;
    };

    void wrong(const std::string& what)
    {
        if (m_wrong.empty())
            m_wrong = what;
    }
    void wrong(const std::string& what, const Operation& op) { wrong(what + ": " + shown(op)); }

    void checkVersions()
    {
        uint64_t before = 0;
        Version last;
        for (const auto& [number, version] : m_versions) {
            if (last.present ? number != before + 1 : number <= before)
                wrong("version " + std::to_string(number) + " follows " + std::to_string(before));
            if (!version.present && !last.present)
                wrong("version " + std::to_string(number) + " removes what is not there");
            if (version.present && !m_made.emplace(version.content.maker(), number).second)
                wrong("write " + std::to_string(version.content.maker()) + " took effect twice");
            before = number;
            last = version;
        }
    }

    // The state that a version number shows: of an absent key it may lie between two versions.
    const Version& at(uint64_t number) const
    {
        static const Version kNone;
        const auto next = m_versions.upper_bound(number);
        return next == m_versions.begin() ? kNone : std::prev(next)->second;
    }
    bool exists(uint64_t number) const { return m_versions.contains(number); }

    void checkReplies()
    {
        for (const Operation& op : m_operations) {
            if (op.result == Result::Unknown)
                continue;
            if (op.kind == Kind::Read || op.result == Result::Conflict)
                checkSeen(op);
            else if (op.kind == Kind::Remove)
                checkRemoved(op);
            else
                checkMade(op);
        }
    }

    void checkSeen(const Operation& op)
    {
        const Version& version = at(op.version);
        if (op.found != version.present || (op.found && !exists(op.version)))
            wrong("sees a key that is not, or none where one is", op);
        else if (op.found && op.content != version.content)
            wrong("sees another value than that of its version", op);
        if (op.result == Result::Conflict && op.expected &&
            fits(*op.expected, op.version, op.found))
            wrong("a conflict with the version that it expected", op);
        m_events.push_back({op.asked, op.answered, op.version, false, &op});
    }

    static bool fits(uint64_t expected, uint64_t version, bool found)
    {
        return expected == version || (expected == 0 && !found);
    }

    void checkMade(const Operation& op)
    {
        const auto made = m_versions.find(op.version);
        if (made == m_versions.end() || !made->second.present)
            return wrong("acknowledged, and not in the log", op);
        if (made->second.content.maker() != op.id)
            return wrong("acknowledged, and its version is another's", op);
        const Version& before = at(op.version - 1);
        Content wanted{op.id, 0};
        if (op.kind == Kind::Patch)
            wanted = {before.present ? before.content.set : 0, op.id};
        if (made->second.content != wanted)
            wrong("made from another value than the one before", op);
        if (op.expected && !fits(*op.expected, op.version - 1, before.present))
            wrong("done, though another version was expected", op);
        m_events.push_back({op.asked, op.answered, op.version, true, &op});
    }

    void checkRemoved(const Operation& op)
    {
        if (op.version == 0) { // nothing was there
            if (op.expected && *op.expected != 0 && at(*op.expected).present)
                wrong("found nothing to remove, though it expected a value", op);
            m_absent.push_back(&op);
            return;
        }
        const auto made = m_versions.find(op.version);
        if (made == m_versions.end() || made->second.present)
            return wrong("acknowledged, and not in the log", op);
        if (op.expected && *op.expected != op.version - 1)
            wrong("done, though another version was expected", op);
        if (!m_removed.emplace(op.version, &op).second)
            wrong("two removals made one version", op);
        m_events.push_back({op.asked, op.answered, op.version, true, &op});
    }

    void checkUnknown()
    {
        size_t removals = 0;
        for (const Operation& op : m_operations) {
            if (op.result != Result::Unknown || op.kind == Kind::Read)
                continue;
            removals += op.kind == Kind::Remove;
            const auto made = m_made.find(op.id);
            if (op.kind == Kind::Remove || made == m_made.end())
                continue;
            const Version& before = at(made->second - 1);
            if (op.expected && !fits(*op.expected, made->second - 1, before.present))
                wrong("took effect, though another version was expected", op);
            if (op.kind == Kind::Patch && m_versions.at(made->second).content.set !=
                                              (before.present ? before.content.set : 0))
                wrong("took effect upon another value than the one before", op);
            m_events.push_back({op.asked, op.answered, made->second, true, &op});
        }
        for (const auto& [number, version] : m_versions) {
            if (!version.present && !m_removed.contains(number) && removals-- == 0)
                return wrong("version " + std::to_string(number) + " was removed by nobody");
        }
        std::unordered_map<uint64_t, const Operation*> writes;
        for (const Operation& op : m_operations) {
            if (op.result != Result::Conflict && op.kind != Kind::Read)
                writes.emplace(op.id, &op);
        }
        for (const auto& [id, number] : m_made) {
            if (!writes.contains(id))
                wrong("version " + std::to_string(number) + " was written by nobody");
        }
    }

    void checkOrderSent()
    {
        std::unordered_map<uint32_t, const Operation*> last;
        for (const Operation& op : m_operations) {
            if (op.result == Result::Unknown)
                continue;
            const Operation*& before = last[op.connection];
            if (op.kind == Kind::Remove && op.result == Result::Done && op.version == 0)
                continue; // it does not say which version it saw
            const bool made = op.result == Result::Done && op.kind != Kind::Read;
            if (before && (op.version < before->version || (made && op.version == before->version)))
                wrong("older than what was sent before it on its connection, " + shown(*before),
                      op);
            before = &op;
        }
    }

    void checkRealTime()
    {
        const auto byAsked = [](const auto* a, const auto* b) { return a->asked < b->asked; };
        std::vector<const Event*> begun;
        for (const Event& event : m_events)
            begun.push_back(&event);
        m_ended = begun;
        std::sort(begun.begin(), begun.end(), byAsked);
        std::sort(m_absent.begin(), m_absent.end(), byAsked);
        std::sort(m_ended.begin(), m_ended.end(),
                  [](const Event* a, const Event* b) { return a->answered < b->answered; });
        for (const Event* event : begun) {
            const Event* const newest = endedBefore(event->asked);
            if (newest && (event->version < newest->version ||
                           (event->made && event->version == newest->version)))
                wrong("older than what had ended before it began, " + shown(*newest->operation),
                      *event->operation);
        }
        m_next = 0;
        m_newest = nullptr;
        for (const Operation* op : m_absent)
            checkAbsent(*op);
    }

    // The newest of what had ended before `asked`, which must not fall from call to call.
    const Event* endedBefore(int64_t asked)
    {
        for (; m_next < m_ended.size() && m_ended[m_next]->answered < asked; ++m_next) {
            if (!m_newest || m_ended[m_next]->version > m_newest->version)
                m_newest = m_ended[m_next];
        }
        return m_newest;
    }

    // The key must have been absent at some point between asking and answer.
    void checkAbsent(const Operation& op)
    {
        const Event* const newest = endedBefore(op.asked);
        if (!newest || !at(newest->version).present)
            return;
        for (auto next = m_versions.upper_bound(newest->version); next != m_versions.end();
             ++next) {
            if (next->second.present)
                continue;
            const auto removed = m_removed.find(next->first);
            if (removed == m_removed.end() || removed->second->asked <= op.answered)
                return;
            break;
        }
        wrong("found nothing to remove where a value was", op);
    }

    const Versions& m_versions;
    const std::vector<Operation>& m_operations;
    std::unordered_map<uint64_t, uint64_t> m_made; // write -> version
    std::unordered_map<uint64_t, const Operation*> m_removed;
    std::vector<const Operation*> m_absent; // removals that found nothing
    std::vector<Event> m_events;
    std::vector<const Event*> m_ended; // by `answered`
    size_t m_next = 0;                 // of m_ended
    const Event* m_newest = nullptr;   // of those before
    std::string m_wrong;
};

} // namespace

std::string check(const Versions& versions, const std::vector<Operation>& operations)
{
    return Checker(versions, operations).run();
}

} // namespace fluxion::linear
