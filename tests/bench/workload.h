#pragma once

// The requests that lines share, and servers that are ready to take them.

#include <chrono>
#include <memory>
#include <string>

#include "bench/line.h"
#include "bench/process.h"
#include "bench/request.h"

namespace fluxion::bench {

extern const std::string kKey;

// What every line about records stores: 47 bytes.
extern const std::string kReading;

Request getValue();
Request setValue();
// Of a key whose value is a JSON document, kReading. With `keys.requests` 4, these four in turn all
// meet the same key.
Request setDocument(Request::Keys keys);
Request getDocument(Request::Keys keys);
Request patchDocument(Request::Keys keys);
Request removeDocument(Request::Keys keys);
// 100 readings of 100 documents, as text in text: the classic form.
Request insertHundred();

// A write of the key `fan` in `bench`; kMark stands in its value of 200 B. And what makes a
// subscriber of that key.
Request writeFan();
extern const std::string kSubscribeFan;
std::string fanValue();

// `--io-threads 1`; without a folder in memory.
std::unique_ptr<Process> startServer(const Context& context, const std::string& folder = {},
                                     std::vector<std::string> more = {});

// Stores `records` readings of each of `documents` documents, in order of time.
void storeReadings(const Process& server, int documents, int records);

// The same in one document.
void storeSeries(const Process& server, int records);

// Resident memory, once it stays the same, within half a percent, for `quiet`: documents that rest
// are sealed by a sweep, every 10 s.
double settledBytes(const Context& context, const Process& server, std::chrono::milliseconds quiet);

} // namespace fluxion::bench
