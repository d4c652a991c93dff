#pragma once

// The keys that one connection asks for in one go, looked up together: each alone would wait for
// memory several times.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

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
    bool full() const { return m_count == kMost || m_idBytes > kMaxIdBytes; }
    // Not when full.
    void add(const Call& call, const KeyRef& key);
    // As many as the link takes. True if none is left.
    bool answer();
    // Gives back memory, if nothing is asked for.
    void rest();

  private:
    struct Asked {
        FrameKind kind = FrameKind::Text;
        std::string id;
        uint32_t tenant = 0;
        std::string collection;
        std::string key;
    };

    static constexpr size_t kMost = 16;
    static constexpr size_t kMaxIdBytes = 64 * 1024; // ids are as long as clients make them

    void answerSome();
    void look(std::span<KeyRead> reads) const;
    void write(const Asked& asked, const KeyRead& read);

    const Service& m_service;
    ClientLink& m_link;
    std::vector<Asked> m_asked; // none or kMost, whose strings keep their room
    size_t m_count = 0;         // the first ones are asked for
    size_t m_idBytes = 0;       // of all since there were none
    std::string m_reply;        // the one at hand; else its room only
    bool m_answering = false;
};

} // namespace fluxion
