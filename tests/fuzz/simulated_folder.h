#pragma once

// A data folder on a simulated disk, and what must hold of whatever is found in it.

#include <memory>
#include <string>

#include "engine/engine.h"
#include "io/sim.h"

namespace fluxion::fuzz {

constexpr uint64_t kSegmentBytes = 4096; // of the segments that a start makes

EngineOptions smallOptions(Durability durability);

// The state that a start found: where it stood and the hash of its content.
struct Found {
    bool ok = false;
    uint64_t seq = 0;
    uint64_t hash = 0;

    bool operator==(const Found&) const = default;
};

// Starts an engine on the disk and stops it as a crash does. A refusal must be Code::Damaged, or
// Code::Usage for another version's data, and name a file of the folder. With `merge`, merging must
// leave the content as it is.
Found startOn(const std::shared_ptr<SimDisk>& disk, Durability durability, bool merge);

// A refusal for damage that names this file and an offset in it.
void checkDamage(const Error& error, const std::string& file);
// The same, or Code::Usage, naming the file: another version of the server wrote it.
void checkRefusal(const Error& error, const std::string& file);

// Reads every record and key in every way there is: in order, each once, all the ways agree.
void readAll(const Store& store);

} // namespace fluxion::fuzz
