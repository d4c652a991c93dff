#pragma once

// A checkpoint: the views at one seq, in one file. Written under a temporary name, synced, renamed,
// folder synced: it is there whole or not at all.
//
// Layout: frames of u32 kind, u32 length, u32 CRC-32C (over the frame's number, kind, length and
// payload), payload. First a Header, then for each view a View frame and its Block frames, last
// End.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file.h"
#include "log/log_format.h"
#include "store/store.h"

namespace fluxion {

struct CheckpointInfo {
    HistoryId history{};
    uint64_t seq = 0;
    int64_t lastTimeUs = 0; // of the entry `seq`: time never goes back, also across restarts
};

// How a checkpoint is written beside other things to be done. Both may be missing.
struct CheckpointPace {
    std::function<void()> between = {}; // before every block
    // Each time that some more has reached the disk: leaves it to others for a while. Missing: as
    // fast as the disk can.
    std::function<void()> rest = {};
};

// The file's size in bytes. Code::StorageFull when there is no room; nothing is left behind then.
Result<uint64_t> writeCheckpoint(Directory& directory, const CheckpointInfo& info, const Cut& cut,
                                 const CheckpointPace& pace = {});

// The file's name, of this history and seq.
std::string checkpointName(const CheckpointInfo& info);

bool isCheckpointName(const std::string& name);

// Checkpoint files, newest first.
Result<std::vector<std::string>> listCheckpoints(Directory& directory);

// Only its first frame: to tell whose it is.
Result<CheckpointInfo> readCheckpointInfo(Directory& directory, const std::string& name);

struct LoadedCheckpoint : CheckpointInfo {
    // Of the views wanted those that it lacks, or has in a version that this code does not read:
    // they are left out.
    ViewSet missing;
    std::string foreign; // "values of version 7" for each of these that it has; for people
};

// The views wanted into a store that has nothing of them. All frames are checked, whosever they
// are. Code::Damaged names file and offset; the store is of no use then. Code::Usage: it holds a
// view that this code does not know at all.
Result<LoadedCheckpoint> loadCheckpoint(Directory& directory, const std::string& name, Store& store,
                                        ViewSet wanted = ViewSet::all());

// Keeps the newest `keep` of this history that this code can read in full, and removes all others.
// The seq of the oldest kept one: what the log must still reach back to; 0 while there are fewer
// than `keep`.
Result<uint64_t> pruneCheckpoints(Directory& directory, const HistoryId& history, size_t keep);

} // namespace fluxion
