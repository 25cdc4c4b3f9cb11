// A peer's identity: an Ed25519 key (RFC 8032).
#ifndef ARKSHARE_LIB_CORE_KEY_H_
#define ARKSHARE_LIB_CORE_KEY_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace arkshare {

// The length of an Ed25519 signature (RFC 8032).
inline constexpr size_t kSignatureBytes = 64;

// 32 raw bytes. Thread-safe, cheap to copy.
class PublicKey {
 public:
  PublicKey() = default;  // 32 zero bytes: not a valid key; verifies nothing
  // InvalidArgument unless `bytes` is 32 bytes. Also for a y coordinate of p or more, which RFC
  // 8032 (section 5.1.3) does not decode and which would give one key two names, and for a point of
  // small order: signatures for such a key can be made without a private key ("Taming the many
  // EdDSAs", Chalkias, Garillot and Nikolaenko, 2020).
  static absl::StatusOr<PublicKey> FromBytes(absl::string_view bytes);
  // For a key that this program has recorded: requires 32 bytes only, because an old record may
  // name any key. Such a key may verify nothing.
  static absl::StatusOr<PublicKey> FromRecord(absl::string_view bytes);

  std::string bytes() const;
  // The same without a copy, valid while this object lives.
  absl::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  std::string hex() const;
  // True when `signature` (64 bytes) is this key's signature of `message`.
  bool Verify(absl::string_view message, absl::string_view signature) const;

  auto operator<=>(const PublicKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const PublicKey& key) {
    return H::combine(std::move(h), key.bytes_);
  }

 private:
  std::array<uint8_t, 32> bytes_{};
};

// Thread-safe. Copies share their state.
class PrivateKey {
 public:
  static PrivateKey Generate();
  // Makes the key of a 32-byte seed (RFC 8032), such as seed() returns. InvalidArgument for another
  // length.
  static absl::StatusOr<PrivateKey> FromSeed(absl::string_view seed);

  std::string seed() const;
  const PublicKey& public_key() const;
  // Returns a signature of 64 bytes.
  std::string Sign(absl::string_view message) const;

 private:
  struct State;
  explicit PrivateKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

// Returns `n` random bytes, fit for secrets.
std::string RandomBytes(size_t n);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_KEY_H_
