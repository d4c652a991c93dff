#pragma once

// One record of a document: a timestamp in the client's unit, and bytes that are never interpreted.

#include <cstdint>
#include <string>
#include <string_view>

namespace fluxion {

struct RecordView {
    int64_t ts = 0;
    std::string_view data;
};

struct Record {
    int64_t ts = 0;
    std::string data;
};

} // namespace fluxion
