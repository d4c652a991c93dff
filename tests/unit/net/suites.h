#pragma once

// The suites of this program, each made by its own file.

#include <QObject>
#include <memory>

std::unique_ptr<QObject> makeEpollDispatcherTest();
std::unique_ptr<QObject> makeEpollTimersTest();
std::unique_ptr<QObject> makeFrameReaderTest();
std::unique_ptr<QObject> makeHttpHeadTest();
std::unique_ptr<QObject> makeIoLoopTest();
std::unique_ptr<QObject> makeNotReadyTest();
std::unique_ptr<QObject> makeTransportTest();
