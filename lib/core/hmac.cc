#include "lib/core/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/core/bytes.h"
#include "lib/core/content_id.h"
#include "lib/core/openssl_check.h"

namespace arkshare {

std::string HmacSha256(absl::string_view key, absl::string_view message) {
  Sha256Digest mac{};
  unsigned int size = 0;
  RequireOpenSsl(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                      AsBytes(message).data(), message.size(), mac.data(), &size) != nullptr &&
                 size == mac.size());
  return DigestBytes(mac);
}

bool EqualSecrets(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), b.size()) == 0;
}

}  // namespace arkshare
