// How soon an empty server is there, and what it holds while nothing happens.

#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

#include "bench/line.h"
#include "bench/scratch_folder.h"
#include "bench/workload.h"

namespace fluxion::bench {

std::vector<Line> measureStart(const Context& context)
{
    Line start{"start to first accept, empty data folder", "", Line::Bound::AtMost, 30, " ms"};
    Line idle{"resident memory, idle", "", Line::Bound::AtMost, 30, " MB"};
    if (!context.wants(start.load) && !context.wants(idle.load))
        return {};
    ::sync(); // what lines before have left for the disk to write is no part of it
    for (int i = 0; i < context.pairs; ++i) {
        ScratchFolder folder;
        const auto server = startServer(context, folder.path());
        start.figures.push_back(server->startSeconds() * 1e3);
        std::this_thread::sleep_for(std::chrono::milliseconds(500)); // the first segments are made
        idle.figures.push_back(server->residentBytes() / 1e6);
    }
    std::vector<Line> lines{start, idle};
    std::erase_if(lines, [&](const Line& line) { return !context.wants(line.load); });
    return lines;
}

} // namespace fluxion::bench
