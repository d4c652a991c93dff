#pragma once

// One line of the report: what was measured against what, in pairs, and the target it was held to.

#include <string>
#include <vector>

namespace fluxion::bench {

struct Line {
    enum class Bound { AtLeast, AtMost };

    std::string load;
    std::string against;
    Bound bound = Bound::AtLeast;
    double target = 0;
    std::string unit{};             // of the figures; empty: they are ratios
    std::vector<double> figures{};  // one a pair
    std::vector<std::string> raw{}; // a line each: what was seen on both sides
};

// What is measured, and how long. Smoke: so short that the figures mean nothing.
struct Context {
    std::string server; // path of the program
    std::string echoServer;
    std::string commit;
    int pairs = 5;
    double seconds = 1; // of each side of a pair
    bool smoke = false;
    std::string only{}; // lines whose name contains this; empty: all

    bool wants(const std::string& load) const { return load.find(only) != std::string::npos; }
};

double median(std::vector<double> values);

// The median with the least and the most in brackets, with as many decimals.
std::string withSpan(const std::vector<double>& values, int decimals);

// How busy the load client was, of a core; in bold where it may be what was measured.
std::string clientBusy(double busy);

// One function an idea, each in a file named after it. They measure the lines that are wanted and
// throw std::runtime_error when that cannot be done.
std::vector<Line> measureThroughput(const Context& context);
std::vector<Line> measureMemory(const Context& context);
std::vector<Line> measureReplay(const Context& context);
std::vector<Line> measureFanOut(const Context& context);
std::vector<Line> measureEventLatency(const Context& context);
std::vector<Line> measureResume(const Context& context);
std::vector<Line> measureCheckpoint(const Context& context);
std::vector<Line> measurePattern(const Context& context);
std::vector<Line> measureStart(const Context& context);

// Markdown. `findings` is put below the tables as it is.
std::string report(const Context& context, const std::vector<Line>& lines,
                   const std::string& findings);

} // namespace fluxion::bench
