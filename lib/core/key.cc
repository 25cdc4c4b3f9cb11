#include "lib/core/key.h"

#include <absl/strings/str_cat.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "lib/core/content_id.h"
#include "lib/core/openssl_check.h"

namespace arkshare {
namespace {

constexpr size_t kSeedBytes = 32;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using UniqueKey = std::unique_ptr<EVP_PKEY, FreeKey>;
using UniqueContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const uint8_t* Data(absl::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::FromBytes(absl::string_view bytes) {
  PublicKey key;
  if (bytes.size() != key.bytes_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a public key has 32 bytes, got ", bytes.size()));
  }
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  return key;
}

std::string PublicKey::bytes() const { return std::string(bytes_.begin(), bytes_.end()); }

std::string PublicKey::hex() const { return ToHex(bytes()); }

bool PublicKey::Verify(absl::string_view message, absl::string_view signature) const {
  // 32 zero bytes encode a point of order 4, for which signatures can be forged.
  if (*this == PublicKey() || signature.size() != kSignatureBytes) return false;
  const UniqueKey key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()));
  const UniqueContext context(EVP_MD_CTX_new());
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Data(signature), signature.size(), Data(message),
                          message.size()) == 1;
}

struct PrivateKey::State {
  ~State() { OPENSSL_cleanse(seed.data(), seed.size()); }

  std::string seed;
  UniqueKey key;
  PublicKey public_key;
};

PrivateKey PrivateKey::Generate() {
  absl::StatusOr<PrivateKey> key = FromSeed(RandomBytes(kSeedBytes));
  RequireOpenSsl(key.ok());
  return *std::move(key);
}

absl::StatusOr<PrivateKey> PrivateKey::FromSeed(absl::string_view seed) {
  if (seed.size() != kSeedBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the seed of a private key has 32 bytes, got ", seed.size()));
  }
  auto state = std::make_shared<State>();
  state->seed = std::string(seed);
  state->key.reset(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Data(seed), seed.size()));
  RequireOpenSsl(state->key != nullptr);
  std::string public_bytes(32, '\0');
  size_t size = public_bytes.size();
  RequireOpenSsl(EVP_PKEY_get_raw_public_key(state->key.get(),
                                             reinterpret_cast<uint8_t*>(public_bytes.data()),
                                             &size) == 1);
  absl::StatusOr<PublicKey> public_key = PublicKey::FromBytes(public_bytes);
  RequireOpenSsl(public_key.ok());
  state->public_key = *public_key;
  return PrivateKey(std::move(state));
}

std::string PrivateKey::seed() const { return state_->seed; }

const PublicKey& PrivateKey::public_key() const { return state_->public_key; }

std::string PrivateKey::Sign(absl::string_view message) const {
  const UniqueContext context(EVP_MD_CTX_new());
  RequireOpenSsl(context != nullptr);
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  RequireOpenSsl(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, state_->key.get()) ==
                 1);
  RequireOpenSsl(EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(signature.data()), &size,
                                Data(message), message.size()) == 1);
  return signature;
}

std::string RandomBytes(size_t n) {
  std::string bytes(n, '\0');
  size_t done = 0;
  while (done < n) {
    const ssize_t got = getrandom(bytes.data() + done, n - done, 0);
    RequireOpenSsl(got > 0 || errno == EINTR);
    if (got > 0) done += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace arkshare
