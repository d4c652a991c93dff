#include "shell/endpoint.h"

#include <algorithm>

#include <QUrlQuery>

namespace fluxion::shell {

Result<Endpoint> makeEndpoint(const std::string& url, const std::string& key,
                              const std::string& authorityFile, const std::string& name)
{
    Endpoint out;
    const QString text = QString::fromStdString(url);
    const bool bare = !text.contains(QStringLiteral("://"));
    out.url = QUrl(bare ? QStringLiteral("ws://") + text : text, QUrl::StrictMode);
    const QString scheme = out.url.scheme();
    if (!out.url.isValid() || out.url.host().isEmpty() ||
        (scheme != QStringLiteral("ws") && scheme != QStringLiteral("wss")))
        return {Code::Usage, "the URL must be like ws://HOST:PORT or wss://HOST:PORT"};
    if (bare && out.url.port() < 0)
        out.url.setPort(kDefaultPort);
    if (out.url.path().isEmpty())
        out.url.setPath(QStringLiteral("/"));

    // A header of HTTP takes no control characters (RFC 9110, section 5.5).
    if (std::ranges::any_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
        return {Code::Usage, "the key has a control character in it"};
    out.key = QByteArray::fromStdString(key);

    QUrlQuery query(out.url);
    if (!key.empty())
        query.removeAllQueryItems(QStringLiteral("api-key"));
    if (!query.hasQueryItem(QStringLiteral("name")))
        query.addQueryItem(QStringLiteral("name"), QString::fromStdString(name));
    out.url.setQuery(query);

    if (!authorityFile.empty()) {
        out.authorities = QSslCertificate::fromPath(QString::fromStdString(authorityFile));
        if (out.authorities.isEmpty())
            return {Code::Usage, "--ca: no certificates in " + authorityFile};
    }
    QUrl shown = out.url;
    shown.setQuery(QString());
    shown.setUserInfo(QString());
    shown.setFragment(QString());
    if (shown.path() == QStringLiteral("/"))
        shown.setPath(QString());
    out.shown = shown.toString().toStdString();
    return out;
}

} // namespace fluxion::shell
