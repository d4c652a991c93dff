#include "net/plain_transport.h"
#include "unit/net/loop_fixture.h"
#include "unit/net/suites.h"

#include <QTcpServer>
#include <QtTest/QTest>
#include <arpa/inet.h>
#include <cerrno>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <utility>

using namespace fluxion;

namespace {

constexpr size_t kMoreThanFits = 4 * 1024 * 1024; // in what the kernel keeps for a peer

// No two windows of it are alike, so that what is lost, doubled or out of order shows.
std::string pattern(size_t size)
{
    std::string text;
    for (size_t i = 0; text.size() < size; ++i)
        text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}

struct Told : Transport::Listener {
    int readable = 0;
    int sent = 0;
    int closed = 0;
    std::function<void()> atReadable, atSent;

    void onReadable() override
    {
        ++readable;
        if (atReadable)
            atReadable();
    }
    void onSent() override
    {
        ++sent;
        if (atSent)
            atSent();
    }
    void onClosed() override { ++closed; }
};

// A transport and its peer.
struct Connection {
    Told told;
    Pair pair;
    std::unique_ptr<PlainTransport> transport;

    explicit Connection(FlushQueue& flushes, std::string received = {})
        : transport(std::make_unique<PlainTransport>(std::exchange(pair.near, -1),
                                                     std::move(received), told, flushes))
    {
    }

    std::string read(size_t size = 64) const
    {
        std::string buffer(size, '\0');
        buffer.resize(transport->read(buffer.data(), size));
        return buffer;
    }
    // Takes what the peer has been sent.
    std::string heard() const
    {
        std::string all;
        char buffer[64 * 1024];
        ssize_t n = 0;
        while ((n = ::recv(pair.far, buffer, sizeof buffer, 0)) > 0)
            all.append(buffer, static_cast<size_t>(n));
        return all;
    }
    bool peerSeesTheEnd() const
    {
        char byte;
        const ssize_t n = ::recv(pair.far, &byte, 1, 0);
        return n == 0 || (n < 0 && errno == ECONNRESET); // what it said was not read
    }
    // The same, turn by turn, until nothing more comes.
    std::string heardInTurns() const
    {
        std::string all;
        for (std::string more = heard(); !more.empty(); more = heard()) {
            all += more;
            turn();
        }
        return all;
    }
};

// Nothing is ready that would be told again and again.
bool loopRests()
{
    turn();
    return !QAbstractEventDispatcher::instance()->processEvents(QEventLoop::AllEvents);
}

} // namespace

class TransportTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void bytesLeaveAtTheFlush();
    void whatDoesNotFitWaitsForThePeer();
    void whatIsWrittenInOnSentLeavesAtTheNextFlush();
    void aListenerMayDestroyWhoIsStillToBeFlushed();
    void whoTakesItsPlaceWaitsForTheNextFlush();
    void destroyedWhileItWaitsForTheFlush();
    void closeWhenSentDeliversAll();
    void closeWhenNothingIsToBeSent();
    void thePeersCloseIsToldOnce();
    void aPeerThatIsGoneIsToldAtTheFlush();
    void nothingIsToldAfterAbort();
    void readingIsStopped();
    void receivedBeforeComesFirst();
    void withoutADescriptor();
    void takesOverASocket();

  private:
    FlushQueue m_flushes;
};

void TransportTest::bytesLeaveAtTheFlush()
{
    Connection c(m_flushes);
    QVERIFY(m_flushes.empty());
    c.transport->write("one ");
    c.transport->write("two");
    turn(3);
    QCOMPARE(c.heard(), std::string());
    QCOMPARE(c.transport->unsentBytes(), uint64_t{7});
    QVERIFY(!m_flushes.empty());

    m_flushes.flush();
    QCOMPARE(c.heard(), std::string("one two"));
    QCOMPARE(c.transport->unsentBytes(), uint64_t{0});
    QCOMPARE(c.told.sent, 1);
    QVERIFY(m_flushes.empty());
    m_flushes.flush();
    QCOMPARE(c.told.sent, 1);
    QVERIFY(loopRests());
}

void TransportTest::whatDoesNotFitWaitsForThePeer()
{
    Connection c(m_flushes);
    const std::string all = pattern(kMoreThanFits);
    c.transport->write(std::string_view(all).substr(0, kMoreThanFits - 1000));
    m_flushes.flush();
    QCOMPARE(c.told.sent, 1);
    QVERIFY(c.transport->unsentBytes() > kMoreThanFits / 4);
    // It waits without a turn of the loop.
    QVERIFY(loopRests());
    QCOMPARE(c.told.sent, 1);

    c.transport->write(std::string_view(all).substr(kMoreThanFits - 1000));
    m_flushes.flush();
    QCOMPARE(c.told.sent, 1);
    QVERIFY(c.heardInTurns() == all);
    QCOMPARE(c.transport->unsentBytes(), uint64_t{0});
    const int sent = c.told.sent;
    QVERIFY(sent > 1);
    // The peer could take more, and there is none: that is no event.
    QVERIFY(loopRests());

    c.transport->write("again");
    m_flushes.flush();
    QCOMPARE(c.heard(), std::string("again"));
    QCOMPARE(c.told.sent, sent + 1);
}

void TransportTest::whatIsWrittenInOnSentLeavesAtTheNextFlush()
{
    Connection c(m_flushes);
    c.told.atSent = [&c] {
        if (c.told.sent == 1)
            c.transport->write("second");
    };
    c.transport->write("first ");
    m_flushes.flush();
    QCOMPARE(c.heard(), std::string("first "));
    QVERIFY(!m_flushes.empty());
    m_flushes.flush();
    QCOMPARE(c.heard(), std::string("second"));
    QVERIFY(m_flushes.empty());
}

void TransportTest::aListenerMayDestroyWhoIsStillToBeFlushed()
{
    Connection first(m_flushes), second(m_flushes), third(m_flushes);
    first.told.atSent = [&second] { second.transport.reset(); };
    third.told.atSent = [&first] { first.transport.reset(); };
    for (Connection* c : {&first, &second, &third})
        c->transport->write("x");
    m_flushes.flush();
    QCOMPARE(first.heard(), std::string("x"));
    QVERIFY(second.peerSeesTheEnd()); // and no byte before it
    QCOMPARE(second.told.sent + second.told.closed, 0);
    QCOMPARE(third.heard(), std::string("x"));
    QVERIFY(first.peerSeesTheEnd());
    QVERIFY(m_flushes.empty());
}

void TransportTest::destroyedWhileItWaitsForTheFlush()
{
    Connection gone(m_flushes), stays(m_flushes);
    gone.transport->write("x");
    stays.transport->write("y");
    gone.transport.reset();
    m_flushes.flush();
    QVERIFY(gone.peerSeesTheEnd());
    QCOMPARE(stays.heard(), std::string("y"));

    // Closed by its own flush, it is as good as gone from the queue.
    stays.transport->closeWhenSent();
    m_flushes.flush();
    stays.transport.reset();
    m_flushes.flush();
    QCOMPARE(stays.told.closed, 1);
}

void TransportTest::whoTakesItsPlaceWaitsForTheNextFlush()
{
    Connection first(m_flushes);
    Told told;
    Pair old, anew;
    std::optional<PlainTransport> place; // both stand at one address
    place.emplace(std::exchange(old.near, -1), "", told, m_flushes);
    first.told.atSent = [&] {
        place.emplace(std::exchange(anew.near, -1), "", told, m_flushes);
        place->write("new");
    };
    first.transport->write("x");
    place->write("old");
    m_flushes.flush();
    QCOMPARE(place->unsentBytes(), uint64_t{3});
    QCOMPARE(told.sent, 0);
    m_flushes.flush();
    QCOMPARE(place->unsentBytes(), uint64_t{0});
    QCOMPARE(told.sent, 1);
}

void TransportTest::closeWhenSentDeliversAll()
{
    Connection c(m_flushes);
    const std::string all = pattern(kMoreThanFits);
    c.transport->write(all);
    c.transport->closeWhenSent();
    m_flushes.flush();
    QVERIFY(c.transport->unsentBytes() > 0);
    QCOMPARE(c.told.closed, 0);
    QVERIFY(loopRests());

    QVERIFY(c.heardInTurns() == all);
    QVERIFY(c.peerSeesTheEnd());
    QCOMPARE(c.told.closed, 1);
    QCOMPARE(c.read(), std::string());
    m_flushes.flush();
    QVERIFY(loopRests());
    QCOMPARE(c.told.closed, 1);
}

void TransportTest::closeWhenNothingIsToBeSent()
{
    Connection c(m_flushes);
    c.transport->closeWhenSent();
    c.transport->closeWhenSent();
    QCOMPARE(c.told.closed, 0);
    m_flushes.flush();
    QCOMPARE(c.told.closed, 1);
    QVERIFY(c.peerSeesTheEnd());
    c.transport->closeWhenSent();
    m_flushes.flush();
    QCOMPARE(c.told.closed, 1);
}

void TransportTest::thePeersCloseIsToldOnce()
{
    Connection c(m_flushes);
    c.pair.speak("last");
    c.pair.closeFar();
    turn();
    QCOMPARE(c.told.readable, 1);
    QCOMPARE(c.told.closed, 0);
    QCOMPARE(c.read(), std::string("last"));
    QCOMPARE(c.told.closed, 0);
    turn();
    QCOMPARE(c.told.readable, 2);
    QCOMPARE(c.read(), std::string());
    QCOMPARE(c.told.closed, 1);

    QVERIFY(loopRests());
    QCOMPARE(c.read(), std::string());
    c.transport->write("x");
    c.transport->closeWhenSent();
    m_flushes.flush();
    QCOMPARE(c.transport->unsentBytes(), uint64_t{0});
    QCOMPARE(c.told.closed, 1);
    QCOMPARE(c.told.readable, 2);
    QCOMPARE(c.told.sent, 0);
}

void TransportTest::aPeerThatIsGoneIsToldAtTheFlush()
{
    Connection c(m_flushes);
    c.pair.closeFar();
    c.transport->write("x");
    m_flushes.flush();
    QCOMPARE(c.told.closed, 1);
    QCOMPARE(c.told.sent, 0);
    QCOMPARE(c.read(), std::string());
    QVERIFY(loopRests());
    QCOMPARE(c.told.closed, 1);
}

void TransportTest::nothingIsToldAfterAbort()
{
    Connection c(m_flushes);
    c.pair.speak();
    c.transport->write("x");
    c.transport->abort();
    QVERIFY(c.peerSeesTheEnd()); // and no byte before it
    m_flushes.flush();
    QVERIFY(loopRests());
    QCOMPARE(c.read(), std::string());
    QCOMPARE(c.told.readable + c.told.sent + c.told.closed, 0);
}

void TransportTest::readingIsStopped()
{
    Connection c(m_flushes);
    c.pair.speak("a");
    turn(3);
    QCOMPARE(c.told.readable, 3); // once in each turn until it is read

    c.transport->setReading(false);
    QVERIFY(loopRests());
    c.pair.speak("b");
    c.pair.closeFar();
    QVERIFY(loopRests());
    QCOMPARE(c.told.readable, 3);
    QCOMPARE(c.told.closed, 0);

    c.told.atReadable = [&c] {
        while (!c.read(1).empty()) {
        }
    };
    c.transport->setReading(true);
    turn();
    QCOMPARE(c.told.readable, 4);
    QCOMPARE(c.told.closed, 1);
    QVERIFY(loopRests());
    QCOMPARE(c.told.readable, 4);
}

void TransportTest::receivedBeforeComesFirst()
{
    Connection c(m_flushes, "before");
    c.pair.speak("after");
    c.pair.closeFar();
    QCOMPARE(c.read(4), std::string("befo"));
    QCOMPARE(c.read(), std::string("re"));
    QCOMPARE(c.read(), std::string("after"));
    QCOMPARE(c.told.closed, 0);
    QCOMPARE(c.read(), std::string());
    QCOMPARE(c.told.closed, 1);
}

void TransportTest::withoutADescriptor()
{
    Told told;
    PlainTransport transport(-1, "rest", told, m_flushes);
    transport.setReading(false);
    transport.setReading(true);
    transport.write("x");
    transport.closeWhenSent();
    m_flushes.flush();
    QVERIFY(loopRests());
    QCOMPARE(transport.unsentBytes(), uint64_t{0});
    QCOMPARE(told.closed, 0);

    char buffer[8];
    QCOMPARE(transport.read(buffer, sizeof buffer), size_t{4});
    QCOMPARE(told.closed, 0);
    QCOMPARE(transport.read(buffer, sizeof buffer), size_t{0});
    QCOMPARE(transport.read(buffer, sizeof buffer), size_t{0});
    QCOMPARE(told.closed, 1);
    QCOMPARE(told.readable + told.sent, 0);
}

void TransportTest::takesOverASocket()
{
    QTcpServer server;
    QVERIFY(server.listen(QHostAddress::LocalHost));
    Pair peer; // the far end becomes the client's
    peer.closeFar();
    peer.far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.serverPort());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    QCOMPARE(::connect(peer.far, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    QVERIFY(server.waitForNewConnection(60000));
    std::unique_ptr<QTcpSocket> socket(server.nextPendingConnection());
    socket->setParent(nullptr);
    peer.speak("before ");
    QVERIFY(socket->waitForReadyRead(60000));
    peer.speak("after");

    Told told;
    const auto transport = Transport::of(std::move(socket), told, m_flushes);
    std::string all;
    const auto take = [&] {
        char buffer[4];
        for (size_t n = 1; n > 0; all.append(buffer, n))
            n = transport->read(buffer, sizeof buffer);
    };
    told.atReadable = take;
    take();
    QTRY_COMPARE_WITH_TIMEOUT(all, std::string("before after"), 60000);
    QCOMPARE(told.closed, 0);

    transport->write("reply");
    m_flushes.flush();
    char reply[5];
    QCOMPARE(::recv(peer.far, reply, sizeof reply, MSG_WAITALL), ssize_t{5});
    QCOMPARE(std::string(reply, sizeof reply), std::string("reply"));
    peer.closeFar();
    QTRY_COMPARE_WITH_TIMEOUT(told.closed, 1, 60000);
}

std::unique_ptr<QObject> makeTransportTest()
{
    return std::make_unique<TransportTest>();
}

#include "transport_test.moc"
