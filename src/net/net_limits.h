#pragma once

// Bounds of the network side; each is a setting.

#include <cstdint>
#include <string>
#include <vector>

#include <QSslConfiguration>

namespace fluxion {

struct NetLimits {
    uint64_t maxMessageBytes = 16 * 1024 * 1024;
    int maxConnections = 10000;
    uint64_t maxPendingBytes = 64 * 1024 * 1024;     // of one connection, not yet taken by it
    uint64_t maxReplyBytesTotal = 256 * 1024 * 1024; // of all large replies under way
    int64_t headTimeoutUs = 10 * int64_t{1000000};   // from accept to a whole request head
    int64_t pingIntervalUs = 20 * int64_t{1000000};  // of silence before a ping
    int64_t pongTimeoutUs = 20 * int64_t{1000000};   // of silence after it
    int64_t stallTimeoutUs = 30 * int64_t{1000000};  // in which a client with data takes no byte
    int64_t closeTimeoutUs = 5 * int64_t{1000000};   // for a client to answer our close
    std::vector<std::string> allowedOrigins;         // empty: all
    QSslConfiguration tls;                           // null: no TLS
};

} // namespace fluxion
