#pragma once

// Giving memory back. Assigning an empty string does not: a short one is copied into the room of
// the long one, which stays. Nor does `= {}` to a vector.

namespace fluxion {

template <class Container> void release(Container& container)
{
    Container empty;
    container.swap(empty);
}

} // namespace fluxion
