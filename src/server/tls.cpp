#include "server/tls.h"

#include <QFile>
#include <QSslCertificate>
#include <QSslKey>

namespace fluxion {

namespace {

Result<QByteArray> readPem(const std::string& setting, const std::string& path)
{
    QFile file(QString::fromStdString(path));
    if (!file.open(QIODevice::ReadOnly))
        return {Code::Usage,
                setting + ": cannot read " + path + ": " + file.errorString().toStdString()};
    return file.readAll();
}

// Whether the private key is the certificate's. Both encodings hold the public numbers as the same
// run of bytes, at the end of the certificate's (RFC 8017 A.1, RFC 5915, RFC 5480).
bool belongTogether(const QSslCertificate& certificate, const QSslKey& key)
{
    constexpr qsizetype kTailBytes = 48;
    return key.toDer().contains(certificate.publicKey().toDer().last(kTailBytes));
}

} // namespace

Result<QSslConfiguration> loadTls(const std::string& certificatePath, const std::string& keyPath)
{
    auto certificatePem = readPem("tls-cert", certificatePath);
    if (!certificatePem)
        return certificatePem.error();
    const QList<QSslCertificate> chain =
        QSslCertificate::fromData(certificatePem.value(), QSsl::Pem);
    if (chain.isEmpty())
        return {Code::Usage, "tls-cert: " + certificatePath + " holds no PEM certificate"};
    auto keyPem = readPem("tls-key", keyPath);
    if (!keyPem)
        return keyPem.error();
    for (const QSsl::KeyAlgorithm algorithm : {QSsl::Rsa, QSsl::Ec}) {
        const QSslKey key(keyPem.value(), algorithm);
        if (key.isNull())
            continue;
        if (!belongTogether(chain.first(), key))
            return {Code::Usage, "tls-key: " + keyPath +
                                     " is not the key of the first certificate in " +
                                     certificatePath};
        QSslConfiguration configuration = QSslConfiguration::defaultConfiguration();
        configuration.setLocalCertificateChain(chain);
        configuration.setPrivateKey(key);
        configuration.setPeerVerifyMode(QSslSocket::VerifyNone);
        configuration.setProtocol(QSsl::TlsV1_2OrLater);
        return configuration;
    }
    return {Code::Usage, "tls-key: " + keyPath + " holds no PEM private key (RSA or EC)"};
}

} // namespace fluxion
