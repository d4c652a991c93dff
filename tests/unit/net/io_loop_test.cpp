#include "engine/engine.h"
#include "live/read_thread.h"
#include "net/io_loop.h"
#include "unit/net/suites.h"

#include <QtTest/QTest>
#include <atomic>

using namespace fluxion;

namespace {

// What a loop stands on, as the server makes it; in memory, and nobody connects.
struct Ground {
    const LogSink sink = [](LogLevel, std::string_view) {};
    std::unique_ptr<Engine> engine =
        std::move(Engine::open(EngineOptions(), nullptr, systemClock(), sink).value());
    const Authenticator authenticator{"a-master-key-of-tests", engine->installationSecret(),
                                      engine->store().apiKeys()};
    Connections connections;
    ReadThread reader;
    LiveShared live{*engine, systemClock(), LiveLimits(), reader};
    LatencyMinute writeTimes;
    const Service service{*engine,         live,        writeTimes,
                          authenticator,   connections, systemClock(),
                          ServiceLimits(), "1",         "hint"};
    NetShared shared{service, NetLimits(), sink};
};

} // namespace

class IoLoopTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void isJoinedWhenAllIsGone();
};

// Clients that were closed last are destroyed when the event loop has ended, on its thread.
void IoLoopTest::isJoinedWhenAllIsGone()
{
    Ground ground;
    IoLoop loop(ground.shared);
    std::atomic<bool> ending{false};
    std::atomic<bool> gone{false};
    const auto end = [&] {
        ending = true;
        QTest::qSleep(200); // long enough for a join that does not wait to be seen
        gone = true;
    };
    loop.start();
    loop.post([&] {
        connect(QThread::currentThread(), &QThread::finished, QThread::currentThread(), end,
                Qt::DirectConnection);
    });
    loop.post([&] { loop.beginStop(1000000); });
    QTRY_VERIFY(ending);
    loop.join();
    QVERIFY(gone);
}

std::unique_ptr<QObject> makeIoLoopTest()
{
    return std::make_unique<IoLoopTest>();
}

#include "io_loop_test.moc"
