#pragma once

// All servers that take load, started once, with every key that is read.

#include <memory>
#include <string>
#include <vector>

#include "bench/connection.h"
#include "bench/line.h"
#include "bench/process.h"
#include "bench/request.h"
#include "bench/scratch_folder.h"
#include "bench/workload.h"

namespace fluxion::bench {

struct Stage {
    explicit Stage(const Context& context);

    // Throws std::runtime_error when the server has lost one of the idle connections.
    void requireIdle() const;

    const Request get = getValue();
    const Request set = setValue();
    const Request insert = insertHundred();
    const Request respGet = Request::resp({"GET", "key-@@@-~~~~"});
    const Request respSet = Request::resp({"SET", "key-@@@-~~~~", "0123456789012345678901234567"});

    const Request setJson = setDocument({});
    const Request respSetJson = Request::resp({"SET", "doc-@@@-~~~~", kReading});
    // Each key is set, read, patched and removed before the next.
    static constexpr Request::Keys kMixed{1000, 4};
    const Request mixedSet = setDocument(kMixed);
    const Request mixedGet = getDocument(kMixed);
    const Request mixedPatch = patchDocument(kMixed);
    const Request mixedRemove = removeDocument(kMixed);
    const Request respMixedSet = Request::resp({"SET", "doc-@@@-~~~~", kReading}, kMixed);
    const Request respMixedGet = Request::resp({"GET", "doc-@@@-~~~~"}, kMixed);
    const Request respMixedRemove = Request::resp({"DEL", "doc-@@@-~~~~"}, kMixed);

    ScratchFolder durableFolder, redisFolder, redisSyncedFolder;
    // Two lines insert the same records: each has its server, so that none finds them there.
    std::unique_ptr<Process> durable, memory, insertBesideAck, insertBesideDurable;
    // One with connections that say nothing, one without.
    std::unique_ptr<Process> crowded, alone;
    std::unique_ptr<Process> echo, ack;
    std::unique_ptr<Process> redis, redisSynced;
    std::vector<std::unique_ptr<Connection>> idle;
};

} // namespace fluxion::bench
