#pragma once

// Answers for a server whose start takes long, before its I/O threads run: to a health check, and
// to everybody else that they come too early.

#include <list>
#include <string>
#include <string_view>

namespace fluxion {

// One thread. Sockets without TLS.
class NotReady {
  public:
    // A listening socket that does not block; outlives this object.
    explicit NotReady(int listener) : m_listener(listener) {}
    // Closes those who are here.
    ~NotReady();
    NotReady(const NotReady&) = delete;
    NotReady& operator=(const NotReady&) = delete;

    // Takes who waits to be taken, and answers whose request has come, with 503: /health/ready with
    // `json`, others with `text`. Waits for nobody; to be called again and again.
    void answer(std::string_view json, std::string_view text);

  private:
    struct Guest {
        int socket = -1;
        std::string head;
        bool answered = false;
    };

    void accept();
    // True when it may go.
    static bool serve(Guest& guest, std::string_view json, std::string_view text);

    const int m_listener;
    std::list<Guest> m_guests;
};

} // namespace fluxion
