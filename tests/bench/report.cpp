#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <sys/utsname.h>
#include <thread>

#include "bench/line.h"
#include "bench/scratch_folder.h"

namespace fluxion::bench {

namespace {

std::string machine()
{
    utsname system{};
    ::uname(&system);
    std::ifstream cpu("/proc/cpuinfo");
    std::string model = "unknown processor";
    for (std::string line; std::getline(cpu, line);) {
        if (line.starts_with("model name")) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    }
    return model + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores, " +
           system.sysname + " " + system.release + ", data on " + ScratchFolder::fileSystem();
}

// A target such as 1/6 asks for a third decimal.
int decimalsBelowOne(const Line& line)
{
    return std::abs(line.target * 100 - std::round(line.target * 100)) > 1e-6 ? 3 : 2;
}

std::string number(double value, const Line& line)
{
    const int decimals = value < 1 ? decimalsBelowOne(line) : value < 10 ? 2 : 1;
    char text[40];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

std::string row(const Line& line)
{
    const bool atLeast = line.bound == Line::Bound::AtLeast;
    const double middle = median(line.figures);
    const bool met = atLeast ? middle >= line.target : middle <= line.target;
    const auto [least, most] = std::minmax_element(line.figures.begin(), line.figures.end());
    std::string figure = "**" + number(middle, line) + line.unit + "**";
    if (line.figures.size() > 1)
        figure += " (" + number(*least, line) + "-" + number(*most, line) + ")";
    return "| " + line.load + " | " + line.against + " | " + (atLeast ? ">= " : "<= ") +
           number(line.target, line) + line.unit + " | " + figure + " | " +
           (met ? "met" : "**missed**") + " |\n";
}

void appendRaw(std::ostringstream& out, const std::vector<Line>& lines)
{
    out << "\n## Raw figures\n\n"
           "Of the lines in requests a second; medians, the rate with its span. CPU seconds "
           "are of one run, handshakes left out. A client that is busy more than 95 % of the "
           "time, in bold, may be what is measured.\n\n"
           "| line: side | requests/s | p50 us | p95 us | p99 us | server CPU us/request | client "
           "CPU "
           "us/request | server CPU s | client CPU s | client busy |\n"
           "|---|---|---|---|---|---|---|---|---|---|\n";
    for (const Line& line : lines) {
        for (const std::string& raw : line.raw) {
            if (raw.starts_with('|'))
                out << raw << '\n';
        }
    }
    out << '\n';
    for (const Line& line : lines) {
        for (const std::string& raw : line.raw) {
            if (!raw.starts_with('|'))
                out << "- " << line.load << ": " << raw << '\n';
        }
    }
}

constexpr double kBusy = 0.95; // of a core: above, the client may be what is measured

} // namespace

std::string withSpan(const std::vector<double>& values, int decimals)
{
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    char text[100];
    std::snprintf(text, sizeof text, "%.*f (%.*f-%.*f)", decimals, median(values), decimals, *least,
                  decimals, *most);
    return text;
}

std::string clientBusy(double busy)
{
    const char* const mark = busy > kBusy ? "**" : "";
    char text[40];
    std::snprintf(text, sizeof text, "%s%.0f %%%s", mark, busy * 100, mark);
    return text;
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string report(const Context& context, const std::vector<Line>& lines,
                   const std::string& findings)
{
    std::ostringstream out;
    out << "# Benchmarks\n\n"
           "Written by `make bench`; do not edit. Machine: "
        << machine() << ". Commit " << context.commit
        << ".\n\nServer and client share the machine. The server runs with `--io-threads 1`. "
           "`100 x 1` means 100 connections with one request in flight each. Rates are of two "
           "sides in turns, "
        << context.pairs << " pairs of " << context.seconds
        << " s a side, after one that is not counted, of three sides in fan-out; a write there is "
           "in flight until the last subscriber has its event. `qry`, resume, checkpoints, replay, "
           "start and memory are measured "
        << context.pairs
        << " times. The figure is the median, with the least and the most in brackets. What data "
           "costs in memory is without the log that a server in memory keeps for resumes (64 MiB "
           "at most); the readings of its line vary as a sensor's do, but repeat after 180. A "
           "target that is not met says so.\n\n"
           "| line | against | target | measured | |\n|---|---|---|---|---|\n";
    for (const Line& line : lines)
        out << row(line);
    appendRaw(out, lines);
    if (!findings.empty())
        out << '\n' << findings;
    return out.str();
}

} // namespace fluxion::bench
