#pragma once

// The subscriptions of one connection: names them as its client does, and writes their frames.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "api/client_link.h"
#include "api/service.h"
#include "live/hub.h"

namespace fluxion {

struct Call;

// The connection's I/O thread.
class Subscriptions : public EventSink {
  public:
    // All outlive it.
    Subscriptions(const Service& service, Hub& hub, ClientLink& link, uint64_t connectionId)
        : m_service(service), m_hub(hub), m_link(link), m_connectionId(connectionId)
    {
    }
    ~Subscriptions() override;
    Subscriptions(const Subscriptions&) = delete;
    Subscriptions& operator=(const Subscriptions&) = delete;

    // Answers the call.
    void subscribe(const Call& call, const SubscribeRequest& request);
    void followLog(const Call& call, const LogRequest& request);
    void unsubscribe(const Call& call, const UnsubscribeRequest& request);
    // Some of what was given to the link has left.
    void sent();

    bool takesEvents() override;
    int64_t stalledUs() override;
    uint64_t client() const override { return m_connectionId; }
    void send(uint64_t subscription, const EventFrame& frame) override;
    void end(uint64_t subscription, const EventEnd& end) override;

  private:
    struct Entry {
        std::string name;
        std::string head; // of every frame, up to the seq
        FrameKind kind = FrameKind::Text;
    };

    Status mayAdd(const Call& call) const;
    void add(const Call& call, const Result<Hub::Subscribed>& subscribed);
    void forget(uint64_t subscription);

    const Service& m_service;
    Hub& m_hub;
    ClientLink& m_link;
    const uint64_t m_connectionId;
    std::unordered_map<uint64_t, Entry> m_entries;
    std::map<std::string, uint64_t, std::less<>> m_ids; // by the client's name for it
    bool m_stalled = false; // the hub was told that nothing more is taken
    uint64_t m_lastResumed = 0;
    int64_t m_movedUs = 0; // steady: when some of it left, or more was taken
};

} // namespace fluxion
