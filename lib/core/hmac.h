// Proofs that their maker knows a secret.
#ifndef ARKSHARE_LIB_CORE_HMAC_H_
#define ARKSHARE_LIB_CORE_HMAC_H_

#include <absl/strings/string_view.h>

#include <string>

namespace arkshare {

// Returns the 32 bytes of HMAC-SHA-256 (RFC 2104). Thread-safe.
std::string HmacSha256(absl::string_view key, absl::string_view message);

// Compares without telling by the time that it takes where the first difference is.
bool EqualSecrets(absl::string_view a, absl::string_view b);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_HMAC_H_
