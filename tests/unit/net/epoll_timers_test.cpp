#include "net/epoll_dispatcher.h"
#include "unit/net/loop_fixture.h"
#include "unit/net/suites.h"

#include <QElapsedTimer>
#include <QThread>
#include <QtTest/QTest>
#include <atomic>

using namespace fluxion;

// Timers of EpollDispatcher, which main() installs for the application.
class EpollTimersTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void singleShotFiresOnceNotEarly();
    void repeatingTimerKeepsItsPhase();
    void timerTypesKeepTheirAccuracy_data();
    void timerTypesKeepTheirAccuracy();
    void timerMayBeKilledInItsSlot();
    void objectMayDieInItsTimersSlot();
    void remainingTimeCountsDown();
    void registeredTimersAreListedAsAsked();
    void firingTimerIsNotFiredInNestedLoop();
    void zeroTimersAndSocketsShareTheLoop();
    void timersMovedToAnotherThreadGoOn();
};

void EpollTimersTest::singleShotFiresOnceNotEarly()
{
    QElapsedTimer clock;
    int fired = 0;
    qint64 firedAfterMs = 0;
    clock.start();
    QTimer::singleShot(30, Qt::PreciseTimer, this, [&] {
        ++fired;
        firedAfterMs = clock.elapsed();
    });
    runFor(120);
    QCOMPARE(fired, 1);
    QVERIFY2(firedAfterMs >= 30, QByteArray::number(firedAfterMs));
}

void EpollTimersTest::repeatingTimerKeepsItsPhase()
{
    // Every second turn comes 25 ms late: the next one is due 75 ms after it, not 100 ms. Turns
    // that this machine made a whole period late begin a phase of their own, as do their followers.
    constexpr int kPeriodMs = 100;
    constexpr int kLateMs = 25;
    QEventLoop loop;
    QElapsedTimer clock;
    int fired = 0;
    int kept = 0;
    qint64 dueMs = kPeriodMs; // of the next turn
    TimerObject object([&](int id) {
        const qint64 lateMs = clock.elapsed() - dueMs;
        const int leftMs = QAbstractEventDispatcher::instance()->remainingTime(id);
        const qint64 nextMs = clock.elapsed() + leftMs;
        // Only where nothing came between the looks at the two clocks.
        if (lateMs >= kLateMs - 1 && lateMs < kPeriodMs - 10 &&
            clock.elapsed() - dueMs - lateMs <= 1 && qAbs(nextMs - dueMs - kPeriodMs) <= 3)
            ++kept;
        dueMs = nextMs;
        if (++fired % 2)
            QThread::msleep(kPeriodMs + kLateMs);
        if (kept == 3 || fired == 100)
            loop.quit();
    });
    clock.start();
    const int id = object.startTimer(kPeriodMs, Qt::PreciseTimer);
    loop.exec();
    object.killTimer(id);
    QCOMPARE(kept, 3);
}

void EpollTimersTest::timerTypesKeepTheirAccuracy_data()
{
    QTest::addColumn<int>("intervalMs");
    QTest::addColumn<Qt::TimerType>("type");
    QTest::addColumn<int>("leastMs");
    QTest::addColumn<int>("mostMs");
    QTest::newRow("precise") << 133 << Qt::PreciseTimer << 132 << 133;
    QTest::newRow("coarse, too short to round") << 20 << Qt::CoarseTimer << 19 << 20;
    QTest::newRow("coarse, 5 %") << 1000 << Qt::CoarseTimer << 949 << 1050;
    QTest::newRow("coarse, odd") << 337 << Qt::CoarseTimer << 320 << 354;
    QTest::newRow("coarse, long") << 60000 << Qt::CoarseTimer << 59000 << 61000;
    QTest::newRow("very coarse") << 3200 << Qt::VeryCoarseTimer << 2200 << 4200;
    QTest::newRow("very coarse, under a second") << 100 << Qt::VeryCoarseTimer << 1 << 1500;
    QTest::newRow("longest") << INT_MAX << Qt::PreciseTimer << INT_MAX - 100 << INT_MAX;
}

void EpollTimersTest::timerTypesKeepTheirAccuracy()
{
    QFETCH(int, intervalMs);
    QFETCH(Qt::TimerType, type);
    QFETCH(int, leastMs);
    QFETCH(int, mostMs);
    // Started at many moments, as rounding depends on the clock.
    for (int i = 0; i < 40; ++i) {
        QElapsedTimer clock;
        clock.start();
        const int id = startTimer(intervalMs, type);
        const int leftMs = QAbstractEventDispatcher::instance()->remainingTime(id);
        const qint64 tookMs = clock.elapsed(); // none, unless the machine does something else
        killTimer(id);
        QVERIFY2(leftMs <= mostMs && leftMs >= leastMs - tookMs, QByteArray::number(leftMs));
        QThread::usleep(1700);
    }
}

void EpollTimersTest::timerMayBeKilledInItsSlot()
{
    int fired = 0;
    int otherFired = 0;
    TimerObject other([&](int) { ++otherFired; });
    const int otherId = other.startTimer(0);
    TimerObject object([&](int id) {
        ++fired;
        object.killTimer(id);
        other.killTimer(otherId);
    });
    object.startTimer(1);
    QThread::msleep(5);
    runFor(50);
    QCOMPARE(fired, 1);
    const int before = otherFired;
    turn(5);
    QCOMPARE(otherFired, before);
}

void EpollTimersTest::objectMayDieInItsTimersSlot()
{
    // One timer's slot deletes the other's object, then its own.
    int fired = 0;
    auto victim = std::make_unique<TimerObject>([&](int) { ++fired; });
    auto* suicide = new TimerObject({});
    suicide->slot = [&fired, &victim, suicide](int) {
        int& count = fired; // the captures die with the object
        victim.reset();
        delete suicide;
        count += 100;
    };
    suicide->startTimer(0);
    suicide->startTimer(0);
    victim->startTimer(0);
    turn(3);
    QCOMPARE(fired, 100);
}

void EpollTimersTest::remainingTimeCountsDown()
{
    constexpr int kLongMs = 100000;
    QTimer timer;
    timer.setTimerType(Qt::PreciseTimer);
    timer.start(kLongMs);
    QThread::msleep(30);
    QVERIFY(timer.remainingTime() <= kLongMs - 30);
    QVERIFY(timer.remainingTime() > 0);
    timer.start(20);
    QThread::msleep(30);
    QCOMPARE(timer.remainingTime(), 0);
    QCOMPARE(QAbstractEventDispatcher::instance()->remainingTime(0x00fffff0), -1);
    // In its own slot a repeating timer tells the time to its next turn.
    constexpr int kPeriodMs = 2000; // longer than this machine forgets us
    int inSlotMs = -1;
    QEventLoop loop;
    connect(&timer, &QTimer::timeout, this, [&] {
        inSlotMs = timer.remainingTime();
        loop.quit();
    });
    timer.start(kPeriodMs);
    loop.exec();
    QVERIFY2(inSlotMs > 0 && inSlotMs <= kPeriodMs, QByteArray::number(inSlotMs));
}

void EpollTimersTest::registeredTimersAreListedAsAsked()
{
    auto* dispatcher = QAbstractEventDispatcher::instance();
    QObject object;
    const int a = object.startTimer(7000, Qt::VeryCoarseTimer);
    const int b = object.startTimer(30, Qt::PreciseTimer);
    auto list = dispatcher->registeredTimers(&object);
    QCOMPARE(list.size(), 2);
    for (const auto& info : list) {
        QVERIFY(info.timerId == a || info.timerId == b);
        QCOMPARE(info.interval, info.timerId == a ? 7000 : 30);
        QCOMPARE(info.timerType, info.timerId == a ? Qt::VeryCoarseTimer : Qt::PreciseTimer);
    }
    QVERIFY(dispatcher->unregisterTimers(&object));
    QVERIFY(!dispatcher->unregisterTimers(&object));
    QCOMPARE(dispatcher->registeredTimers(&object).size(), 0);
}

void EpollTimersTest::firingTimerIsNotFiredInNestedLoop()
{
    int depth = 0;
    int deepest = 0;
    int fired = 0;
    int otherFired = 0;
    QEventLoop* nested = nullptr;
    TimerObject other([&](int) {
        if (++otherFired % 12 == 0 && nested)
            nested->quit();
    });
    other.startTimer(5, Qt::PreciseTimer);
    QEventLoop outer;
    TimerObject object([&](int id) {
        deepest = qMax(deepest, ++depth);
        const int64_t cpuMs = threadCpuMs();
        QEventLoop loop;
        nested = &loop;
        loop.exec();
        nested = nullptr;
        // A zero timer that is being handled must not keep the nested loop awake.
        QVERIFY(threadCpuMs() - cpuMs < 30);
        --depth;
        if (++fired == 2) {
            object.killTimer(id);
            outer.quit();
        }
    });
    object.startTimer(0);
    outer.exec();
    runFor(20);
    QCOMPARE(deepest, 1);
    QCOMPARE(fired, 2);
}

void EpollTimersTest::zeroTimersAndSocketsShareTheLoop()
{
    Pair pair;
    int zeroFired = 0;
    TimerObject zero([&](int) { ++zeroFired; });
    zero.startTimer(0);
    zero.startTimer(0);
    int received = 0;
    Watcher reader(pair.near, kRead, [&] {
        received += int(pair.hear().size());
        pair.speak(); // always readable
    });
    pair.speak();
    turn(100);
    QVERIFY2(received >= 100, QByteArray::number(received));
    QCOMPARE(zeroFired, 200);
}

void EpollTimersTest::timersMovedToAnotherThreadGoOn()
{
    QThread thread;
    thread.setEventDispatcher(new EpollDispatcher);
    thread.start();
    std::atomic<int> fired{0};
    std::atomic<bool> rightThread{true};
    auto* object = new TimerObject([&](int) {
        ++fired;
        rightThread = rightThread && QThread::currentThread() == &thread;
    });
    object->startTimer(2, Qt::PreciseTimer);
    object->moveToThread(&thread);
    connect(&thread, &QThread::finished, object, &QObject::deleteLater);
    QVERIFY(QTest::qWaitFor([&] { return fired >= 5; }, kPatienceMs));
    thread.quit();
    QVERIFY(thread.wait(kPatienceMs));
    QVERIFY(rightThread);
}

std::unique_ptr<QObject> makeEpollTimersTest()
{
    return std::make_unique<EpollTimersTest>();
}

#include "epoll_timers_test.moc"
