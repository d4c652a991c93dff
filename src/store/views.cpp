#include "store/views.h"

namespace fluxion {

ViewSet viewsOf(FactType type)
{
    switch (type) {
    case FactType::Inserted:
    case FactType::RecordsDeleted:
    case FactType::RangeDeleted:
    case FactType::DocumentDeleted:
        return {View::Series};
    case FactType::CollectionDropped:
        return {View::Series, View::Values};
    case FactType::KeySet:
    case FactType::KeyRemoved:
    case FactType::KeyExpired:
    case FactType::KeysForgotten:
    case FactType::KeysWritten:
        return {View::Values};
    case FactType::ApiKeySet:
    case FactType::ApiKeyRemoved:
        return {View::ApiKeys};
    }
    return {};
}

} // namespace fluxion
