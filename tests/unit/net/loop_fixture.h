#pragma once

// What the tests of the event loop play with: socket pairs, counting notifiers, timers, turns.

#include <QAbstractEventDispatcher>
#include <QEventLoop>
#include <QSocketNotifier>
#include <QTimer>
#include <QTimerEvent>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fluxion {

// Two connected sockets; the near one is watched, the far one plays the peer.
struct Pair {
    int near = -1;
    int far = -1;
    Pair()
    {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
            qFatal("socketpair failed");
        near = fds[0];
        far = fds[1];
    }
    ~Pair()
    {
        closeNear();
        closeFar();
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    void closeNear() { closeOnce(near); }
    void closeFar() { closeOnce(far); }
    void speak(const char* text = "x") const
    {
        if (write(far, text, strlen(text)) < 0)
            qFatal("write failed");
    }
    QByteArray hear() const
    {
        char buffer[64];
        const ssize_t size = read(near, buffer, sizeof buffer);
        return size > 0 ? QByteArray(buffer, int(size)) : QByteArray();
    }
    // Gives the near end the free number `fd`; a new pair may have it already.
    void moveNearTo(int fd)
    {
        if (far == fd)
            std::swap(near, far);
        if (near == fd)
            return;
        if (dup3(near, fd, O_CLOEXEC) != fd)
            qFatal("dup3 failed");
        close(near);
        near = fd;
    }

  private:
    static void closeOnce(int& fd)
    {
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
};

// A notifier that counts what it is told and runs a slot.
struct Watcher {
    int calls = 0;
    std::function<void()> slot;
    std::unique_ptr<QSocketNotifier> notifier;
    Watcher(int fd, QSocketNotifier::Type type, std::function<void()> run = {})
        : slot(std::move(run)), notifier(new QSocketNotifier(fd, type))
    {
        QObject::connect(notifier.get(), &QSocketNotifier::activated, notifier.get(), [this] {
            ++calls;
            if (slot)
                slot();
        });
    }
};

constexpr int kPatienceMs = 120000; // for what takes a moment, however busy the machine is

constexpr auto kRead = QSocketNotifier::Read;
constexpr auto kWrite = QSocketNotifier::Write;
constexpr auto kException = QSocketNotifier::Exception;

// Turns of the loop that do not wait.
inline void turn(int times = 1)
{
    for (int i = 0; i < times; ++i)
        QAbstractEventDispatcher::instance()->processEvents(QEventLoop::AllEvents);
}

// Runs the loop; wakes up only for events of its own, as a server's thread does.
inline void runFor(int ms)
{
    QEventLoop loop;
    QTimer::singleShot(ms, Qt::PreciseTimer, &loop, &QEventLoop::quit);
    loop.exec();
}

inline int64_t threadCpuMs()
{
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    const auto ms = [](const timeval& t) { return int64_t{t.tv_sec} * 1000 + t.tv_usec / 1000; };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

struct TimerObject : QObject {
    std::function<void(int)> slot;
    explicit TimerObject(std::function<void(int)> run) : slot(std::move(run)) {}
    void timerEvent(QTimerEvent* event) override { slot(event->timerId()); }
};

} // namespace fluxion
