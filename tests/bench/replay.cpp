// A start after a power cut: everything comes from the log.

#include <cstdio>

#include "bench/line.h"
#include "bench/scratch_folder.h"
#include "bench/workload.h"

namespace fluxion::bench {

std::vector<Line> measureReplay(const Context& context)
{
    Line line{"replay of 5 M records", "records/s, process start included", Line::Bound::AtLeast, 3,
              " M/s"};
    if (!context.wants(line.load))
        return {};
    const int documents = context.smoke ? 100 : 10000;
    constexpr int kRecords = 500;
    // No checkpoint but the one at a clean stop, which there is not.
    const std::vector<std::string> noCheckpoints{"--checkpoint-bytes", "1TiB",
                                                 "--checkpoint-interval", "24h"};
    ScratchFolder folder;
    {
        const auto server = startServer(context, folder.path(), noCheckpoints);
        storeReadings(*server, documents, kRecords);
        server->kill();
    }
    const double count = static_cast<double>(documents) * kRecords;
    for (int i = 0; i < context.pairs; ++i) {
        const auto server = startServer(context, folder.path(), noCheckpoints);
        line.figures.push_back(count / server->startSeconds() / 1e6);
        char text[100];
        std::snprintf(text, sizeof text, "%.0f records in %.2f s", count, server->startSeconds());
        line.raw.push_back(text);
        server->kill();
    }
    return {line};
}

} // namespace fluxion::bench
