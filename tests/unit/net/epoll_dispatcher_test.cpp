#include "net/epoll_dispatcher.h"
#include "unit/net/loop_fixture.h"
#include "unit/net/suites.h"

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QSocketNotifier>
#include <QTcpServer>
#include <QTcpSocket>
#include <QThread>
#include <QTimer>
#include <QWebSocket>
#include <QWebSocketServer>
#include <QtTest/QTest>
#include <atomic>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using namespace fluxion;

class EpollDispatcherTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase();

    void notifiersOfOneDescriptorShareIt();
    void notifierRemovedByAnotherInSameBatch();
    void notifierReplacedInSameBatchGetsNoOldEvent();
    void reusedDescriptorInSlotGetsOnlyItsOwnEvents();
    void reusedDescriptorInSameBatchGetsOnlyItsOwnEvents();
    void lateUnregisterLeavesTheNewOwnerAlone_data();
    void lateUnregisterLeavesTheNewOwnerAlone();
    void lateUnregisterWithTwoNotifiersHandsNothingOver();
    void duplicateKeptOpenDoesNotSpin();
    void hangUpReachesAllNotifiers();
    void closedDescriptorIsRefused();
    void regularFileIsAlwaysReady();
    void nestedLoopDropsWhatItHandled();
    void excludedNotifiersAndTimersWait();

    void postsFromOtherThreadsAreNotLost();
    void quitFromAnotherThreadIsNeverMissed();
    void interruptEndsAWait();
    void sleepsWhenIdle();
    void tellsWhenItBlocksAndWakes();
    void descriptorsDoNotSurviveExec();

    void busyAmongThousandIdle();
    void tcpEchoInThread();
    void webSocketEchoInThread();
};

void EpollDispatcherTest::initTestCase()
{
    QVERIFY(dynamic_cast<EpollDispatcher*>(QAbstractEventDispatcher::instance()));
}

void EpollDispatcherTest::notifiersOfOneDescriptorShareIt()
{
    Pair pair;
    Watcher reader(pair.near, kRead, [&] { pair.hear(); });
    Watcher writer(pair.near, kWrite);
    Watcher exception(pair.near, kException);
    turn();
    QCOMPARE(reader.calls, 0);
    QCOMPARE(writer.calls, 1);
    writer.notifier->setEnabled(false);
    pair.speak();
    turn();
    QCOMPARE(reader.calls, 1);
    QCOMPARE(writer.calls, 1);
    reader.notifier.reset();
    writer.notifier->setEnabled(true);
    pair.speak();
    turn();
    QCOMPARE(reader.calls, 1);
    QCOMPARE(writer.calls, 2);
    QCOMPARE(exception.calls, 0);
}

void EpollDispatcherTest::notifierRemovedByAnotherInSameBatch()
{
    Pair a;
    Pair b;
    std::unique_ptr<Watcher> first;
    std::unique_ptr<Watcher> second;
    first = std::make_unique<Watcher>(a.near, kRead, [&] { second->notifier->setEnabled(false); });
    second = std::make_unique<Watcher>(b.near, kRead, [&] { first->notifier->setEnabled(false); });
    a.speak();
    b.speak();
    turn(3);
    // Whoever came first has silenced the other.
    QCOMPARE(qMin(first->calls, second->calls), 0);
    QVERIFY(qMax(first->calls, second->calls) >= 1);

    // The same, deleted: a dangling pointer shows under a sanitizer.
    Watcher third(a.near, kException);
    auto victim = std::make_unique<Watcher>(b.far, kWrite);
    Watcher killer(a.far, kWrite, [&] { victim.reset(); });
    turn(2);
    QVERIFY(!victim);
    QVERIFY(killer.calls >= 1);
}

void EpollDispatcherTest::notifierReplacedInSameBatchGetsNoOldEvent()
{
    Pair a;
    Pair b;
    std::unique_ptr<Watcher> watchers[2];
    std::unique_ptr<Watcher> fresh;
    int freshCallsInBatch = -1;
    // Each replaces the other's notifier, once, after taking away the reason for the event.
    const auto replace = [&](int other, const Pair& pair) {
        if (fresh)
            return;
        pair.hear();
        watchers[other].reset();
        fresh = std::make_unique<Watcher>(pair.near, kRead);
    };
    watchers[0] = std::make_unique<Watcher>(a.near, kRead, [&] { replace(1, b); });
    watchers[1] = std::make_unique<Watcher>(b.near, kRead, [&] { replace(0, a); });
    a.speak();
    b.speak();
    turn();
    QVERIFY(fresh);
    freshCallsInBatch = fresh->calls;
    QCOMPARE(freshCallsInBatch, 0);
    (watchers[0] ? b : a).speak();
    turn();
    QCOMPARE(fresh->calls, 1);

    // Also where the descriptor itself stays under watch.
    Pair c;
    auto writer = std::make_unique<Watcher>(c.near, kWrite);
    Watcher reader(c.near, kRead, [&] {
        c.hear();
        writer.reset();
        writer = std::make_unique<Watcher>(c.near, kWrite);
    });
    c.speak();
    turn();
    QCOMPARE(writer->calls, 0);
    turn();
    QCOMPARE(writer->calls, 1);
}

void EpollDispatcherTest::reusedDescriptorInSlotGetsOnlyItsOwnEvents()
{
    auto old = std::make_unique<Pair>();
    const int number = old->near;
    std::unique_ptr<Watcher> watcher;
    std::unique_ptr<Watcher> fresh;
    Pair replacement;
    bool replaced = false;
    watcher = std::make_unique<Watcher>(number, kRead, [&] {
        replaced = true;
        watcher->notifier->setEnabled(false);
        old->closeNear();
        replacement.moveNearTo(number);
        fresh = std::make_unique<Watcher>(number, kRead, [&] { replacement.hear(); });
    });
    old->speak();
    turn(5);
    QVERIFY(replaced);
    QCOMPARE(fresh->calls, 0);
    replacement.speak();
    turn(5);
    QCOMPARE(fresh->calls, 1);
    QCOMPARE(watcher->calls, 1);
}

void EpollDispatcherTest::reusedDescriptorInSameBatchGetsOnlyItsOwnEvents()
{
    // Two ready descriptors; the first slot closes the other's socket and gives its number away.
    Pair a;
    Pair b;
    Pair replacement;
    std::unique_ptr<Watcher> watchers[2];
    std::unique_ptr<Watcher> fresh;
    const auto reuse = [&](int other, Pair& pair) {
        if (fresh)
            return;
        const int number = pair.near;
        watchers[other].reset();
        pair.closeNear();
        replacement.moveNearTo(number);
        fresh = std::make_unique<Watcher>(number, kRead, [&] { replacement.hear(); });
    };
    watchers[0] = std::make_unique<Watcher>(a.near, kRead, [&] { reuse(1, b); });
    watchers[1] = std::make_unique<Watcher>(b.near, kRead, [&] { reuse(0, a); });
    a.speak();
    b.speak();
    turn(3);
    QVERIFY(fresh);
    QCOMPARE(fresh->calls, 0);
    replacement.speak();
    turn(3);
    QCOMPARE(fresh->calls, 1);
}

void EpollDispatcherTest::lateUnregisterLeavesTheNewOwnerAlone_data()
{
    QTest::addColumn<QSocketNotifier::Type>("lateType");
    QTest::addColumn<bool>("hadEvent");
    QTest::newRow("same type") << kRead << false;
    QTest::newRow("same type, event pending") << kRead << true;
    QTest::newRow("other type") << kWrite << false;
    QTest::newRow("exception") << kException << true;
}

void EpollDispatcherTest::lateUnregisterLeavesTheNewOwnerAlone()
{
    QFETCH(QSocketNotifier::Type, lateType);
    QFETCH(bool, hadEvent);
    auto old = std::make_unique<Pair>();
    const int number = old->near;
    Watcher late(number, lateType);
    if (hadEvent)
        old->speak();
    old->closeNear();
    Pair fresh;
    fresh.moveNearTo(number);
    Watcher owner(number, kRead, [&] { fresh.hear(); });
    fresh.speak();
    turn(2);
    QCOMPARE(owner.calls, 1);
    QCOMPARE(late.calls, 0);
    late.notifier->setEnabled(false);
    late.notifier.reset();
    fresh.speak();
    turn(2);
    QCOMPARE(owner.calls, 2);
}

void EpollDispatcherTest::lateUnregisterWithTwoNotifiersHandsNothingOver()
{
    auto old = std::make_unique<Pair>();
    const int number = old->near;
    Watcher reader(number, kRead);
    Watcher writer(number, kWrite);
    old->closeNear();
    Pair fresh;
    fresh.moveNearTo(number);
    fresh.speak();
    // Only the number is left in common with `fresh`: the reader must not inherit it.
    writer.notifier.reset();
    turn(3);
    QCOMPARE(reader.calls, 0);
    Watcher owner(number, kRead, [&] { fresh.hear(); });
    turn(3);
    QCOMPARE(owner.calls, 1);
    QCOMPARE(reader.calls, 0);
}

void EpollDispatcherTest::duplicateKeptOpenDoesNotSpin()
{
    // As a forked child does: the file lives on, readable, after its number is gone or reused.
    Pair old;
    const int number = old.near;
    const int duplicate = fcntl(number, F_DUPFD_CLOEXEC, 0);
    Watcher late(number, kRead);
    Pair bystander;
    Watcher other(bystander.near, kRead, [&] { bystander.hear(); });
    old.closeNear();
    late.notifier.reset();
    Pair fresh;
    fresh.moveNearTo(number);
    Watcher owner(number, kRead, [&] { fresh.hear(); });
    old.speak();
    const int64_t cpuMs = threadCpuMs();
    runFor(150);
    QVERIFY2(threadCpuMs() - cpuMs < 75, QByteArray::number(threadCpuMs() - cpuMs));
    QCOMPARE(owner.calls, 0);
    QCOMPARE(late.calls, 0);
    // Everyone else is still watched.
    fresh.speak();
    bystander.speak();
    turn(2);
    QCOMPARE(owner.calls, 1);
    QCOMPARE(other.calls, 1);
    close(duplicate);
}

void EpollDispatcherTest::hangUpReachesAllNotifiers()
{
    Pair pair;
    Watcher reader(pair.near, kRead);
    Watcher exception(pair.near, kException);
    turn();
    QCOMPARE(reader.calls, 0);
    pair.closeFar();
    turn();
    QCOMPARE(reader.calls, 1);
    QCOMPARE(exception.calls, 1);

    // The reading end of a pipe is gone: an error, and nothing that a writer asked for.
    int pipeFds[2];
    QCOMPARE(pipe2(pipeFds, O_CLOEXEC | O_NONBLOCK), 0);
    const QByteArray block(65536, 'x');
    while (write(pipeFds[1], block.constData(), size_t(block.size())) > 0) {
    }
    Watcher writer(pipeFds[1], kWrite);
    turn();
    QCOMPARE(writer.calls, 0);
    close(pipeFds[0]);
    turn();
    QCOMPARE(writer.calls, 1);
    writer.notifier.reset();
    close(pipeFds[1]);
}

void EpollDispatcherTest::closedDescriptorIsRefused()
{
    Pair pair;
    const int number = pair.near;
    pair.closeNear();
    const QByteArray text =
        "EpollSet: cannot watch descriptor " + QByteArray::number(number) + ": Bad file descriptor";
    QTest::ignoreMessage(QtWarningMsg, text);
    Watcher watcher(number, kRead);
    QVERIFY(!watcher.notifier->isEnabled());
    // The number is good for its next owner.
    Pair fresh;
    fresh.moveNearTo(number);
    Watcher owner(number, kRead, [&] { fresh.hear(); });
    fresh.speak();
    turn();
    QCOMPARE(owner.calls, 1);
}

void EpollDispatcherTest::regularFileIsAlwaysReady()
{
    QFile file(QCoreApplication::applicationFilePath());
    QVERIFY(file.open(QIODevice::ReadOnly | QIODevice::Unbuffered));
    const int number = file.handle();
    auto reader = std::make_unique<Watcher>(number, kRead);
    Watcher writer(number, kWrite);
    turn(3);
    QCOMPARE(reader->calls, 3);
    QCOMPARE(writer.calls, 3);
    // A wait returns, although nothing else happens.
    QElapsedTimer clock;
    clock.start();
    QAbstractEventDispatcher::instance()->processEvents(QEventLoop::WaitForMoreEvents);
    QVERIFY(clock.elapsed() < kPatienceMs);
    // Removed in its own slot, then the number becomes a socket.
    writer.slot = [&] { reader.reset(); };
    turn();
    writer.slot = {};
    const int before = writer.calls;
    file.close();
    Pair fresh;
    fresh.moveNearTo(number);
    Watcher owner(number, kRead, [&] { fresh.hear(); });
    turn(2);
    QCOMPARE(owner.calls, 0);
    QCOMPARE(writer.calls, before);
    fresh.speak();
    turn(2);
    QCOMPARE(owner.calls, 1);
}

void EpollDispatcherTest::nestedLoopDropsWhatItHandled()
{
    Pair a;
    Pair b;
    int depth = 0;
    int emptyReads = 0;
    const auto slot = [&](const Pair& pair) {
        if (pair.hear().isEmpty())
            ++emptyReads;
        if (depth == 0) {
            ++depth;
            turn(2);
            --depth;
        }
    };
    Watcher first(a.near, kRead, [&] { slot(a); });
    Watcher second(b.near, kRead, [&] { slot(b); });
    a.speak();
    b.speak();
    turn(2);
    QCOMPARE(first.calls, 1);
    QCOMPARE(second.calls, 1);
    QCOMPARE(emptyReads, 0);
}

void EpollDispatcherTest::excludedNotifiersAndTimersWait()
{
    auto* dispatcher = QAbstractEventDispatcher::instance();
    Pair pair;
    Watcher reader(pair.near, kRead, [&] { pair.hear(); });
    int fired = 0;
    TimerObject object([&](int) { ++fired; });
    pair.speak();
    QElapsedTimer clock;
    clock.start();
    const int id = object.startTimer(20, Qt::PreciseTimer);
    // Waits for the timer although a descriptor is ready.
    while (fired == 0)
        dispatcher->processEvents(QEventLoop::ExcludeSocketNotifiers |
                                  QEventLoop::WaitForMoreEvents);
    QVERIFY(clock.elapsed() >= 19);
    QCOMPARE(reader.calls, 0);
    QThread::msleep(30);
    dispatcher->processEvents(QEventLoop::X11ExcludeTimers | QEventLoop::WaitForMoreEvents);
    QCOMPARE(reader.calls, 1);
    QCOMPARE(fired, 1);
    turn();
    QCOMPARE(fired, 2);
    object.killTimer(id);
}

void EpollDispatcherTest::postsFromOtherThreadsAreNotLost()
{
    constexpr int kPosts = 100000;
    QThread thread;
    thread.setEventDispatcher(new EpollDispatcher);
    thread.start();
    QObject receiver;
    receiver.moveToThread(&thread);
    std::atomic<int> received{0};
    const auto post = [&] {
        for (int i = 0; i < kPosts; ++i) {
            QMetaObject::invokeMethod(
                &receiver, [&] { ++received; }, Qt::QueuedConnection);
            if (i % 64 == 0)
                QThread::yieldCurrentThread(); // lets the receiver fall asleep often
        }
    };
    std::unique_ptr<QThread> posters[] = {std::unique_ptr<QThread>(QThread::create(post)),
                                          std::unique_ptr<QThread>(QThread::create(post))};
    for (auto& poster : posters)
        poster->start();
    for (auto& poster : posters)
        QVERIFY(poster->wait(kPatienceMs));
    // No further wake-up comes: the last posts must have caused one.
    QElapsedTimer clock;
    clock.start();
    while (received < 2 * kPosts && clock.elapsed() < kPatienceMs)
        QThread::msleep(1);
    QCOMPARE(received.load(), 2 * kPosts);
    thread.quit();
    QVERIFY(thread.wait(kPatienceMs));
}

void EpollDispatcherTest::quitFromAnotherThreadIsNeverMissed()
{
    for (int i = 0; i < 500; ++i) {
        QThread thread;
        thread.setEventDispatcher(new EpollDispatcher);
        thread.start();
        if (i % 3)
            QThread::usleep(static_cast<unsigned long>(i % 50));
        thread.quit();
        QVERIFY(thread.wait(kPatienceMs));
    }
}

void EpollDispatcherTest::interruptEndsAWait()
{
    auto* dispatcher = QAbstractEventDispatcher::instance();
    turn(3);
    // Again and again, as one that comes before the wait is for the wait before.
    std::atomic<bool> ended{false};
    std::unique_ptr<QThread> other(QThread::create([&] {
        while (!ended) {
            QThread::msleep(10);
            dispatcher->interrupt();
        }
    }));
    other->start();
    QSignalSpy blocks(dispatcher, &QAbstractEventDispatcher::aboutToBlock);
    QElapsedTimer clock;
    clock.start();
    // Notifiers excluded and timers too: nothing else can end these waits.
    while (blocks.size() < 3 && clock.elapsed() < kPatienceMs)
        dispatcher->processEvents(QEventLoop::WaitForMoreEvents | QEventLoop::X11ExcludeTimers |
                                  QEventLoop::ExcludeSocketNotifiers);
    ended = true;
    QVERIFY(blocks.size() >= 3);
    QVERIFY(other->wait(kPatienceMs));
}

void EpollDispatcherTest::sleepsWhenIdle()
{
    Pair pair;
    Watcher reader(pair.near, kRead);
    turn(3);
    const int64_t cpuMs = threadCpuMs();
    runFor(200);
    QVERIFY2(threadCpuMs() - cpuMs < 20, QByteArray::number(threadCpuMs() - cpuMs));
    QCOMPARE(reader.calls, 0);
}

void EpollDispatcherTest::tellsWhenItBlocksAndWakes()
{
    auto* dispatcher = QAbstractEventDispatcher::instance();
    turn(3);
    QSignalSpy blocks(dispatcher, &QAbstractEventDispatcher::aboutToBlock);
    QSignalSpy wakes(dispatcher, &QAbstractEventDispatcher::awake);
    turn();
    QCOMPARE(blocks.size(), 0);
    QCOMPARE(wakes.size(), 1);
    const int id = startTimer(5, Qt::PreciseTimer);
    dispatcher->processEvents(QEventLoop::WaitForMoreEvents);
    killTimer(id);
    QCOMPARE(blocks.size(), 1);
    QCOMPARE(wakes.size(), 2);
    // Something is posted: no waiting, and it is delivered in this very call.
    bool ran = false;
    QMetaObject::invokeMethod(
        this, [&] { ran = true; }, Qt::QueuedConnection);
    QVERIFY(dispatcher->processEvents(QEventLoop::WaitForMoreEvents));
    QVERIFY(ran);
    QCOMPARE(blocks.size(), 1);
}

void EpollDispatcherTest::descriptorsDoNotSurviveExec()
{
    // The next two numbers are the eventfd and the epoll instance.
    const int next = fcntl(0, F_DUPFD_CLOEXEC, 3);
    QVERIFY(next >= 3);
    close(next);
    EpollDispatcher dispatcher;
    QVERIFY(fcntl(next, F_GETFD) & FD_CLOEXEC);
    int seen = 0;
    for (int fd = 3; fd < 64; ++fd) {
        const QByteArray link =
            QFile::symLinkTarget("/proc/self/fd/" + QString::number(fd)).toUtf8();
        if (!link.contains("anon_inode"))
            continue;
        ++seen;
        QVERIFY2(fcntl(fd, F_GETFD) & FD_CLOEXEC, link);
    }
    QVERIFY(seen >= 4);
}

void EpollDispatcherTest::busyAmongThousandIdle()
{
    constexpr int kIdle = 1000;
    rlimit limit{};
    QCOMPARE(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = qMin<rlim_t>(limit.rlim_max, 4096);
    QCOMPARE(setrlimit(RLIMIT_NOFILE, &limit), 0);
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<std::unique_ptr<Watcher>> idle;
    for (int i = 0; i < kIdle; ++i) {
        const auto& pair = *pairs.emplace_back(std::make_unique<Pair>());
        idle.push_back(std::make_unique<Watcher>(pair.near, kRead, [&pair] { pair.hear(); }));
    }
    Pair busy;
    int received = 0;
    Watcher reader(busy.near, kRead, [&] {
        received += int(busy.hear().size());
        busy.speak();
    });
    busy.speak();
    turn(2000);
    QCOMPARE(received, 2000);
    // All at once, more than one batch: everyone gets its turn, none twice.
    for (const auto& pair : pairs)
        pair->speak();
    turn(2 * kIdle / EpollSet::kMaxEventsPerTurn + 2);
    for (const auto& watcher : idle)
        QCOMPARE(watcher->calls, 1);
}

// Runs a listening server in a thread with the dispatcher under test.
template <class MakeServer> static quint16 serveIn(QThread& thread, MakeServer make)
{
    thread.setEventDispatcher(new EpollDispatcher);
    auto* context = new QObject;
    context->moveToThread(&thread);
    QObject::connect(&thread, &QThread::finished, context, &QObject::deleteLater);
    thread.start();
    quint16 port = 0;
    QMetaObject::invokeMethod(
        context, [&] { port = make(context); }, Qt::BlockingQueuedConnection);
    return port;
}

void EpollDispatcherTest::tcpEchoInThread()
{
    QThread thread;
    const quint16 port = serveIn(thread, [](QObject* parent) {
        auto* server = new QTcpServer(parent);
        QObject::connect(server, &QTcpServer::newConnection, server, [server] {
            while (QTcpSocket* socket = server->nextPendingConnection()) {
                QObject::connect(socket, &QTcpSocket::readyRead, socket,
                                 [socket] { socket->write(socket->readAll()); });
                QObject::connect(socket, &QTcpSocket::disconnected, socket, &QObject::deleteLater);
            }
        });
        return server->listen(QHostAddress::LocalHost) ? server->serverPort() : quint16{0};
    });
    QVERIFY(port != 0);
    // Many short connections, so that descriptors are reused on both sides; one large transfer.
    for (int round = 0; round < 20; ++round) {
        std::vector<std::unique_ptr<QTcpSocket>> clients;
        for (int i = 0; i < 10; ++i)
            clients.emplace_back(new QTcpSocket)->connectToHost("127.0.0.1", port);
        const QByteArray sent(round == 0 ? 4000000 : 100, char('a' + round));
        for (auto& client : clients) {
            connect(client.get(), &QTcpSocket::connected, client.get(),
                    [&sent, socket = client.get()] { socket->write(sent); });
        }
        for (auto& client : clients) {
            const auto whole = [&] { return client->bytesAvailable() == sent.size(); };
            QVERIFY(QTest::qWaitFor(whole, kPatienceMs));
            QCOMPARE(client->readAll(), sent);
        }
    }
    thread.quit();
    QVERIFY(thread.wait(kPatienceMs));
}

void EpollDispatcherTest::webSocketEchoInThread()
{
    QThread thread;
    const quint16 port = serveIn(thread, [](QObject* parent) {
        auto* server = new QWebSocketServer("echo", QWebSocketServer::NonSecureMode, parent);
        QObject::connect(server, &QWebSocketServer::newConnection, server, [server] {
            while (QWebSocket* socket = server->nextPendingConnection()) {
                socket->setParent(server);
                QObject::connect(socket, &QWebSocket::textMessageReceived, socket,
                                 [socket](const QString& text) { socket->sendTextMessage(text); });
                QObject::connect(socket, &QWebSocket::disconnected, socket, &QObject::deleteLater);
            }
        });
        return server->listen(QHostAddress::LocalHost) ? server->serverPort() : quint16{0};
    });
    QVERIFY(port != 0);
    constexpr int kMessages = 2000;
    QWebSocket client;
    QEventLoop loop;
    QStringList received;
    connect(&client, &QWebSocket::connected, &client, [&] { client.sendTextMessage("0"); });
    connect(&client, &QWebSocket::textMessageReceived, &client, [&](const QString& text) {
        received << text;
        if (received.size() == kMessages)
            loop.quit();
        else
            client.sendTextMessage(QString::number(received.size()));
    });
    client.open(QUrl(QString("ws://127.0.0.1:%1").arg(port)));
    QTimer::singleShot(kPatienceMs, &loop, &QEventLoop::quit);
    loop.exec();
    QCOMPARE(received.size(), kMessages);
    for (int i = 0; i < kMessages; ++i)
        QCOMPARE(received.at(i), QString::number(i));
    QSignalSpy closed(&client, &QWebSocket::disconnected);
    client.close();
    QVERIFY(QTest::qWaitFor([&] { return closed.size() == 1; }, kPatienceMs));
    thread.quit();
    QVERIFY(thread.wait(kPatienceMs));
}

std::unique_ptr<QObject> makeEpollDispatcherTest()
{
    return std::make_unique<EpollDispatcherTest>();
}

#include "epoll_dispatcher_test.moc"
