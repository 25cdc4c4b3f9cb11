#include "lib/core/key.h"

#include <absl/strings/str_cat.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>

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

using KeyBytes = std::array<uint8_t, 32>;

// An encoding is the y coordinate, least significant byte first; its highest bit is the sign of x.
constexpr uint8_t kSignBit = 0x80;

// The y coordinates of the eight points whose order divides 8, less than p = 2^255 - 19. Both signs
// of x are refused for each, also where x is 0.
constexpr KeyBytes kSmallOrder[] = {
    {1},  // order 1
    {0},  // order 4
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // order 2: p - 1
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},  // order 8
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},  // order 8
};

KeyBytes WithoutSign(KeyBytes bytes) {
  bytes.back() &= static_cast<uint8_t>(~kSignBit);
  return bytes;
}

// Whether y is less than p. The 19 values from p to 2^255 - 1 are not.
bool IsCanonical(const KeyBytes& bytes) {
  const KeyBytes y = WithoutSign(bytes);
  return y.back() != 0x7f || y.front() < 0xed ||
         std::any_of(y.begin() + 1, y.end() - 1, [](uint8_t byte) { return byte != 0xff; });
}

bool HasSmallOrder(const KeyBytes& bytes) {
  const KeyBytes y = WithoutSign(bytes);
  return std::any_of(std::begin(kSmallOrder), std::end(kSmallOrder),
                     [&](const KeyBytes& small) { return small == y; });
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::FromBytes(absl::string_view bytes) {
  absl::StatusOr<PublicKey> key = FromRecord(bytes);
  if (key.ok() && !IsCanonical(key->bytes_)) {
    return absl::InvalidArgumentError("a public key must be in its only encoding");
  }
  if (key.ok() && HasSmallOrder(key->bytes_)) {
    return absl::InvalidArgumentError(
        "a public key must not be a point of small order, whose signatures prove nothing");
  }
  return key;
}

absl::StatusOr<PublicKey> PublicKey::FromRecord(absl::string_view bytes) {
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
  // The empty key, 32 zero bytes, is a point of order 4.
  if (HasSmallOrder(bytes_) || !IsCanonical(bytes_) || signature.size() != kSignatureBytes) {
    return false;
  }
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
