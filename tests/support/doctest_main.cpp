// The main() of every doctest program: runs the cases and ends the output with the line
// "N passed, N failed". A case that is skipped counts as failed, unless the command line chose.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <iostream>
#include <string_view>

namespace {

// What the registered listener leaves for main().
unsigned g_run = 0;
unsigned g_failed = 0;
unsigned g_skipped = 0;

struct Totals : doctest::IReporter {
    explicit Totals(const doctest::ContextOptions&) {}

    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& stats) override
    {
        g_run = stats.numTestCasesPassingFilters;
        g_failed = stats.numTestCasesFailed;
    }
    void test_case_start(const doctest::TestCaseData&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData& test) override
    {
        g_skipped += test.m_skip ? 1 : 0;
    }
};

bool choosesCases(std::string_view argument)
{
    for (const std::string_view word : {"-tc", "-ts", "-sf", "test-case", "test-suite", "-file"}) {
        if (argument.find(word) != std::string_view::npos)
            return true;
    }
    return false;
}

} // namespace

REGISTER_LISTENER("totals", 1, Totals);

int main(int argc, char** argv)
{
    bool chosen = false;
    for (int i = 1; i < argc; ++i)
        chosen = chosen || choosesCases(argv[i]);

    doctest::Context context(argc, argv);
    const int code = context.run();
    if (context.shouldExit()) // was asked for help or a list
        return code;

    const unsigned failed = g_failed + (chosen ? 0 : g_skipped);
    const unsigned passed = g_run - g_failed;
    std::cout << std::flush;
    std::cerr << std::flush;
    std::printf("%u passed, %u failed\n", passed, failed);
    return code == 0 && failed == 0 && passed > 0 ? 0 : 1;
}
