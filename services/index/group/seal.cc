#include "services/index/group/seal.h"

#include <absl/strings/str_cat.h>
#include <openssl/evp.h>

#include <memory>

#include "lib/core/bytes.h"
#include "lib/core/content_id.h"
#include "lib/core/hmac.h"
#include "lib/core/openssl_check.h"

namespace arkshare {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using UniqueCipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

Sha256Digest SealingKey(const PrivateKey& key) {
  constexpr absl::string_view kPurpose = "arkshare-seal-v1";
  return DigestFromBytes(HmacSha256(key.seed(), kPurpose)).value();
}

uint8_t* WritableBytes(std::string& text, size_t from = 0) {
  return reinterpret_cast<uint8_t*>(text.data()) + from;
}

}  // namespace

std::string Seal(const PrivateKey& key, absl::string_view place, absl::string_view text) {
  const Sha256Digest sealing = SealingKey(key);
  const std::string nonce = RandomBytes(kNonceBytes);
  const UniqueCipher cipher(EVP_CIPHER_CTX_new());
  std::string sealed(kNonceBytes + text.size() + kTagBytes, '\0');
  sealed.replace(0, kNonceBytes, nonce);
  int size = 0;
  RequireOpenSsl(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, sealing.data(),
                                    AsBytes(nonce).data()) == 1 &&
                 EVP_EncryptUpdate(cipher.get(), nullptr, &size, AsBytes(place).data(),
                                   static_cast<int>(place.size())) == 1 &&
                 EVP_EncryptUpdate(cipher.get(), WritableBytes(sealed, kNonceBytes), &size,
                                   AsBytes(text).data(), static_cast<int>(text.size())) == 1 &&
                 EVP_EncryptFinal_ex(cipher.get(), WritableBytes(sealed, kNonceBytes + text.size()),
                                     &size) == 1 &&
                 EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                                     WritableBytes(sealed, kNonceBytes + text.size())) == 1);
  return sealed;
}

std::optional<std::string> Unseal(const PrivateKey& key, absl::string_view place,
                                  absl::string_view sealed) {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const Sha256Digest sealing = SealingKey(key);
  const absl::string_view nonce = sealed.substr(0, kNonceBytes);
  const absl::string_view bytes =
      sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const UniqueCipher cipher(EVP_CIPHER_CTX_new());
  // Room for nothing at all is no room: an empty text is decrypted, too.
  std::string text(bytes.size() + 1, '\0');
  int size = 0;
  RequireOpenSsl(
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, sealing.data(),
                         AsBytes(nonce).data()) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, AsBytes(place).data(),
                        static_cast<int>(place.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), WritableBytes(text), &size, AsBytes(bytes).data(),
                        static_cast<int>(bytes.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, WritableBytes(tag)) == 1);
  if (EVP_DecryptFinal_ex(cipher.get(), WritableBytes(text, bytes.size()), &size) != 1) {
    return std::nullopt;
  }
  text.resize(bytes.size());
  return text;
}

}  // namespace arkshare
