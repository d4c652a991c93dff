#pragma once

// Names of collections and documents as names of files.

#include <optional>
#include <string>
#include <string_view>

namespace fluxion::shell {

// What a name becomes at most: file systems take 255 bytes, and a suffix follows.
constexpr size_t kMaxFileNameBytes = 240;

// ASCII letters, digits and `-`, `_`, `.` (not as the first) stay, every other byte becomes %XX; so
// different names make different file names. One that is too long is cut, and ends with `%~` and
// 32 hex digits of its SHA-256: it cannot be read back.
std::string fileNameOf(std::string_view name);

// The name; nothing of what fileNameOf() has cut. What people have named may hold other bytes, too.
std::optional<std::string> nameOfFile(std::string_view fileName);

} // namespace fluxion::shell
