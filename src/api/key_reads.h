#pragma once

// The keys that one connection asks for in one go, looked up together: each alone would wait for
// memory several times.

#include <array>
#include <cstddef>
#include <string>

#include "api/client_link.h"
#include "api/service.h"
#include "store/values.h"

namespace fluxion {

struct Call;

// The connection's I/O thread.
class KeyReads {
  public:
    // Both outlive it.
    KeyReads(const Service& service, ClientLink& link) : m_service(service), m_link(link) {}

    bool empty() const { return m_count == 0; }
    bool full() const { return m_count == m_asked.size(); }
    // Not when full.
    void add(const Call& call, const KeyRef& key);
    // As many as the link takes. True if none is left.
    bool answer();

  private:
    struct Asked {
        FrameKind kind = FrameKind::Text;
        std::string id;
        uint32_t tenant = 0;
        std::string collection;
        std::string key;
    };

    void answerSome();
    void look(size_t count);

    const Service& m_service;
    ClientLink& m_link;
    std::array<Asked, 16> m_asked; // their strings keep their room
    std::array<KeyRead, 16> m_reads;
    size_t m_count = 0;
    bool m_answering = false;
};

} // namespace fluxion
