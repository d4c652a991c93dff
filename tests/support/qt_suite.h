#pragma once

// Runs Qt Test classes one after the other in one program and ends its output with the line
// "N passed, N failed". The figures are Qt Test's own totals. A skipped test counts as failed, and
// so does a suite that ends without totals.

#include <QFile>
#include <QObject>
#include <QRegularExpression>
#include <QStringList>
#include <QTemporaryDir>
#include <QtTest/QTest>
#include <cstdio>
#include <initializer_list>

namespace fluxion {

// Arguments are Qt Test's (test functions, -v2, ...) and go to every suite; -o is taken.
// Returns the exit code: 0 if something passed and nothing failed. Needs a QCoreApplication.
inline int runQtSuites(std::initializer_list<QObject*> suites, int argc, char** argv)
{
    static const QRegularExpression kTotals(
        R"(^Totals: (\d+) passed, (\d+) failed, (\d+) skipped, (\d+) blacklisted)",
        QRegularExpression::MultilineOption);
    const QTemporaryDir folder;
    int passed = 0;
    int failed = 0;
    int number = 0;
    for (QObject* suite : suites) {
        const QString path = folder.filePath(QString::number(++number) + ".txt");
        QStringList arguments;
        for (int i = 0; i < argc; ++i)
            arguments << QString::fromLocal8Bit(argv[i]);
        arguments << "-o" << path + ",txt"
                  << "-o"
                  << "-,txt";
        const int code = QTest::qExec(suite, arguments);

        QFile log(path);
        const bool open = log.open(QIODevice::ReadOnly);
        const auto totals = kTotals.match(open ? QString::fromUtf8(log.readAll()) : QString());
        const int bad =
            totals.captured(2).toInt() + totals.captured(3).toInt() + totals.captured(4).toInt();
        passed += totals.captured(1).toInt();
        failed += bad == 0 && (code != 0 || !totals.hasMatch()) ? 1 : bad;
    }
    std::fflush(stderr);
    std::printf("%d passed, %d failed\n", passed, failed);
    std::fflush(stdout);
    return failed == 0 && passed > 0 ? 0 : 1;
}

} // namespace fluxion
