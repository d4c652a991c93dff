#include "net/frame_reader.h"
#include "unit/net/suites.h"

#include <QtTest/QTest>
#include <memory>

using namespace fluxion;

namespace {

constexpr uint64_t kMaxBytes = 1000;

// One masked frame as a client sends it.
std::string frame(unsigned first, std::string payload, const std::string& mask = "\x37\xfa\x21\x3d")
{
    std::string out(1, static_cast<char>(first));
    const size_t size = payload.size();
    if (size < 126) {
        out += static_cast<char>(0x80 | size);
    } else {
        out += static_cast<char>(0x80 | 126);
        out += static_cast<char>(size >> 8);
        out += static_cast<char>(size & 0xff);
    }
    out += mask;
    for (size_t i = 0; i < size; ++i)
        payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    return out + payload;
}

// Each event as a word: t:text b:binary i:ping o:pong c<code>:reason !<code>
QByteArray told(const FrameReader::Event& event)
{
    using Kind = FrameReader::Kind;
    const QByteArray bytes(event.bytes.data(), static_cast<qsizetype>(event.bytes.size()));
    const QByteArray code = QByteArray::number(event.closeCode);
    switch (event.kind) {
    case Kind::NeedMore:
        return {};
    case Kind::Message:
        return (event.frameKind == FrameKind::Text ? "t:" : "b:") + bytes + " ";
    case Kind::Ping:
        return "i:" + bytes + " ";
    case Kind::Pong:
        return "o:" + bytes + " ";
    case Kind::Close:
        return "c" + code + ":" + bytes + " ";
    case Kind::Broken:
        return "!" + code + " ";
    }
    return {};
}

// What comes of the bytes, given in pieces of `step`.
QByteArray read(const std::string& bytes, size_t step)
{
    FrameReader reader(kMaxBytes);
    QByteArray out;
    for (size_t at = 0; at < bytes.size(); at += step) {
        reader.feed(std::string_view(bytes).substr(at, step));
        for (auto event = reader.next(); event.kind != FrameReader::Kind::NeedMore;
             event = reader.next())
            out += told(event);
    }
    return out.trimmed();
}

} // namespace

class FrameReaderTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void reads_data();
    void reads();
    void lengthIsJudgedBeforeThePayloadComes();
    void aLargeMessageLeavesNoRoomBehind();
};

void FrameReaderTest::reads_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("expected");
    const auto row = [](const char* name, const std::string& bytes, const std::string& expected) {
        QTest::newRow(name) << QByteArray::fromStdString(bytes)
                            << QByteArray::fromStdString(expected);
    };
    const std::string big(300, 'x');
    row("text", frame(0x81, "hello"), "t:hello");
    row("binary", frame(0x82, "hello"), "b:hello");
    row("empty", frame(0x81, ""), "t:");
    row("16-bit length", frame(0x82, big), "b:" + big);
    row("two at once", frame(0x81, "a") + frame(0x82, "b"), "t:a b:b");
    row("fragments", frame(0x01, "a") + frame(0x00, "b") + frame(0x80, "c"), "t:abc");
    row("empty fragments", frame(0x01, "") + frame(0x00, "") + frame(0x80, ""), "t:");
    row("a ping between fragments", frame(0x01, "a") + frame(0x89, "p") + frame(0x80, "b"),
        "i:p t:ab");
    row("pong", frame(0x8a, "p"), "o:p");
    row("a character cut by fragments", frame(0x01, "\xc3") + frame(0x80, "\xa4"), "t:\xc3\xa4");
    row("close without a code", frame(0x88, ""), "c1005:");
    row("close with a code",
        frame(0x88, "\x03\xe8"
                    "bye"),
        "c1000:bye");
    row("nothing after a close", frame(0x88, "") + frame(0x81, "a"), "c1005:");
    row("not UTF-8", frame(0x81, "\xff"), "!1007");
    row("half a character at the end", frame(0x81, "\xc3"), "!1007");
    row("binary may be anything", frame(0x82, "\xff"), "b:\xff");
    row("RSV1", frame(0xc1, "a"), "!1002");
    row("RSV3", frame(0x91, "a"), "!1002");
    row("not masked", "\x81\x01", "!1002");
    row("unknown data opcode", frame(0x83, "a"), "!1002");
    row("unknown control opcode", frame(0x8b, "a"), "!1002");
    row("a fragmented ping", frame(0x09, "a"), "!1002");
    row("a long ping", frame(0x89, std::string(126, 'x')), "!1002");
    row("a continuation of nothing", frame(0x80, "a"), "!1002");
    row("a message inside a message", frame(0x01, "a") + frame(0x81, "b"), "!1002");
    row("half a close code", frame(0x88, "\x03"), "!1002");
    row("close code 1005", frame(0x88, "\x03\xed"), "!1002");
    row("close code 999", frame(0x88, "\x03\xe7"), "!1002");
    row("a close reason that is not UTF-8", frame(0x88, "\x03\xe8\xff"), "!1007");
    row("the most that is allowed", frame(0x82, std::string(kMaxBytes, 'x')),
        "b:" + std::string(kMaxBytes, 'x'));
    row("a byte more", frame(0x82, std::string(kMaxBytes + 1, 'x')), "!1009");
    row("a byte more in fragments", frame(0x02, std::string(kMaxBytes, 'x')) + frame(0x80, "x"),
        "!1009");
    row("nothing after a fault", frame(0x80, "a") + frame(0x81, "a"), "!1002");
}

void FrameReaderTest::reads()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, expected);
    const std::string all = bytes.toStdString();
    for (const size_t step : {all.size(), size_t{1}, size_t{2}, size_t{7}})
        QCOMPARE(read(all, step), expected);
}

void FrameReaderTest::lengthIsJudgedBeforeThePayloadComes()
{
    FrameReader reader(kMaxBytes);
    reader.feed(std::string("\x82\xff\x7f\x00\x00\x00\x00\x00\x00\x00", 10));
    QCOMPARE(reader.next().closeCode, 1009);
    FrameReader wrong(kMaxBytes);
    wrong.feed(std::string("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00", 10)); // 2^63 bytes
    QCOMPARE(wrong.next().closeCode, 1002);
    FrameReader other(kMaxBytes);
    other.feed(std::string("\x82\xfe\x03\xe8"
                           "mask",
                           8)); // 1000 bytes to come
    QCOMPARE(other.next().kind, FrameReader::Kind::NeedMore);
    QVERIFY(other.heldBytes() < 64);
}

void FrameReaderTest::aLargeMessageLeavesNoRoomBehind()
{
    constexpr size_t kLarge = 1 << 20;
    std::string whole("\x82\xff\0\0\0\0\0\x10\0\0mask", 14);
    whole.append(kLarge, 'x');
    std::string fragments = whole;
    fragments[0] = '\x02'; // more follows
    for (const std::string& bytes : {whole, fragments + frame(0x80, "end")}) {
        FrameReader reader(2 * kLarge);
        reader.feed(bytes);
        QCOMPARE(reader.next().kind, FrameReader::Kind::Message);
        QCOMPARE(reader.next().kind, FrameReader::Kind::NeedMore); // idle from now on
        QVERIFY2(reader.memoryBytes() < kLarge / 4,
                 qPrintable(QString::number(reader.memoryBytes())));
    }
}

std::unique_ptr<QObject> makeFrameReaderTest()
{
    return std::make_unique<FrameReaderTest>();
}

#include "frame_reader_test.moc"
