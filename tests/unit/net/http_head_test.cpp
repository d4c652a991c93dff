#include "net/http_head.h"
#include "unit/net/suites.h"

#include <QtTest/QTest>
#include <memory>

using namespace fluxion;

namespace {

using Kind = HeadVerdict::Kind;

const std::string kPost = "POST /h HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n";

} // namespace

class HttpHeadTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void verdicts_data();
    void verdicts();
    void aBodyInTheSameReadIsNoneOfTheHead();
};

void HttpHeadTest::verdicts_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("kind");
    const auto row = [](const char* name, const std::string& bytes, Kind kind) {
        QTest::newRow(name) << QByteArray::fromStdString(bytes) << static_cast<int>(kind);
    };
    row("whole", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", Kind::Head);
    row("not yet whole", "GET / HTTP/1.1\r\nHost: x\r\n", Kind::NeedMore);
    row("a folded line", "GET / HTTP/1.1\r\nA: b\r\n c\r\nHost: x\r\n\r\n", Kind::Refused);
    row("folded with a tab", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\nHost: x\r\n\r\n", Kind::Refused);
    row("a body that begins with a blank", kPost + " {\"a\":1}", Kind::Head);
    row("a body that begins with a tab", kPost + "\t{\"a\":1}", Kind::Head);
    row("a head that ends before its version", "GET /TH Tx\r\n\r\n", Kind::Refused);
    row("two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", Kind::Refused);
    row("no host", "GET / HTTP/1.1\r\n\r\n", Kind::Refused);
}

void HttpHeadTest::verdicts()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, kind);
    const HeadVerdict verdict = readHead({bytes.constData(), static_cast<size_t>(bytes.size())});
    QCOMPARE(static_cast<int>(verdict.kind), kind);
    if (verdict.kind == Kind::Refused)
        QCOMPARE(verdict.status, 400);
}

void HttpHeadTest::aBodyInTheSameReadIsNoneOfTheHead()
{
    QCOMPARE(readHead(kPost + " {\"a\":1}").head.bytes, kPost.size());
}

std::unique_ptr<QObject> makeHttpHeadTest()
{
    return std::make_unique<HttpHeadTest>();
}

#include "http_head_test.moc"
