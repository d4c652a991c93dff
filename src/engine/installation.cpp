#include "engine/installation.h"

#include "base/random.h"
#include "log/sealed_file.h"

namespace fluxion {

namespace {

constexpr size_t kSecretBytes = 32;

} // namespace

std::string newInstallationSecret()
{
    std::string secret(kSecretBytes, '\0');
    randomBytes(secret.data(), secret.size());
    return secret;
}

Result<std::optional<std::string>> readInstallationSecret(Directory& directory)
{
    auto secret = readSealedFile(directory, kInstallationName);
    if (secret && secret.value() && secret.value()->size() != kSecretBytes)
        return {Code::Damaged,
                directory.path() + "/" + kInstallationName + ": damaged at offset 0: wrong size"};
    return secret;
}

Status writeInstallationSecret(Directory& directory, const std::string& secret)
{
    Status status = writeSealedFile(directory, kInstallationName, secret);
    const auto made = directory.exists(kInstallationName);
    if (!status && made && made.value())
        (void)directory.remove(kInstallationName).ok();
    return status;
}

} // namespace fluxion
