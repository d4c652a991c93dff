#include "store/facts.h"

#include <cstring>

#include "base/bytes.h"

namespace fluxion {

namespace {

struct Encoder {
    ByteWriter out;

    template <class F> void gone(const F& f)
    {
        out.text(f.collection);
        out.text(f.key);
        out.varint(f.version);
        out.varint(f.previousSeq);
    }

    void operator()(const InsertedFact& f)
    {
        out.varint(f.groups.size());
        for (const auto& group : f.groups) {
            out.text(group.collection);
            out.varint(group.records.size());
            for (const auto& r : group.records) {
                out.text(r.doc);
                out.svarint(r.ts);
                out.text(r.data);
            }
        }
    }
    void operator()(const RecordsDeletedFact& f)
    {
        out.varint(f.items.size());
        for (const auto& item : f.items) {
            out.text(item.collection);
            out.text(item.doc);
            out.svarint(item.ts);
        }
    }
    void operator()(const RangeDeletedFact& f)
    {
        out.text(f.collection);
        out.text(f.doc);
        out.svarint(f.from);
        out.svarint(f.to);
    }
    void operator()(const DocumentDeletedFact& f)
    {
        out.text(f.doc);
        out.varint(f.collections.size());
        for (const auto& c : f.collections)
            out.text(c);
    }
    void operator()(const CollectionDroppedFact& f) { out.text(f.collection); }
    void operator()(const KeySetFact& f)
    {
        out.text(f.collection);
        out.text(f.key);
        out.varint(f.version);
        out.svarint(f.expiryUs);
        out.varint(f.previousSeq);
        out.text(f.value);
    }
    void operator()(const KeyRemovedFact& f) { gone(f); }
    void operator()(const KeyExpiredFact& f) { gone(f); }
    void operator()(const KeysForgottenFact& f)
    {
        out.text(f.collection);
        out.varint(f.versionFloor);
        out.varint(f.keys.size());
        for (const auto& key : f.keys)
            out.text(key);
    }
    void operator()(const KeysWrittenFact& f)
    {
        out.text(f.collection);
        out.varint(f.writes.size());
        for (const auto& w : f.writes) {
            out.u8(static_cast<uint8_t>(w.kind));
            out.text(w.key);
            out.varint(w.version);
            out.varint(w.previousSeq);
            if (w.kind == KeysWrittenFact::Kind::Set) {
                out.svarint(w.expiryUs);
                out.text(w.value);
            }
        }
    }
    void operator()(const ApiKeySetFact& f)
    {
        out.u32(f.id);
        out.raw(f.hash.data(), f.hash.size());
        out.u8(static_cast<uint8_t>(f.scope));
        out.text(f.hint);
    }
    void operator()(const ApiKeyRemovedFact& f) { out.u32(f.id); }
};

InsertedFact decodeInserted(ByteReader& in)
{
    InsertedFact f;
    // Counts are not believed beyond what the bytes could hold.
    for (uint64_t g = in.varint(); g > 0 && in.ok(); --g) {
        auto& group = f.groups.emplace_back();
        group.collection = in.text();
        for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
            RecordFact r;
            r.doc = in.text();
            r.ts = in.svarint();
            r.data = in.text();
            group.records.push_back(r);
        }
    }
    return f;
}

RecordsDeletedFact decodeRecordsDeleted(ByteReader& in)
{
    RecordsDeletedFact f;
    for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
        RecordsDeletedFact::Item item;
        item.collection = in.text();
        item.doc = in.text();
        item.ts = in.svarint();
        f.items.push_back(item);
    }
    return f;
}

RangeDeletedFact decodeRangeDeleted(ByteReader& in)
{
    RangeDeletedFact f;
    f.collection = in.text();
    f.doc = in.text();
    f.from = in.svarint();
    f.to = in.svarint();
    return f;
}

DocumentDeletedFact decodeDocumentDeleted(ByteReader& in)
{
    DocumentDeletedFact f;
    f.doc = in.text();
    for (uint64_t n = in.varint(); n > 0 && in.ok(); --n)
        f.collections.push_back(in.text());
    return f;
}

KeySetFact decodeKeySet(ByteReader& in)
{
    KeySetFact f;
    f.collection = in.text();
    f.key = in.text();
    f.version = in.varint();
    f.expiryUs = in.svarint();
    f.previousSeq = in.varint();
    f.value = in.text();
    return f;
}

// A key that is gone: both kinds look alike.
template <class F> F decodeKeyGone(ByteReader& in)
{
    F f;
    f.collection = in.text();
    f.key = in.text();
    f.version = in.varint();
    f.previousSeq = in.varint();
    return f;
}

KeysForgottenFact decodeKeysForgotten(ByteReader& in)
{
    KeysForgottenFact f;
    f.collection = in.text();
    f.versionFloor = in.varint();
    for (uint64_t n = in.varint(); n > 0 && in.ok(); --n)
        f.keys.push_back(in.text());
    return f;
}

std::optional<KeysWrittenFact> decodeKeysWritten(ByteReader& in)
{
    KeysWrittenFact f;
    f.collection = in.text();
    for (uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
        KeysWrittenFact::Write w;
        const uint8_t kind = in.u8();
        if (kind > static_cast<uint8_t>(KeysWrittenFact::Kind::Removed))
            return std::nullopt;
        w.kind = static_cast<KeysWrittenFact::Kind>(kind);
        w.key = in.text();
        w.version = in.varint();
        w.previousSeq = in.varint();
        if (w.kind == KeysWrittenFact::Kind::Set) {
            w.expiryUs = in.svarint();
            w.value = in.text();
        }
        f.writes.push_back(w);
    }
    return f;
}

std::optional<ApiKeySetFact> decodeApiKeySet(ByteReader& in)
{
    ApiKeySetFact f;
    f.id = in.u32();
    const std::string_view hash = in.raw(f.hash.size());
    if (in.ok())
        std::memcpy(f.hash.data(), hash.data(), hash.size());
    const uint8_t scope = in.u8();
    f.hint = in.text();
    if (scope > static_cast<uint8_t>(Scope::ReadWriteDelete))
        return std::nullopt;
    f.scope = static_cast<Scope>(scope);
    return f;
}

std::optional<Fact> decode(FactType type, ByteReader& in)
{
    switch (type) {
    case FactType::Inserted:
        return decodeInserted(in);
    case FactType::RecordsDeleted:
        return decodeRecordsDeleted(in);
    case FactType::RangeDeleted:
        return decodeRangeDeleted(in);
    case FactType::DocumentDeleted:
        return decodeDocumentDeleted(in);
    case FactType::CollectionDropped:
        return CollectionDroppedFact{in.text()};
    case FactType::KeySet:
        return decodeKeySet(in);
    case FactType::KeyRemoved:
        return decodeKeyGone<KeyRemovedFact>(in);
    case FactType::ApiKeySet:
        return decodeApiKeySet(in);
    case FactType::ApiKeyRemoved:
        return ApiKeyRemovedFact{in.u32()};
    case FactType::KeyExpired:
        return decodeKeyGone<KeyExpiredFact>(in);
    case FactType::KeysForgotten:
        return decodeKeysForgotten(in);
    case FactType::KeysWritten:
        return decodeKeysWritten(in);
    }
    return std::nullopt;
}

} // namespace

FactType typeOf(const Fact& fact)
{
    return static_cast<FactType>(fact.index() + 1);
}

void encodeFact(const Fact& fact, std::string& out)
{
    std::visit(Encoder{ByteWriter(out)}, fact);
}

Result<Fact> decodeFact(uint16_t type, std::string_view payload)
{
    ByteReader in(payload);
    std::optional<Fact> fact = decode(static_cast<FactType>(type), in);
    if (!fact || !in.ok() || !in.atEnd())
        return {Code::Damaged, "entry of type " + std::to_string(type) + " cannot be read"};
    return std::move(*fact);
}

} // namespace fluxion
