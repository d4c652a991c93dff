#pragma once

// Errors are values: a stable code and a text for people. No function of base..engine throws.

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/codes.h"

namespace fluxion {

enum class Code : unsigned char {
#define FLUXION_ENUM(name, token, meaning) name,
    FLUXION_CODES(FLUXION_ENUM)
#undef FLUXION_ENUM
};

// The wire token of a code, such as "bad_request".
std::string_view token(Code code);

struct Error {
    Code code = Code::Internal;
    std::string text;
};

// Success or an Error; converts from both.
class [[nodiscard]] Status {
  public:
    Status() = default;
    Status(Error error) : m_error(std::move(error)), m_ok(false) {}
    Status(Code code, std::string text) : m_error{code, std::move(text)}, m_ok(false) {}

    bool ok() const { return m_ok; }
    explicit operator bool() const { return m_ok; }
    // Only when !ok().
    const Error& error() const { return m_error; }
    Error& error() { return m_error; }

  private:
    Error m_error;
    bool m_ok = true;
};

// A T or an Error; converts from both. value() only when ok(), error() only when not.
template <class T> class [[nodiscard]] Result {
  public:
    Result(T value) : m_state(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : m_state(std::in_place_index<1>, std::move(error)) {}
    Result(Code code, std::string text) : Result(Error{code, std::move(text)}) {}

    bool ok() const { return m_state.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() { return *std::get_if<0>(&m_state); }
    const T& value() const { return *std::get_if<0>(&m_state); }
    const Error& error() const { return *std::get_if<1>(&m_state); }
    Status status() const { return ok() ? Status() : Status(error()); }

  private:
    std::variant<T, Error> m_state;
};

} // namespace fluxion
