#include "protocol/scope.h"

#include <string>

namespace fluxion {

std::string_view token(Permission permission)
{
    switch (permission) {
    case Permission::Read:
        return "read";
    case Permission::Write:
        return "write";
    case Permission::Delete:
        return "delete";
    case Permission::Master:
        return "master";
    }
    return {};
}

std::string_view token(Scope scope)
{
    switch (scope) {
    case Scope::ReadOnly:
        return "readonly";
    case Scope::ReadWrite:
        return "read_write";
    case Scope::ReadWriteDelete:
        return "read_write_delete";
    case Scope::Master:
        return "master";
    }
    return {};
}

std::optional<Scope> parseScope(std::string_view text)
{
    constexpr size_t kLongest = 15; // letters of "readwritedelete"
    std::string letters;
    for (const char c : text) {
        if (c == '-' || c == '_' || c == ' ' || c == ',')
            continue;
        if (letters.size() == kLongest)
            return std::nullopt;
        letters.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
    if (letters == "readonly")
        return Scope::ReadOnly;
    if (letters == "readwrite")
        return Scope::ReadWrite;
    if (letters == "readwritedelete")
        return Scope::ReadWriteDelete;
    return std::nullopt;
}

} // namespace fluxion
