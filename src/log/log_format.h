#pragma once

// The layout of the log's files, format 1. docs/log-format.md shows it as tables; a test pins every
// byte. All numbers little-endian. Files outlive code: nothing here changes meaning, ever.

#include <array>
#include <cstdint>
#include <string>

namespace fluxion {

// Names one history: positions of different histories are never comparable.
using HistoryId = std::array<char, 16>;

constexpr uint32_t kFormatVersion = 1;

// Segment: a header in the first sector, then batches, then whatever stood there before (zeros, or
// the bytes of the segment's earlier life, which the epoch tells apart).
constexpr uint64_t kSegmentMagic = 0x474553584c46ull; // "FLXSEG"
constexpr uint32_t kSegmentHeaderBytes = 512;
// u64 magic, u32 format, u32 reserved, u64 epoch, 16 bytes history, u64 first seq,
// i64 first time (us), u64 segment bytes, then u32 CRC-32C of all before it; zeros to 512.
constexpr uint32_t kSegmentHeaderUsed = 64;

// Batch: a header, its entries, zeros to a multiple of 8.
constexpr uint32_t kBatchMagic = 0x42584c46; // "FLXB"
// u32 magic, u32 CRC-32C of all that follows it, u64 epoch, u64 first seq, u32 entry count,
// u32 length of the entries in bytes, u32 origin, u32 reserved, u64 proposal number.
constexpr uint32_t kBatchHeaderBytes = 48;
constexpr uint32_t kBatchAlignment = 8;

// Entry: u16 type, u16 flags, u32 tenant, u32 actor, u32 payload length, i64 time (us), payload.
constexpr uint32_t kEntryHeaderBytes = 24;

// Segment files are named by their first seq; spares wait to become one.
std::string segmentName(uint64_t firstSeq); // "00000000000000000001.seg"
bool parseSegmentName(const std::string& name, uint64_t& firstSeq);
bool isSpareName(const std::string& name); // "spare-<n>"

} // namespace fluxion
