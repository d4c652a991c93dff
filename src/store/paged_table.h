#pragma once

// A hash table in pages, made to be pinned: extendible hashing (Fagin et al., 1979) over pages of
// at most 256 items. A pin is a reference to the directory: O(1), and never changes. The first
// write after a pin copies the directory (pointers) and the page that it meets, nothing else; from
// then on writes to that page are in place.
//
// Threads: one writer. Pins are taken, and pages of the table itself read, while the writer is
// shut out (a shared lock against its exclusive one); a pin is then read, copied and dropped on any
// thread without a lock.
//
// Page must be copyable and have: size(), memoryBytes(), and splitOff(bit), which moves the items
// whose hash has that bit set into the page returned.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/ref.h"

namespace fluxion {

constexpr size_t kPageItems = 256;
constexpr unsigned kMaxDirectoryDepth = 32;

template <class Page> class PagedTable {
    struct Node : RefCounted {
        Page page;
        unsigned depth = 0; // leading hash bits that all its items share
    };
    struct Directory : RefCounted {
        unsigned depth = 0;
        std::vector<uint32_t> slots{0}; // 2^depth places in `pages`, by the hash's leading bits
        std::vector<Ref<Node>> pages{Ref<Node>::make()}; // each once, in order of creation

        size_t slotOf(uint64_t hash) const { return depth == 0 ? 0 : hash >> (64 - depth); }
        const Page& pageFor(uint64_t hash) const { return pages[slots[slotOf(hash)]]->page; }
    };

  public:
    // The table as it was at one moment. A default one has no pages.
    class Pin {
      public:
        Pin() = default;
        size_t pageCount() const { return m_directory ? m_directory->pages.size() : 0; }
        const Page& page(size_t index) const { return m_directory->pages[index]->page; }
        // Only of a pin that was taken of a table.
        const Page& pageFor(uint64_t hash) const { return m_directory->pageFor(hash); }
        size_t indexFor(uint64_t hash) const
        {
            return m_directory->slots[m_directory->slotOf(hash)];
        }

      private:
        friend class PagedTable;
        explicit Pin(const Directory* directory) : m_directory(directory) {}
        Ref<const Directory> m_directory;
    };

    Pin pin() const { return Pin(m_directory.get()); }

    // An index stays the same page for good; splits append. So a sweep that goes by index in
    // several steps meets every item that is not new.
    size_t pageCount() const { return m_directory->pages.size(); }
    const Page& page(size_t index) const { return m_directory->pages[index]->page; }
    const Page& pageFor(uint64_t hash) const { return m_directory->pageFor(hash); }

    // What the pages say that they occupy, and the directory.
    size_t memoryBytes() const
    {
        return m_pageBytes + m_directory->slots.capacity() * sizeof(uint32_t) +
               m_directory->pages.capacity() * (sizeof(Ref<Node>) + sizeof(Node));
    }

    // Calls change(Page&) for the page of this hash; the change adds no item.
    template <class Change> void edit(uint64_t hash, Change&& change)
    {
        Directory& directory = m_directory.writable();
        editNode(directory.pages[directory.slots[directory.slotOf(hash)]], change);
    }

    // The same for a change that adds one item: makes room before.
    template <class Change> void editForInsert(uint64_t hash, Change&& change)
    {
        Directory& directory = m_directory.writable();
        for (;;) {
            const size_t slot = directory.slotOf(hash);
            Ref<Node>& node = directory.pages[directory.slots[slot]];
            if (node->page.size() < kPageItems || node->depth >= depthCap(directory))
                return editNode(node, change);
            split(directory, slot);
        }
    }

    // Calls change(Page&) for every page.
    template <class Change> void editAll(Change&& change)
    {
        for (Ref<Node>& node : m_directory.writable().pages)
            editNode(node, change);
    }

    void clear()
    {
        m_directory = Ref<Directory>::make();
        m_pageBytes = 0;
    }

  private:
    // Items with equal leading bits must not blow up the directory: beyond this depth, some bits
    // more than this many pages need, a page grows instead.
    static unsigned depthCap(const Directory& directory)
    {
        const auto needed = static_cast<unsigned>(std::bit_width(directory.pages.size()));
        return needed + 5 < kMaxDirectoryDepth ? needed + 5 : kMaxDirectoryDepth;
    }

    template <class Change> void editNode(Ref<Node>& node, Change& change)
    {
        // Measured before a copy, since a copy has less slack than the original that was counted.
        m_pageBytes -= node->page.memoryBytes();
        Page& page = node.writable().page;
        change(page);
        m_pageBytes += page.memoryBytes();
    }

    void split(Directory& directory, size_t slot)
    {
        if (directory.pages[directory.slots[slot]]->depth == directory.depth) {
            std::vector<uint32_t> doubled(directory.slots.size() * 2);
            for (size_t i = 0; i < doubled.size(); ++i)
                doubled[i] = directory.slots[i / 2];
            directory.slots = std::move(doubled);
            ++directory.depth;
            slot *= 2;
        }
        const uint32_t oldIndex = directory.slots[slot];
        const auto newIndex = static_cast<uint32_t>(directory.pages.size());
        Ref<Node>& node = directory.pages[oldIndex];
        m_pageBytes -= node->page.memoryBytes();
        Node& lower = node.writable();
        Ref<Node> upper = Ref<Node>::make();
        upper->page = lower.page.splitOff(63 - lower.depth);
        m_pageBytes += lower.page.memoryBytes() + upper->page.memoryBytes();
        const size_t span = size_t{1} << (directory.depth - lower.depth);
        const size_t first = slot / span * span;
        for (size_t i = first + span / 2; i < first + span; ++i)
            directory.slots[i] = newIndex;
        upper->depth = ++lower.depth;
        directory.pages.push_back(std::move(upper));
    }

    Ref<Directory> m_directory = Ref<Directory>::make();
    size_t m_pageBytes = 0;
};

} // namespace fluxion
