#include "auth/authenticator.h"

#include <algorithm>

#include <QByteArray>
#include <QCryptographicHash>
#include <QMessageAuthenticationCode>

namespace fluxion {

namespace {

QByteArray borrowed(std::string_view bytes)
{
    return QByteArray::fromRawData(bytes.data(), static_cast<qsizetype>(bytes.size()));
}

} // namespace

Authenticator::Authenticator(std::string_view masterKey, std::string installationSecret,
                             const ApiKeys& keys)
    : m_installationSecret(std::move(installationSecret)), m_keys(keys),
      m_masterHash(hash(masterKey))
{
}

KeyHash Authenticator::hash(std::string_view key) const
{
    const QByteArray mac = QMessageAuthenticationCode::hash(
        borrowed(key), borrowed(m_installationSecret), QCryptographicHash::Sha256);
    KeyHash out{};
    std::copy_n(mac.constData(), std::min<size_t>(out.size(), static_cast<size_t>(mac.size())),
                out.begin());
    return out;
}

bool Authenticator::isMasterKey(std::string_view key) const
{
    return equalInConstantTime(hash(key), m_masterHash);
}

std::optional<Access> Authenticator::authenticate(std::string_view key) const
{
    const KeyHash shown = hash(key);
    if (equalInConstantTime(shown, m_masterHash))
        return Access::master();
    if (auto known = m_keys.find(shown))
        return Access(std::move(known));
    return std::nullopt;
}

} // namespace fluxion
