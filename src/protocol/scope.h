#pragma once

// Who may do what: the scope of a key, and the permission that a message type needs.

#include <optional>
#include <string_view>

namespace fluxion {

enum class Permission : unsigned char { Read, Write, Delete, Master };

enum class Scope : unsigned char { ReadOnly, ReadWrite, ReadWriteDelete, Master };

// Each scope includes the ones before it.
constexpr bool allows(Scope scope, Permission permission)
{
    return static_cast<unsigned char>(scope) >= static_cast<unsigned char>(permission);
}

// "read", "write", "delete", "master".
std::string_view token(Permission permission);
// "readonly", "read_write", "read_write_delete", "master".
std::string_view token(Scope scope);

// A scope that a key can be given, so not Master; case, `-`, `_`, space and comma do not count.
std::optional<Scope> parseScope(std::string_view text);

} // namespace fluxion
