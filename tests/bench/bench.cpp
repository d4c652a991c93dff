// Where the server stands beside its peers and beside the bare WebSocket library.
//
//     bench SERVER ECHO_SERVER COMMIT [--pairs N] [--seconds S] [--only WORD] [--out FILE]
//           [--findings FILE]
//     bench SERVER ECHO_SERVER COMMIT --smoke      every line, for moments: does it work?
//
// With --only, the lines whose name contains WORD; --out is then left alone.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <sys/resource.h>

#include "bench/line.h"

namespace {

using namespace fluxion::bench;

struct Options {
    Context context;
    std::string out;
    std::string findings;
};

bool readOptions(int argc, char** argv, Options& options)
{
    if (argc < 4)
        return false;
    Context& context = options.context;
    context.server = argv[1];
    context.echoServer = argv[2];
    context.commit = argv[3];
    for (int i = 4; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--smoke") {
            context.smoke = true;
            context.pairs = 1;
            context.seconds = 0.05;
            continue;
        }
        if (++i >= argc)
            return false;
        if (option == "--pairs")
            context.pairs = std::atoi(argv[i]);
        else if (option == "--seconds")
            context.seconds = std::atof(argv[i]);
        else if (option == "--only")
            context.only = argv[i];
        else if (option == "--out")
            options.out = argv[i];
        else if (option == "--findings")
            options.findings = argv[i];
        else
            return false;
    }
    return context.pairs > 0 && context.seconds > 0;
}

std::string contentOf(const std::string& path)
{
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// Thousands of connections are open at once.
void takeDescriptors()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Only what is whole and was given its time is worth keeping.
bool write(const Options& options, const std::string& text)
{
    const char* path = options.out.c_str();
    if (!options.context.only.empty() || options.context.smoke) {
        std::fprintf(stderr, "bench: not the whole, so %s stays as it is\n", path);
        return true;
    }
    std::ofstream out(path);
    out << text << std::flush;
    if (!out)
        std::fprintf(stderr, "bench: %s cannot be written\n", path);
    return out.good();
}

int measureAll(const Options& options)
{
    std::vector<Line> lines;
    int failed = 0;
    const Context& context = options.context;
    for (const auto measure :
         {measureThroughput, measureFanOut, measureEventLatency, measureResume, measureCheckpoint,
          measureMemory, measureReplay, measurePattern, measureStart}) {
        try {
            for (Line& line : measure(context))
                lines.push_back(std::move(line));
        } catch (const std::exception& fault) {
            std::fprintf(stderr, "bench: %s\n", fault.what());
            ++failed;
        }
    }
    if (lines.empty() && failed == 0) {
        std::fprintf(stderr, "bench: no line has '%s' in its name\n", context.only.c_str());
        ++failed;
    }
    const std::string text = report(context, lines, contentOf(options.findings));
    if (!lines.empty())
        std::printf("%s", text.c_str());
    if (failed == 0 && !options.out.empty())
        failed += write(options, text) ? 0 : 1;
    if (context.smoke)
        std::printf("\n%zu passed, %d failed\n", lines.size(), failed);
    return failed == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    Options options;
    if (!readOptions(argc, argv, options)) {
        std::fprintf(stderr, "usage: bench SERVER ECHO_SERVER COMMIT [--pairs N] [--seconds S] "
                             "[--only WORD] [--out FILE] [--findings FILE] [--smoke]\n");
        return 2;
    }
    takeDescriptors();
    return measureAll(options);
}
