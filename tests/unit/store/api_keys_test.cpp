#include "store/api_keys.h"

#include <doctest/doctest.h>

#include <thread>

#include "model_seed.h"

using namespace fluxion;

namespace {

KeyHash hashOf(char fill)
{
    KeyHash hash;
    hash.fill(fill);
    return hash;
}

ApiKeySetFact setFact(uint32_t id, char fill, Scope scope)
{
    return {id, hashOf(fill), scope, "abcd"};
}

bool same(const ApiKeyList& a, const ApiKeyList& b)
{
    std::string x;
    std::string y;
    ApiKeys::save(a, x);
    ApiKeys::save(b, y);
    return x == y;
}

} // namespace

TEST_CASE("API keys: hashes are equal only if all 32 bytes are")
{
    const KeyHash hash = hashOf(1);
    CHECK(equalInConstantTime(hash, hash));
    for (size_t i = 0; i < hash.size() * 8; ++i) {
        KeyHash other = hash;
        other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << i % 8));
        CHECK_FALSE(equalInConstantTime(hash, other));
    }
}

TEST_CASE("API keys: a holder sees a change of scope and the removal")
{
    ApiKeys keys;
    REQUIRE(keys.apply(setFact(1, 'a', Scope::ReadOnly)).ok());
    const auto held = keys.find(hashOf('a'));
    REQUIRE(held);
    CHECK(held->id() == 1);
    CHECK(held->hint() == "abcd");
    CHECK(held->scope() == Scope::ReadOnly);
    CHECK(keys.findById(1) == held);
    CHECK_FALSE(keys.find(hashOf('b')));

    REQUIRE(keys.apply(setFact(1, 'a', Scope::ReadWrite)).ok());
    CHECK(held->scope() == Scope::ReadWrite);
    CHECK(keys.find(hashOf('a')) == held);

    REQUIRE(keys.apply(ApiKeyRemovedFact{1}).ok());
    CHECK(held->removed());
    CHECK_FALSE(keys.find(hashOf('a')));
    CHECK_FALSE(keys.findById(1));
    CHECK(keys.count() == 0);
    CHECK(keys.nextId() == 2);
    // The same key may come back, under an id of its own.
    REQUIRE(keys.apply(setFact(2, 'a', Scope::ReadOnly)).ok());
    CHECK(held->removed());
    CHECK_FALSE(keys.find(hashOf('a'))->removed());
}

TEST_CASE("API keys: facts that cannot follow from the ones before are refused")
{
    ApiKeys keys;
    REQUIRE(keys.apply(setFact(3, 'a', Scope::ReadOnly)).ok());
    REQUIRE(keys.apply(setFact(4, 'b', Scope::ReadOnly)).ok());
    REQUIRE(keys.apply(ApiKeyRemovedFact{4}).ok());
    const ApiKeyList before = keys.list();
    const struct {
        const char* what;
        ApiKeySetFact fact;
    } cases[] = {
        {"an id below", setFact(2, 'c', Scope::ReadOnly)},
        {"a removed id", setFact(4, 'b', Scope::ReadOnly)},
        {"another hash under the id", setFact(3, 'c', Scope::ReadOnly)},
        {"the hash of another id", setFact(5, 'a', Scope::ReadOnly)},
        {"no id", setFact(0, 'c', Scope::ReadOnly)},
        {"the last number", setFact(UINT32_MAX, 'c', Scope::ReadOnly)},
    };
    for (const auto& c : cases) {
        INFO(c.what);
        const Status status = keys.apply(c.fact);
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::Damaged);
    }
    CHECK_FALSE(keys.apply(ApiKeyRemovedFact{4}).ok());
    CHECK(same(keys.list(), before));
}

TEST_CASE("API keys: what was saved comes back, ids that were removed stay used")
{
    ApiKeys keys;
    for (uint32_t id = 1; id <= 5; ++id)
        REQUIRE(keys.apply(setFact(id, static_cast<char>(id), Scope::ReadWriteDelete)).ok());
    REQUIRE(keys.apply(ApiKeyRemovedFact{5}).ok());
    REQUIRE(keys.apply(ApiKeyRemovedFact{2}).ok());
    std::string block;
    ApiKeys::save(keys.list(), block);
    ApiKeys loaded;
    REQUIRE(loaded.load(block).ok());
    CHECK(same(loaded.list(), keys.list()));
    CHECK(loaded.nextId() == 6);
    CHECK(loaded.find(hashOf(3))->scope() == Scope::ReadWriteDelete);
    CHECK_FALSE(loaded.apply(setFact(5, 9, Scope::ReadOnly)).ok());
    CHECK_FALSE(loaded.load(block).ok());
}

TEST_CASE("API keys: damaged blocks are refused or read, never worse")
{
    auto random = seededRandom("API key blocks");
    ApiKeys keys;
    for (uint32_t id = 1; id <= 4; ++id)
        REQUIRE(keys.apply(setFact(id, static_cast<char>(id), Scope::ReadOnly)).ok());
    std::string block;
    ApiKeys::save(keys.list(), block);
    for (size_t length = 0; length < block.size(); ++length) {
        ApiKeys loaded;
        const std::string cut = block.substr(0, length); // its own buffer, for the sanitizer
        const Status status = loaded.load(cut);
        REQUIRE_FALSE(status.ok());
        CHECK(status.error().code == Code::Damaged);
    }
    ApiKeys longer;
    CHECK_FALSE(longer.load(block + "x").ok());
    size_t refused = 0;
    for (int i = 0; i < 5000; ++i) {
        std::string changed = block;
        changed[random() % changed.size()] = static_cast<char>(random());
        ApiKeys loaded;
        refused += loaded.load(changed).ok() ? 0 : 1;
    }
    CHECK(refused > 0);
}

TEST_CASE("API keys: read by several threads while they change")
{
    ApiKeys keys;
    REQUIRE(keys.apply(setFact(1, 'a', Scope::ReadOnly)).ok());
    std::atomic<bool> done{false};
    std::atomic<uint64_t> wrong{0};
    std::vector<std::thread> readers;
    for (int t = 0; t < 2; ++t)
        readers.emplace_back([&] {
            const auto held = keys.findById(1);
            while (!done) {
                const auto key = keys.find(hashOf('a'));
                const Scope scope = key ? key->scope() : Scope::Master; // once: it changes
                if (key != held || (scope != Scope::ReadOnly && scope != Scope::ReadWrite))
                    ++wrong;
                if (keys.list().keys.empty())
                    ++wrong;
            }
        });
    for (uint32_t i = 0; i < 2000; ++i) {
        const Scope scope = i % 2 == 0 ? Scope::ReadWrite : Scope::ReadOnly;
        REQUIRE(keys.apply(setFact(1, 'a', scope)).ok());
        REQUIRE(keys.apply(setFact(i + 2, 'b', scope)).ok());
        REQUIRE(keys.apply(ApiKeyRemovedFact{i + 2}).ok());
    }
    done = true;
    for (std::thread& reader : readers)
        reader.join();
    CHECK(wrong == 0);
}
