#pragma once

// From a key, as a client shows it, to what it may do. Any thread.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/proposal.h"
#include "store/api_keys.h"

namespace fluxion {

// A connection's right to be here; follows changes of its key at once.
class Access {
  public:
    static Access master() { return Access(nullptr); }
    explicit Access(std::shared_ptr<const ApiKey> key) : m_key(std::move(key)) {}

    bool isMaster() const { return !m_key; }
    // The key was removed: the connection must go.
    bool revoked() const { return m_key && m_key->removed(); }
    Scope scope() const { return m_key ? m_key->scope() : Scope::Master; }
    Principal principal() const { return {0, m_key ? m_key->id() : 0, scope()}; }

  private:
    std::shared_ptr<const ApiKey> m_key; // null: the master key
};

class Authenticator {
  public:
    // `installationSecret` keys the hashes; `keys` outlives this.
    Authenticator(std::string_view masterKey, std::string installationSecret, const ApiKeys& keys);

    // Nothing for an unknown key. The time taken does not depend on how much of a key is right.
    std::optional<Access> authenticate(std::string_view key) const;

    // HMAC-SHA-256 under the installation's secret: what is stored of a key.
    KeyHash hash(std::string_view key) const;
    bool isMasterKey(std::string_view key) const;
    const KeyHash& masterHash() const { return m_masterHash; }

  private:
    std::string m_installationSecret;
    const ApiKeys& m_keys;
    KeyHash m_masterHash;
};

} // namespace fluxion
