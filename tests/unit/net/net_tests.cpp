#include <QCoreApplication>

#include "net/epoll_dispatcher.h"
#include "support/qt_suite.h"
#include "unit/net/suites.h"

int main(int argc, char** argv)
{
    // The application's own loop runs on it as well, so that most tests need no thread.
    QCoreApplication::setEventDispatcher(new fluxion::EpollDispatcher);
    QCoreApplication application(argc, argv);
    const auto epollDispatcher = makeEpollDispatcherTest();
    const auto epollTimers = makeEpollTimersTest();
    const auto frameReader = makeFrameReaderTest();
    const auto httpHead = makeHttpHeadTest();
    const auto ioLoop = makeIoLoopTest();
    const auto notReady = makeNotReadyTest();
    const auto transport = makeTransportTest();
    return fluxion::runQtSuites({epollDispatcher.get(), epollTimers.get(), frameReader.get(),
                                 httpHead.get(), ioLoop.get(), notReady.get(), transport.get()},
                                argc, argv);
}
