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
