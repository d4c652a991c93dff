#pragma once

// What a start makes the views of: the newest checkpoint that holds and the log behind it. A view
// that this checkpoint has in a version that the code does not read is left out of it and rebuilt,
// it alone: from an older checkpoint that has it in the right one, or from nothing, and the log
// from there on. Where the log no longer reaches back so far, there is no start. Reading only.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log_sink.h"
#include "base/result.h"
#include "engine/checkpoint.h"
#include "io/file.h"
#include "log/batch.h"
#include "store/store.h"

namespace fluxion {

struct StartViews {
    struct Damaged {
        std::string checkpoint;
        Error error;
    };
    struct Rebuilt {
        View view{};
        uint64_t after = 0; // the entries behind this seq are to be applied to it
    };
    std::unique_ptr<Store> store = std::make_unique<Store>();
    std::string folder;           // its path
    std::string checkpoint;       // the name; empty: none holds
    uint64_t seq = 0;             // of it
    std::string foreign;          // what it has that this code does not read, for people
    std::vector<Rebuilt> rebuilt; // mostly none
    std::vector<Damaged> damaged; // passed over, newest first

    // Where in the log a start begins to read.
    uint64_t readAfter() const;
};

// Code::Usage: a view can be neither read nor rebuilt; says which, and what to do.
Result<StartViews> loadStartViews(Directory& directory, const HistoryId& history);

struct RebuildProgress {
    std::string views;    // "values", or several
    uint64_t seq = 0;     // so far
    uint64_t ofSeq = 0;   // the checkpoint's: there they are what the others are
    uint64_t entries = 0; // applied to them
    int64_t tookUs = 0;

    unsigned percent() const;
};

// Applies what the log holds behind StartViews::readAfter(), in order: up to the checkpoint's seq
// to the views that are rebuilt, from there on to all.
class StartReplay {
  public:
    // At the rebuild's beginning, several times a second during it, and at its end. Nothing is
    // called when nothing is rebuilt.
    using OnProgress = std::function<void(const RebuildProgress&)>;

    // `views`, `clock` and `sink` outlive it. A line to `sink` at the beginning, each second, and
    // at the end.
    StartReplay(StartViews& views, Clock& clock, const LogSink& sink, OnProgress onProgress = {});

    Status apply(const BatchView& batch);
    // After the last batch. Code::Usage: the log ended before the views were rebuilt.
    Status finish();

  private:
    Status rebuild(const BatchView& batch);
    void tell(bool now);

    StartViews& m_views;
    Clock& m_clock;
    const LogSink& m_sink;
    const OnProgress m_onProgress;
    const int64_t m_begunUs;
    int64_t m_toldUs;
    int64_t m_loggedUs;
    RebuildProgress m_progress;
};

} // namespace fluxion
