#pragma once

// What the readers of plain JSON share: looking at a string's bytes, 16 at a time. They read 16
// bytes from where they are told, whatever stands there.

#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fluxion {

constexpr size_t kTextStep = 16;

namespace detail {

inline bool isPlain(char c)
{
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
}

#if defined(__SSE2__)
// A bit for each quote, backslash and control character.
inline unsigned specialBytes(__m128i bytes)
{
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)));
}

inline size_t firstOf(unsigned mask)
{
    return mask == 0 ? kTextStep : static_cast<size_t>(std::countr_zero(mask));
}
#endif

} // namespace detail

// The place of the first quote, backslash or control character; kTextStep if there is none. Copies
// all 16.
inline size_t copyPlainBytes(char* out, const char* in)
{
#if defined(__SSE2__)
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    return detail::firstOf(detail::specialBytes(bytes));
#else
    std::memcpy(out, in, kTextStep);
    size_t i = 0;
    while (i < kTextStep && detail::isPlain(in[i]))
        ++i;
    return i;
#endif
}

// The same without a copy; what is not ASCII counts as well.
inline size_t plainAsciiBytes(const char* in)
{
#if defined(__SSE2__)
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    return detail::firstOf(detail::specialBytes(bytes) |
                           static_cast<unsigned>(_mm_movemask_epi8(bytes)));
#else
    size_t i = 0;
    while (i < kTextStep && detail::isPlain(in[i]) && static_cast<unsigned char>(in[i]) < 0x80)
        ++i;
    return i;
#endif
}

// What a one-letter escape stands for; 0 for all that is none, \u included.
inline char oneLetterEscape(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

} // namespace fluxion
