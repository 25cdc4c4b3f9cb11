// Small records that only an index with its private key can read and write, wherever they are kept.
#ifndef ARKSHARE_SERVICES_INDEX_GROUP_SEAL_H_
#define ARKSHARE_SERVICES_INDEX_GROUP_SEAL_H_

#include <absl/strings/string_view.h>

#include <optional>
#include <string>

#include "lib/core/key.h"

namespace arkshare {

// Returns `text` encrypted and authenticated, together with the place where it is kept: 12 random
// bytes, then AES-256-GCM under HMAC-SHA-256(seed of the key, "arkshare-seal-v1"), then a tag of 16
// bytes. Twice the same text is not twice the same result.
std::string Seal(const PrivateKey& key, absl::string_view place, absl::string_view text);
// Returns nullopt for anything that Seal has not made with this key for this place.
std::optional<std::string> Unseal(const PrivateKey& key, absl::string_view place,
                                  absl::string_view sealed);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_GROUP_SEAL_H_
