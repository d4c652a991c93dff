#include "net/not_ready.h"
#include "unit/net/suites.h"

#include <QElapsedTimer>
#include <QtTest/QTest>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace fluxion;

namespace {

constexpr qint64 kWaitMs = 30000;
const std::string kJson = R"({"status":"rebuilding"})";

sockaddr_in loopback(uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

struct Socket {
    int fd = -1;

    explicit Socket(int flags) : fd(::socket(AF_INET, SOCK_STREAM | flags, 0)) {}
    ~Socket() { ::close(fd); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
};

struct Listening : Socket {
    uint16_t port = 0;

    Listening() : Socket(SOCK_NONBLOCK)
    {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        auto* const at = reinterpret_cast<sockaddr*>(&address);
        if (::bind(fd, at, size) == 0 && ::listen(fd, 16) == 0 && ::getsockname(fd, at, &size) == 0)
            port = ntohs(address.sin_port);
    }
};

struct Guest : Socket {
    explicit Guest(const Listening& server) : Socket(0)
    {
        const sockaddr_in address = loopback(server.port);
        (void)!::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    void send(const std::string& bytes) const
    {
        (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    // All up to the end, while the server looks after its guests again and again.
    std::string reply(NotReady& notReady) const
    {
        std::string got;
        QElapsedTimer timer;
        for (timer.start(); timer.elapsed() < kWaitMs;) {
            notReady.answer(kJson, "too early");
            char bytes[1000];
            const ssize_t n = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
            if (n == 0)
                return got;
            if (n > 0)
                got.append(bytes, static_cast<size_t>(n));
            else if (errno != EAGAIN)
                return got + " failed";
        }
        return got + " no end";
    }
};

std::string request(const std::string& line)
{
    return line + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

} // namespace

class NotReadyTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void tellsEachWhatItAskedFor();
    void waitsForARequestToBeWhole();
    void nobodyHoldsUpTheOthers();
};

void NotReadyTest::tellsEachWhatItAskedFor()
{
    const Listening server;
    QVERIFY(server.port != 0);
    NotReady notReady(server.fd);
    const struct {
        std::string bytes, status, body;
    } cases[] = {
        {request("GET /health/ready"), "HTTP/1.1 503 ", kJson},
        {request("HEAD /health/ready"), "HTTP/1.1 503 ", ""},
        {request("GET /health/live"), "HTTP/1.1 200 ", "{\"status\":\"live\"}"},
        {request("GET /?api-key=k"), "HTTP/1.1 503 ", R"({"error":"too early","code":"busy"})"},
        {"\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 ",
         R"({"error":"this is not an HTTP request","code":"bad_request"})"},
        {request("GET /" + std::string(20000, 'x')), "HTTP/1.1 400 ",
         R"({"error":"this is not an HTTP request","code":"bad_request"})"},
    };
    for (const auto& c : cases) {
        const Guest guest(server);
        guest.send(c.bytes);
        const std::string reply = guest.reply(notReady);
        QVERIFY2(reply.starts_with(c.status), reply.c_str());
        QVERIFY2(reply.ends_with("\r\n\r\n" + c.body), reply.c_str());
    }
}

void NotReadyTest::waitsForARequestToBeWhole()
{
    const Listening server;
    NotReady notReady(server.fd);
    const Guest guest(server);
    guest.send("GET /health/ready HTTP/1.1\r\nHo");
    for (int i = 0; i < 100; ++i)
        notReady.answer(kJson, "too early");
    char byte = 0;
    QCOMPARE(::recv(guest.fd, &byte, 1, MSG_DONTWAIT), -1);
    guest.send("st: x\r\n\r\n");
    QVERIFY(guest.reply(notReady).ends_with(kJson));
}

void NotReadyTest::nobodyHoldsUpTheOthers()
{
    const Listening server;
    auto notReady = std::make_unique<NotReady>(server.fd);
    const Guest silent(server);
    {
        const Guest leaver(server);
        leaver.send("GET");
    }
    const Guest guest(server);
    guest.send(request("GET /health/ready"));
    QVERIFY(guest.reply(*notReady).ends_with(kJson));
    notReady.reset();
    char byte = 0;
    QCOMPARE(::recv(silent.fd, &byte, 1, 0), 0);
}

std::unique_ptr<QObject> makeNotReadyTest()
{
    return std::make_unique<NotReadyTest>();
}

#include "not_ready_test.moc"
