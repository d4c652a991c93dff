#pragma once

// Shared ownership with copy-on-write. Unlike std::shared_ptr, unique() synchronises with the
// release of the last other reference, so that the only owner may write without a lock.

#include <atomic>
#include <cstdint>
#include <utility>

namespace fluxion {

// Base of everything held by Ref. A copy of the object starts with a count of its own.
class RefCounted {
  public:
    RefCounted() = default;
    RefCounted(const RefCounted&) {}
    RefCounted& operator=(const RefCounted&) { return *this; }

  private:
    template <class T> friend class Ref;
    mutable std::atomic<uint32_t> m_refs{0};
};

template <class T> class Ref {
  public:
    Ref() = default;
    explicit Ref(T* object) : m_object(object) { retain(); }
    Ref(const Ref& other) : m_object(other.m_object) { retain(); }
    Ref(Ref&& other) noexcept : m_object(std::exchange(other.m_object, nullptr)) {}
    Ref& operator=(Ref other) noexcept
    {
        std::swap(m_object, other.m_object);
        return *this;
    }
    ~Ref()
    {
        if (m_object && m_object->m_refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete m_object;
    }

    template <class... Args> static Ref make(Args&&... args)
    {
        return Ref(new T(std::forward<Args>(args)...));
    }

    T* get() const { return m_object; }
    T* operator->() const { return m_object; }
    T& operator*() const { return *m_object; }
    explicit operator bool() const { return m_object != nullptr; }
    friend bool operator==(const Ref& a, const Ref& b) { return a.m_object == b.m_object; }

    // Nobody else holds the object. Stable only while nobody else can take a reference.
    bool unique() const { return m_object->m_refs.load(std::memory_order_acquire) == 1; }

    // The object for writing: itself when unique, else a copy that replaces it here.
    T& writable()
    {
        if (!unique())
            *this = make(*m_object);
        return *m_object;
    }

  private:
    void retain() const
    {
        if (m_object)
            m_object->m_refs.fetch_add(1, std::memory_order_relaxed);
    }

    T* m_object = nullptr;
};

} // namespace fluxion
