#pragma once

// One request of an import: records, or keys of one collection.

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "shell/import_state.h"
#include "shell/request.h"

namespace fluxion::shell {

class ImportBatch {
  public:
    bool empty() const { return m_items.empty(); }
    size_t size() const { return m_items.size(); }

    // Whether one more may come in; `key` is empty of a record. A key stands in a request once.
    bool takes(const std::string& collection, std::string_view key, size_t bytes) const;
    // `item`: an element of the payload. `position`: of its line, for messages.
    void add(const std::string& collection, std::string_view key, std::string item,
             const std::string& position);

    Request request() const;
    // "FILE, line 7", or from the first to the last.
    std::string positions() const;
    // Takes the latter half off, which holds at least one, as this does then.
    ImportBatch splitOff();

    // Once this and all before it is stored; nothing of the first part of a split one.
    std::optional<ImportState> after;

  private:
    std::string m_collection; // of keys
    bool m_isKeys = false;
    size_t m_bytes = 0;
    std::vector<std::string> m_items;
    std::unordered_set<std::string> m_keys;
    std::string m_first;
    std::string m_last;
};

} // namespace fluxion::shell
