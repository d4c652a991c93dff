#pragma once

// The frames that a checkpoint's file is made of: layout in engine/checkpoint.h.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/checkpoint.h"
#include "io/file.h"

namespace fluxion {

enum class CheckpointFrameKind : uint32_t { Header = 1, View = 2, Block = 3, End = 4 };

// A large file goes to the system on a thread of its own, so that the next frames are made
// meanwhile: unless it is to rest in between.
class CheckpointWriter {
  public:
    // Both outlive it; nobody else uses the file meanwhile.
    CheckpointWriter(File& file, const CheckpointPace& pace) : m_file(file), m_pace(pace) {}
    ~CheckpointWriter();
    CheckpointWriter(const CheckpointWriter&) = delete;
    CheckpointWriter& operator=(const CheckpointWriter&) = delete;

    // A failure may be that of an earlier frame; after one nothing more may be written.
    Status write(CheckpointFrameKind kind, std::string_view payload);
    // Once, after the last frame: whether all of them were written.
    Status finish();
    uint64_t count() const { return m_number; }
    uint64_t bytes() const { return m_bytes; }

  private:
    static constexpr size_t kFrames = 4;

    Status put(std::string_view frame);
    void writeBack();
    void run();

    File& m_file;
    const CheckpointPace& m_pace;
    uint64_t m_number = 0;
    uint64_t m_bytes = 0;                      // of all frames so far
    uint64_t m_offset = 0;                     // up to here they were written,
    uint64_t m_begun = 0;                      // up to here they are on their way to the medium,
    uint64_t m_awaited = 0;                    // and up to here they have arrived
    std::array<std::string, kFrames> m_frames; // a ring; without a thread the first
    std::mutex m_mutex;                        // guards what follows
    std::condition_variable m_changed;
    size_t m_made = 0;    // frames for the thread,
    size_t m_written = 0; // and what it has done
    Status m_status;
    bool m_stop = false;
    std::thread m_thread;
};

// Without a payload where a block was skipped.
struct CheckpointFrame {
    CheckpointFrameKind kind{};
    uint64_t number = 0;
    uint64_t offset = 0; // in the file,
    uint64_t end = 0;    // and of the next one
    std::vector<char> bytes;

    std::string_view payload() const { return {bytes.data(), bytes.size()}; }
};

class CheckpointReader {
  public:
    explicit CheckpointReader(File& file) : m_file(file) {}

    enum class Blocks : uint8_t { Read, Skip };

    // Into `frame`, whose memory is used again. Of a block that is skipped only the head,
    // unchecked. Code::Damaged.
    Status next(CheckpointFrame& frame, Blocks blocks = Blocks::Read);

  private:
    Error damaged(const std::string& what) const;

    File& m_file;
    uint64_t m_number = 0;
    uint64_t m_offset = 0;
};

// Reads frames ahead of their user on a thread of its own, up to the End or what fails; in a file
// of a few blocks, which is not worth a thread, each when it is asked for.
class CheckpointReadAhead {
  public:
    // Both outlive it; nobody else uses them meanwhile.
    CheckpointReadAhead(CheckpointReader& reader, uint64_t fileBytes);
    ~CheckpointReadAhead();
    CheckpointReadAhead(const CheckpointReadAhead&) = delete;
    CheckpointReadAhead& operator=(const CheckpointReadAhead&) = delete;

    // The next one; it stays until the next call. Not after a failure or the End.
    Result<const CheckpointFrame*> next();

  private:
    static constexpr size_t kFrames = 4;

    void run();

    CheckpointReader& m_reader;
    std::array<CheckpointFrame, kFrames> m_frames; // a ring; without a thread the first
    std::mutex m_mutex;                            // guards what follows
    std::condition_variable m_changed;
    size_t m_read = 0;            // frames that were read so far,
    size_t m_taken = 0;           // were handed out,
    size_t m_given = 0;           // and are free again
    std::optional<Error> m_fault; // after those that were read
    bool m_stop = false;
    std::thread m_thread;
};

} // namespace fluxion
