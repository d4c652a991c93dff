#pragma once

// A server under measurement: started on a port of its own on loopback, ended with this object.

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fluxion::bench {

class Process {
  public:
    enum class Port {
        Announced, // the program prints 127.0.0.1:PORT on standard error
        Given      // a free one is put in place of the word PORT among the arguments
    };
    // Waits until it can be connected to. Of the shell's variables it gets all but FLUXION_*, and
    // `environment` (NAME=VALUE). Throws std::runtime_error when it does not come up.
    Process(std::vector<std::string> command, Port port,
            const std::vector<std::string>& environment = {});
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    uint16_t port() const { return m_port; }
    // From its start to the first connection that was accepted.
    double startSeconds() const { return m_startSeconds; }
    // Of all its threads, since its start.
    double cpuSeconds() const;
    double residentBytes() const;
    // Waits until it does nothing, so that what one run left behind does not meet the next.
    void awaitQuiet() const;
    // Ends it as a power cut would.
    void kill();

  private:
    void launch(std::vector<std::string> command, Port port,
                const std::vector<std::string>& environment);
    void awaitAnnouncement();
    void awaitAccept();
    void end(int signal);
    void forget();

    pid_t m_pid = -1;
    int m_stderr = -1;
    uint16_t m_port = 0;
    double m_startSeconds = 0;
};

// Of this process, since its start.
double ownCpuSeconds();

} // namespace fluxion::bench
