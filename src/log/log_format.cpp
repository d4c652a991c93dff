#include "log/log_format.h"

#include <cstdio>

namespace fluxion {

namespace {

constexpr std::size_t kDigits = 20;
const std::string kSuffix = ".seg";

} // namespace

std::string segmentName(uint64_t firstSeq)
{
    char digits[kDigits + 1];
    std::snprintf(digits, sizeof digits, "%020llu", static_cast<unsigned long long>(firstSeq));
    return digits + kSuffix;
}

bool parseSegmentName(const std::string& name, uint64_t& firstSeq)
{
    if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix))
        return false;
    firstSeq = 0;
    for (std::size_t i = 0; i < kDigits; ++i) {
        const char c = name[i];
        if (c < '0' || c > '9')
            return false;
        firstSeq = firstSeq * 10 + static_cast<uint64_t>(c - '0');
    }
    return name == segmentName(firstSeq); // not beyond 64 bits
}

bool isSpareName(const std::string& name)
{
    return name.starts_with("spare-");
}

} // namespace fluxion
