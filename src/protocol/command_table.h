#pragma once

// The table of message types. Constant data; any thread.

#include <span>
#include <string_view>

#include "protocol/commands.h"
#include "protocol/scope.h"

namespace fluxion {

enum class CommandType : unsigned char {
#define FLUXION_ENUM(name, token, permission, shape, summary) name,
    FLUXION_COMMANDS(FLUXION_ENUM)
#undef FLUXION_ENUM
};

// What `data` is: nothing, an object with the fields, or an array of such objects.
enum class PayloadShape : unsigned char { None, Object, List };

// Types are written `string`, `integer` (64 bits, signed), `boolean`, `json` (any value), `null`,
// `T|U`, `T[]`, `{name:T,...}` (`name?:T` where it may be absent) and `map<T>` (an object from any
// name to T).
struct FieldSpec {
    std::string_view name;
    std::string_view type;
    bool required; // of a reply: always there
    bool pattern;  // a literal or /regex/flags
    std::string_view meaning;
};

struct CommandSpec {
    CommandType type;
    std::string_view token;
    Permission permission;
    PayloadShape shape;
    std::string_view summary;
    std::span<const FieldSpec> payload;
    std::span<const FieldSpec> reply; // besides `id`, which every reply has
};

// In the order of the enum.
std::span<const CommandSpec> allCommands();
const CommandSpec& commandSpec(CommandType type);
// Null when no type has that token.
const CommandSpec* findCommand(std::string_view token);

// The fields of the envelope itself.
std::span<const FieldSpec> envelopeFields();

std::string_view token(PayloadShape shape);

} // namespace fluxion
