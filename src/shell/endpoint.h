#pragma once

// The server that the client talks to, and how it shows its key.

#include <string>

#include <QByteArray>
#include <QList>
#include <QSslCertificate>
#include <QUrl>

#include "base/result.h"

namespace fluxion::shell {

class LocalServer;

constexpr int kDefaultPort = 8080; // of an address without ws:// and port

struct Endpoint {
    QUrl url; // ws or wss, may hold a key
    QByteArray key;
    QList<QSslCertificate> authorities; // trusted beside those of the system
    std::string shown;                  // the address, without a key
    LocalServer* local = nullptr;       // instead of all these: a folder opened in this process
};

// `url` is ws://..., wss://... or HOST[:PORT]; a `key` that is not empty wins over one in it;
// `name` is what `conn` lists, unless the URL has a name. Code::Usage, without any key in the text.
Result<Endpoint> makeEndpoint(const std::string& url, const std::string& key,
                              const std::string& authorityFile, const std::string& name);

} // namespace fluxion::shell
