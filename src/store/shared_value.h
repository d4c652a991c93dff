#pragma once

// A value that several hold at once, large ones without a copy of their own.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "store/value_page.h"

namespace fluxion {

// Immutable; cheap to copy. Any thread.
class SharedValue {
  public:
    SharedValue() = default;
    SharedValue(std::string value) : m_own(std::make_shared<const std::string>(std::move(value))) {}
    // What stands behind the key in the blob.
    SharedValue(Ref<const ValueBlob> blob, size_t keyBytes)
        : m_blob(std::move(blob)), m_keyBytes(keyBytes)
    {
    }

    std::string_view view() const
    {
        if (m_blob)
            return std::string_view(m_blob->bytes).substr(m_keyBytes);
        return m_own ? std::string_view(*m_own) : std::string_view();
    }

  private:
    std::shared_ptr<const std::string> m_own;
    Ref<const ValueBlob> m_blob;
    size_t m_keyBytes = 0;
};

} // namespace fluxion
