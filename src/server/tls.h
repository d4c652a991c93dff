#pragma once

#include <string>

#include <QSslConfiguration>

#include "base/result.h"

namespace fluxion {

// A server's configuration from PEM files: certificate chain and private key. Code::Usage when they
// cannot be read or do not hold what they should.
Result<QSslConfiguration> loadTls(const std::string& certificatePath, const std::string& keyPath);

} // namespace fluxion
