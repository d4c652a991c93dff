#pragma once

// One event as JSON. Shared by all who are told the same, and counted while anyone holds it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "live/filter.h"

namespace fluxion {

// Bytes of event texts alive, of all threads.
using EventBytes = std::atomic<uint64_t>;

class EventText {
  public:
    EventText(std::string text, EventBytes& bytes, uint32_t index = 0)
        : m_text(std::move(text)), m_bytes(bytes), m_index(index)
    {
        m_bytes += m_text.size();
    }
    ~EventText() { m_bytes -= m_text.size(); }
    EventText(const EventText&) = delete;
    EventText& operator=(const EventText&) = delete;

    const std::string& text() const { return m_text; }
    uint32_t index() const { return m_index; } // of the change within its seq

  private:
    const std::string m_text;
    EventBytes& m_bytes; // outlives every text
    const uint32_t m_index;
};

using SharedEvent = std::shared_ptr<const EventText>;

// {"seq":...,"i":...,"op":...,...}: a change under a verdict other than Hidden.
std::string eventText(const Change& change, Verdict verdict, EventFields fields);

} // namespace fluxion
